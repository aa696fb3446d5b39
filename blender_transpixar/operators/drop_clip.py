"""Place what was dropped: as planes in the 3D viewport, as strips in the sequencer. Needs no server."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import CollectionProperty, EnumProperty, StringProperty

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
    else:
        filepath: _FILEPATH
        directory: _DIRECTORY
        files: _FILES
        place_as: _PLACE_AS

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Place each clip once, however many of its frames were dropped."""
        place = bpy.ops.transpixar.place_strip if self._wants_strips(context) else bpy.ops.transpixar.place_plane
        placed = 0
        for path in one_of_each(self._paths()):
            try:
                placed += place(filepath=str(path)) == {"FINISHED"}
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
