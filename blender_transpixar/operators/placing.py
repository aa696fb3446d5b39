"""What the operators that place a clip have in common."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import bpy
from bpy.props import IntProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from ..bl import compat
from ..bl.wording import in_words
from ..core.errors import TransPixarError
from ..core.sequence import Sequence
from ..placement_properties import placement_property_names
from ..preferences import clip_folder

_FILEPATH = StringProperty(
    name="Clip",
    description="A clip's folder or .transpixar file, or a picture of any numbered sequence with alpha",
    subtype="FILE_PATH",
    options={"SKIP_SAVE"} | compat.BLEND_RELATIVE_PATH,
)
_FILTER_GLOB = StringProperty(default="*.transpixar;*.png;*.exr;*.tif;*.tiff", options={"HIDDEN"})
_FRAME_START = IntProperty(
    name="Start Frame",
    description="The scene's frame on which the clip begins; the current one when it is not given",
    options={"SKIP_SAVE"},
)


class PlaceClip(ImportHelper):
    """Opens the sequence, takes what is not given from the panel, and reports errors as sentences.

    A class that inherits it gives `properties_of_panel`, the mix-ins with the properties that the panel has as well,
    and `place`.
    """

    bl_options = {"REGISTER", "UNDO"}
    filename_ext = ".transpixar"
    properties_of_panel: ClassVar[tuple[type, ...]]

    properties: Any
    report: Any
    if TYPE_CHECKING:
        filepath: str
        filter_glob: str
        frame_start: int
    else:
        filepath: _FILEPATH
        filter_glob: _FILTER_GLOB
        frame_start: _FRAME_START

    def scene(self, context: bpy.types.Context) -> bpy.types.Scene:
        """The scene that the clip goes into."""
        return context.scene

    def place(self, context: bpy.types.Context, sequence: Sequence) -> None:
        """Place the sequence. Raises TransPixarError."""
        raise NotImplementedError

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Open the file browser where clips are, with the panel's values beside it."""
        self._take_from_panel(context)
        if not self.filepath:
            # With a separator at its end it is a folder, and no name is proposed.
            self.filepath = f"{_nearest_folder(clip_folder(context))}{os.sep}"
        return super().invoke(context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Place the clip."""
        self._take_from_panel(context)
        if not self.properties.is_property_set("frame_start"):
            self.frame_start = self.scene(context).frame_current
        try:
            self.place(context, Sequence.open(Path(bpy.path.abspath(self.filepath)).absolute()))
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        return {"FINISHED"}

    def _take_from_panel(self, context: bpy.types.Context) -> None:
        """Set what is not given; set, not only read, so that the redo panel shows the values that were used."""
        settings: Any = context.scene.transpixar.placement
        for name in placement_property_names(*self.properties_of_panel):
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(settings, name))


def _nearest_folder(folder: Path) -> Path:
    """A folder, or the nearest one above it that is there."""
    return next((each for each in (folder, *folder.parents) if each.is_dir()), folder)


def is_choosing_a_file(context: bpy.types.Context) -> bool:
    """Whether an operator is drawn beside the file browser, before there is a clip."""
    return context.space_data is not None and context.space_data.type == "FILE_BROWSER"
