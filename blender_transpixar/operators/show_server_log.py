"""Show what the server has written."""

import bpy

from ..bl import server_child
from ..core import server_log

TEXT_NAME = "TransPixar Server Log"


class TRANSPIXAR_OT_show_server_log(bpy.types.Operator):
    """Put the last lines of the log into a text datablock, and show it."""

    bl_idname = "transpixar.show_server_log"
    bl_label = "Show Log"
    bl_description = "Show the last lines of the log of the server that Blender has started"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when Blender has started a server, now or earlier."""
        if not server_child.has_log():
            cls.poll_message_set("Blender has not started a server yet; others write to their own terminals")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Fill the text."""
        _fill_text()
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Fill the text and open it in a window of its own."""
        text = _fill_text()
        bpy.ops.wm.window_new()
        # The new window is the last one, with one area.
        area = context.window_manager.windows[-1].screen.areas[0]
        area.type = "TEXT_EDITOR"
        area.spaces.active.text = text
        return {"FINISHED"}


def _fill_text() -> bpy.types.Text:
    text = bpy.data.texts.get(TEXT_NAME) or bpy.data.texts.new(TEXT_NAME)
    text.clear()
    text.write("\n".join(server_log.tail(server_child.launcher().log)) + "\n")
    text.current_line_index = max(0, len(text.lines) - 1)
    return text
