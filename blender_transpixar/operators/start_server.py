"""Start the server."""

import bpy

from ..bl import server, server_child
from ..bl.wording import in_words
from ..core.errors import TransPixarError
from ..core.server_state import Condition
from .repeating import is_repeated

# Starting takes seconds; a slow disk with a cold cache takes longer.
_PATIENCE_S = 120.0
_UNDER_WAY = {Condition.CHECKING, Condition.NOT_FOUND, Condition.NOT_CONFIGURED, Condition.STARTING}


class TRANSPIXAR_OT_start_server(bpy.types.Operator):
    """Start the server as the preferences say.

    Called from Python it waits until the server answers; from the interface it returns at once.
    """

    bl_idname = "transpixar.start_server"
    bl_label = "Start Server"
    bl_description = "Start the server that makes the clips, in the background"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Refused while one runs."""
        if server_child.launcher().runs:
            cls.poll_message_set("The server runs already")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start it and wait for it."""
        if is_repeated(self):
            return self.invoke(context, None)
        if not self._start(context):
            return {"CANCELLED"}
        state = server.wait_while(_UNDER_WAY, _PATIENCE_S)
        if not state.answers:
            self.report({"ERROR"}, in_words(state.sentence))
            return {"CANCELLED"}
        self.report({"INFO"}, bpy.app.translations.pgettext_rpt("The server answers at {url}").format(url=state.url))
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event | None) -> set[str]:
        """Start it; the panel shows how it goes."""
        return {"FINISHED"} if self._start(context) else {"CANCELLED"}

    def _start(self, context: bpy.types.Context) -> bool:
        try:
            server.start(context)
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return False
        return True
