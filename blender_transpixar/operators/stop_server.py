"""Stop the server."""

import bpy

from ..bl import server, server_child
from ..bl.wording import in_words
from ..core.errors import TransPixarError
from ..core.server_state import Condition
from .repeating import is_repeated

_PATIENCE_S = 30.0
_UNDER_WAY = {Condition.STOPPING, Condition.READY, Condition.BUSY, Condition.LOADING_MODEL, Condition.CHECKING}


class TRANSPIXAR_OT_stop_server(bpy.types.Operator):
    """Stop the server on this computer. Called from Python it waits until it has ended."""

    bl_idname = "transpixar.stop_server"
    bl_label = "Stop Server"
    bl_description = "End the server. Clips that wait or are being made are made when it runs again"
    bl_options = {"REGISTER"}

    _was_asked = False

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only while a server runs that can be ended from here."""
        if not server.can_stop(context):
            cls.poll_message_set("No server of this computer is known to run")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Stop it and wait for its end."""
        if not self._stop(context):
            return {"CANCELLED"}
        if not (self._was_asked or is_repeated(self)):
            server.wait_while(_UNDER_WAY, _PATIENCE_S)
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Stop it; the panel shows how it goes. A server that Blender has not started is ended only after asking."""
        if not server_child.launcher().runs:
            self._was_asked = True
            return context.window_manager.invoke_confirm(self, event)
        return {"FINISHED"} if self._stop(context) else {"CANCELLED"}

    def _stop(self, context: bpy.types.Context) -> bool:
        try:
            server.stop(context)
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return False
        return True
