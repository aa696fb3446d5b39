"""The server: one line where something is to be done about it, and a section with all that is known."""

from typing import Any

import bpy

from ..bl import server, server_child, server_models
from ..core.server_models import ServerModel
from ..core.server_state import Condition, Remedy, ServerState
from ..operators.accept_licences import TRANSPIXAR_OT_accept_licences
from ..operators.load_model import TRANSPIXAR_OT_load_model, TRANSPIXAR_OT_unload_model
from ..operators.look_again import TRANSPIXAR_OT_look_again
from ..operators.open_online_access import TRANSPIXAR_OT_open_online_access
from ..operators.open_preferences import TRANSPIXAR_OT_open_preferences
from ..operators.show_server_log import TRANSPIXAR_OT_show_server_log
from ..operators.start_server import TRANSPIXAR_OT_start_server
from ..operators.stop_server import TRANSPIXAR_OT_stop_server
from .sections import Section, panels_of
from .sentence import draw_sentence

_REMEDIES: dict[Remedy, tuple[Any, str]] = {
    Remedy.START: (TRANSPIXAR_OT_start_server, "PLAY"),
    Remedy.RETRY: (TRANSPIXAR_OT_look_again, "FILE_REFRESH"),
    Remedy.SHOW_LOG: (TRANSPIXAR_OT_show_server_log, "TEXT"),
    Remedy.PREFERENCES: (TRANSPIXAR_OT_open_preferences, "PREFERENCES"),
    Remedy.SYSTEM_PREFERENCES: (TRANSPIXAR_OT_open_online_access, "PREFERENCES"),
}
_ICONS = {
    Condition.READY: "CHECKMARK",
    Condition.BUSY: "CHECKMARK",
    Condition.LOADING_MODEL: "SORTTIME",
    Condition.STARTING: "SORTTIME",
    Condition.STOPPING: "SORTTIME",
    Condition.CHECKING: "SORTTIME",
    Condition.NOT_FOUND: "INFO",
    Condition.NOT_CONFIGURED: "INFO",
}


def draw_state_row(layout: Any, context: bpy.types.Context) -> None:
    """The sentence and the one button that helps; nothing while the server is ready or at work."""
    server.want_watch()
    state = server.state()
    # Neither while looking for it: what is true most of the time is seen in a moment.
    if state.condition not in (Condition.READY, Condition.BUSY, Condition.CHECKING):
        _draw_state(layout.box(), context, state)


class ServerSection(Section):
    """The server's state, its models, and its beginning and end."""

    name = "server"
    bl_label = "Server"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the state, the buttons and the models."""
        server.want_watch()
        state = server.state()
        layout = self.layout
        _draw_state(layout, context, state)
        _draw_facts(layout, state)
        row = layout.row(align=True)
        if state.answers or server_child.launcher().runs:
            row.operator(TRANSPIXAR_OT_stop_server.bl_idname, icon="CANCEL")
        elif state.remedy is not Remedy.START:
            row.operator(TRANSPIXAR_OT_start_server.bl_idname, icon="PLAY")
        if state.remedy is not Remedy.SHOW_LOG:
            row.operator(TRANSPIXAR_OT_show_server_log.bl_idname, icon="TEXT")
        for model in state.models:
            _draw_model(layout, context, model)
        asked = server_models.last()
        if asked is not None and asked.error is not None:
            draw_sentence(layout.box(), context, asked.error.message, icon="ERROR")


def _draw_state(layout: Any, context: bpy.types.Context, state: ServerState) -> None:
    draw_sentence(layout, context, state.sentence, icon=_ICONS.get(state.condition, "ERROR"))
    if state.remedy in _REMEDIES:
        operator, icon = _REMEDIES[state.remedy]
        layout.operator(operator.bl_idname, icon=icon)


def _draw_facts(layout: Any, state: ServerState) -> None:
    if not state.url:
        return
    column = layout.column(align=True)
    column.active = False
    column.label(text=f"{state.url}   {state.version}".strip(), translate=False)
    for device in filter(None, state.devices):
        column.label(text=device, translate=False)


def _draw_model(layout: Any, context: bpy.types.Context, model: ServerModel) -> None:
    box = layout.box()
    row = box.row()
    row.label(text=model.title, icon="CHECKMARK" if model.loaded else "BLANK1", translate=False)
    draw_model_button(row, model)
    if model.state == "not_downloaded" and model.bytes_total:
        _draw_download(box, model.bytes_present or 0, model.bytes_total)
    # The button says the same in fewer words where it is about licences.
    if model.problem and model.state != "licence_not_accepted":
        draw_sentence(box, context, model.problem, icon="ERROR")


def draw_model_button(row: Any, model: ServerModel) -> None:
    """The one thing to do about a model: accept its licences, download or load it, or take it out of memory."""
    if model.state == "licence_not_accepted":
        row.operator(TRANSPIXAR_OT_accept_licences.bl_idname, icon="TEXT").model = model.name
    elif model.loaded:
        row.operator(TRANSPIXAR_OT_unload_model.bl_idname, text="Unload", icon="EXPORT").model = model.name
    elif model.usable:
        text = "Download" if model.state == "not_downloaded" else "Load"
        row.operator(TRANSPIXAR_OT_load_model.bl_idname, text=text, icon="IMPORT").model = model.name


def _draw_download(layout: Any, present: int, total: int) -> None:
    text = f"{present / 1e9:.1f} / {total / 1e9:.1f} GB"
    if present:
        layout.progress(factor=min(present / total, 1.0), text=text)
    else:
        layout.label(text=text, translate=False)


PANELS = panels_of(ServerSection)
