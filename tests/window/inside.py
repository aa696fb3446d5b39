"""Runs in the Blender that is tested: does what `blender_window.py` asks for, one thing between two redraws.

    blender --enable-event-simulate --python tests/window/inside.py -- PORT

It connects to PORT on this computer. Each request is a line with Python source in JSON; the answer is a line with the
value of its last expression, or the traceback.
"""

import ast
import contextlib
import json
import socket
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import bpy

_POLL_S = 0.02


class Inside:
    """The end of the line in Blender."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setblocking(False)
        self._arrived = b""
        self._names: dict[str, Any] = {"bpy": bpy, **_HELPERS}

    def poll(self) -> float | None:
        """Called by Blender's timer."""
        for line in self._lines():
            answer = self._answer(json.loads(line))
            self._socket.setblocking(True)
            self._socket.sendall(json.dumps(answer).encode() + b"\n")
            self._socket.setblocking(False)
        return _POLL_S

    def _lines(self) -> Iterator[bytes]:
        with contextlib.suppress(BlockingIOError):
            while piece := self._socket.recv(65536):
                self._arrived += piece
            # The test has ended, and with it the reason for this Blender.
            bpy.ops.wm.quit_blender()
        *lines, self._arrived = self._arrived.split(b"\n")
        yield from lines

    def _answer(self, source: str) -> dict[str, Any]:
        try:
            return {"value": _as_json(self._run(source))}
        except Exception:
            return {"error": traceback.format_exc()}

    def _run(self, source: str) -> Any:
        """The value of the last expression of some statements."""
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "asked", "exec"), self._names)
        return eval(compile(ast.Expression(last.value), "asked", "eval"), self._names) if last is not None else None


def _as_json(value: Any) -> Any:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return repr(value)
    return value


def window() -> bpy.types.Window:
    """The first window."""
    return bpy.context.window_manager.windows[0]


def area(kind: str) -> bpy.types.Area:
    """The largest area of an editor."""
    return max((each for each in window().screen.areas if each.type == kind), key=lambda each: each.width * each.height)


def region(kind: str, part: str) -> bpy.types.Region:
    """A region of the largest area of an editor."""
    return next(each for each in area(kind).regions if each.type == part)


def box(kind: str, part: str) -> list[int]:
    """Where a region is: left, bottom, width and height in pixels from the window's lower left corner."""
    found = region(kind, part)
    return [found.x, found.y, found.width, found.height]


def event(kind: str, value: str, x: int, y: int, **more: Any) -> None:
    """Something that the mouse or the keyboard does."""
    window().event_simulate(type=kind, value=value, x=x, y=y, **more)


def under_pointer(kind: str, part: str) -> str:
    """The command or the data path of the button under the pointer; empty where there is none."""
    manager = bpy.context.window_manager
    with bpy.context.temp_override(window=window(), area=area(kind), region=region(kind, part)):
        manager.clipboard = ""
        if bpy.ops.ui.copy_python_command_button.poll():
            bpy.ops.ui.copy_python_command_button()
        elif bpy.ops.ui.copy_data_path_button.poll():
            bpy.ops.ui.copy_data_path_button(full_path=True)
        return str(manager.clipboard)


_HELPERS = {each.__name__: each for each in (window, area, region, box, event, under_pointer)}

if __name__ == "__main__":
    bpy.context.preferences.view.show_splash = False
    _inside = Inside(int(sys.argv[-1]))
    bpy.app.timers.register(_inside.poll, first_interval=0.5, persistent=True)
