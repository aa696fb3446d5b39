"""Place what was dropped: as planes in the 3D viewport, as strips in the sequencer. Needs no server."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import CollectionProperty, EnumProperty, FloatVectorProperty, IntProperty, StringProperty

from ..bl.pointer import under_pointer_in_sequencer, under_pointer_in_viewport
from ..core.dropped import one_of_each

_FILEPATH = StringProperty(
    name="File",
    description="A clip's .transpixar file, or a frame of a clip or of any numbered sequence with alpha",
    subtype="FILE_PATH",
    options={"SKIP_SAVE"},
)
_DIRECTORY = StringProperty(
    name="Folder", description="Where the files are", subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"}
)
_FILES = CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
_PLACE_AS = EnumProperty(
    name="Place As",
    description="What the clip becomes",
    items=[
        ("AUTO", "As the Editor", "A strip in the sequencer, elsewhere a plane"),
        ("PLANE", "Plane", "A plane with an animated, transparent material"),
        ("STRIP", "Strip", "An image strip in the sequencer"),
    ],
    default="AUTO",
    options={"SKIP_SAVE"},
)
# Set by the drop; shown in the redo panel.
_LOCATION = FloatVectorProperty(
    name="Location",
    description="Where the middle of the plane's lower edge stands; at the 3D cursor when it is not given",
    subtype="TRANSLATION",
    size=3,
    options={"SKIP_SAVE"},
)
_FRAME_START = IntProperty(
    name="Start Frame",
    description="The scene's frame on which the clip begins; the current one when it is not given",
    options={"SKIP_SAVE"},
)
_CHANNEL = IntProperty(
    name="Channel",
    description="Channel to place this strip into; 0 takes the first free one above what is there",
    min=0,
    max=128,
    options={"SKIP_SAVE"},
)


class TRANSPIXAR_OT_drop_clip(bpy.types.Operator):
    """Place clips and sequences by their files."""

    bl_idname = "transpixar.drop_clip"
    bl_label = "Place Dropped Clip"
    bl_description = "Place the clip that a file belongs to, from the current frame on"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    if TYPE_CHECKING:
        filepath: str
        directory: str
        files: Any
        place_as: str
        location: tuple[float, float, float]
        frame_start: int
        channel: int
    else:
        filepath: _FILEPATH
        directory: _DIRECTORY
        files: _FILES
        place_as: _PLACE_AS
        location: _LOCATION
        frame_start: _FRAME_START
        channel: _CHANNEL

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Note where the mouse is, then place the clips there."""
        mouse = event.mouse_region_x, event.mouse_region_y
        if self._wants_strips(context):
            self.frame_start, self.channel = under_pointer_in_sequencer(context, mouse)
        elif (location := under_pointer_in_viewport(context, mouse)) is not None:
            self.location = location
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Place each clip once, however many of its frames were dropped, the next ones beside or above the first."""
        wants_strips = self._wants_strips(context)
        place = bpy.ops.transpixar.place_strip if wants_strips else bpy.ops.transpixar.place_plane
        names = ("frame_start", "channel") if wants_strips else ("location", "frame_start")
        where = {name: getattr(self, name) for name in names if self.properties.is_property_set(name)}
        placed = 0
        for path in one_of_each(self._paths()):
            try:
                done = place(filepath=str(path), **where) == {"FINISHED"}
                placed += done
                if done and not wants_strips:
                    where["is_near"] = True
                elif done:
                    where.pop("channel", None)
            except RuntimeError as error:
                # How Blender passes on what an operator reported; the other clips are placed all the same.
                self.report({"ERROR"}, str(error).removeprefix("Error: ").strip())
        return {"FINISHED"} if placed else {"CANCELLED"}

    def _wants_strips(self, context: bpy.types.Context) -> bool:
        if self.place_as != "AUTO":
            return self.place_as == "STRIP"
        return context.area is not None and context.area.type == "SEQUENCE_EDITOR"

    def _paths(self) -> Iterator[Path]:
        if self.files and self.directory:
            folder = Path(bpy.path.abspath(self.directory)).absolute()
            yield from (folder / file.name for file in self.files if file.name)
        elif self.filepath:
            yield Path(bpy.path.abspath(self.filepath)).absolute()
