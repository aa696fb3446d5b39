"""The clip as the file that another program reads."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from .. import preferences
from ..bl import pump
from ..bl.subject import chosen_or_subject
from ..bl.wording import in_words
from ..core.clip import Clip
from ..core.content import check_new_folder
from ..core.delivery import Delivery
from ..core.errors import InvalidRequestError, TransPixarError
from ..core.formats import FORMATS
from ..ui.sentence import draw_sentence
from .delivery_poll import may_deliver
from .repeating import is_repeated

_FILEPATH = StringProperty(
    name="File Path",
    description="The file to write; for formats of several files, a new folder",
    subtype="FILE_PATH",
    options={"SKIP_SAVE"},
)
_FORMAT = EnumProperty(
    name="Format",
    description="What the clip is written as",
    items=[(each.name, each.title, each.description) for each in FORMATS.values()],
    default="prores4444",
)
_CLIP = StringProperty(
    name="Clip",
    description="The clip's folder or .transpixar file; if not given, that of the active object or the last one",
    subtype="FILE_PATH",
    options={"SKIP_SAVE", "HIDDEN"},
)
# The file browser then warns when the file is there already.
_CHECK_EXISTING = BoolProperty(default=True, options={"HIDDEN"})


class TRANSPIXAR_OT_export_clip(bpy.types.Operator):
    """Have the server write the clip that is shown, raw or finished, in a hand-off format.

    Called from Python it waits until the file is there; from the file browser it returns at once.
    """

    bl_idname = "transpixar.export_clip"
    bl_label = "Export Clip"
    bl_description = "Write the clip as a movie or an image sequence for another program, with its alpha"
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        filepath: str
        format: str
        clip: str
        check_existing: bool
    else:
        filepath: _FILEPATH
        format: _FORMAT
        clip: _CLIP
        check_existing: _CHECK_EXISTING

    _in_file_browser = False

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Refused while something else is fetched, or when the address may not be used."""
        return may_deliver(cls, context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file, with a name made from the clip's."""
        try:
            clip = chosen_or_subject(context, self.clip)
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        self._in_file_browser = True
        # The active object may be another one when the file is chosen.
        self.clip = str(clip.folder)
        if not self.filepath:
            self.filepath = str(_first_folder(clip) / f"{clip.folder.name}{FORMATS[self.format].suffix}")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context: bpy.types.Context) -> bool:
        """Keep the file's suffix in step with the format while both can be changed."""
        named = str(_with_suffix(Path(self.filepath), self.format))
        changed = named != self.filepath
        self.filepath = named
        return changed

    def draw(self, context: bpy.types.Context) -> None:
        """The format, beside the files."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "format")
        note = layout.column()
        note.active = False
        chosen = FORMATS[self.format]
        iface_ = bpy.app.translations.pgettext_iface
        draw_sentence(note, context, iface_(chosen.description), icon="INFO")
        if chosen.is_folder:
            draw_sentence(note, context, iface_("Written into a new folder of this name"), icon="FILE_FOLDER")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Export; waits unless the file browser called."""
        try:
            delivery = self._start(context)
            if self._in_file_browser or is_repeated(self):
                pump.follow(delivery, lambda finished: True)
                return {"FINISHED"}
            pump.wait(context, delivery)
            if delivery.path is None:
                raise delivery.error or TransPixarError("The export was cancelled.", code="cancelled")
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        self.report({"INFO"}, bpy.app.translations.pgettext_rpt("Exported {path}").format(path=delivery.path))
        return {"FINISHED"}

    def _start(self, context: bpy.types.Context) -> Delivery:
        if not self.filepath:
            raise InvalidRequestError("The export has no name. Give it a file path.", field="filepath")
        clip = chosen_or_subject(context, self.clip)
        target = _with_suffix(Path(bpy.path.abspath(self.filepath)).absolute(), self.format)
        if FORMATS[self.format].is_folder:
            check_new_folder(target)
        server = preferences.server_url(context)
        return pump.dispatcher().fetch(clip.sidecar, server, self.format, clip.sidecar.finishing, target)


def _first_folder(clip: Clip) -> Path:
    """Where the file browser opens: beside the saved .blend file, else beside the clip."""
    return Path(bpy.data.filepath).parent if bpy.data.filepath else clip.folder.parent


def _with_suffix(path: Path, format_name: str) -> Path:
    """The path with the suffix of a format, instead of that of another one."""
    known = {each.suffix for each in FORMATS.values() if each.suffix}
    bare = path.with_suffix("") if path.suffix.lower() in known else path
    return bare.with_name(bare.name + FORMATS[format_name].suffix) if bare.name else path
