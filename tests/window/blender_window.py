"""A real Blender with a window, by mouse and keyboard: `inside.py` runs in it and does what is asked for here.

Blender does not tell where its buttons are. But it tells what is under the pointer: the operators that copy a button's
data path or its Python command, as in its right-click menu. So a button is found by moving over its region until that
is it. Positions are in pixels from the window's lower left corner.
"""

import json
import os
import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.addon.real_server import REPOSITORY

PACKAGE = "bl_ext.user_default.transpixar"
COMMAND = shlex.split(os.environ.get("TRANSPIXAR_BLENDER", "blender"))
INSIDE = Path(__file__).with_name("inside.py")
WIDTH, HEIGHT = 1600, 1000
# What Blender needs to take in a movement, and to draw what a click changed.
HOVER_S, REDRAW_S = 0.06, 0.5
# A button is twenty high at the least.
STEP_PX = 12
PATIENCE_S = 120.0


class BlenderWindow:
    """One Blender. `pictures` is the folder that `picture` writes to."""

    def __init__(self, surroundings: dict[str, str], pictures: Path) -> None:
        self._pictures = pictures
        self._surroundings = surroundings
        self.x, self.y = WIDTH // 2, HEIGHT // 2
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(PATIENCE_S)
            port = listening.getsockname()[1]
            options = ["--enable-event-simulate", "--gpu-backend", "opengl", "--window-geometry", "0", "0"]
            script = ["--python", str(INSIDE), "--", str(port)]
            command = [*COMMAND, *options, str(WIDTH), str(HEIGHT), *script]
            self._process = subprocess.Popen(command, env=surroundings, cwd=REPOSITORY)
            self._connection, _ = listening.accept()
        self._connection.settimeout(PATIENCE_S)
        self._answers = self._connection.makefile("rb")
        self.pause(2.0)

    def close(self) -> None:
        """End Blender."""
        self._answers.close()
        self._connection.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    # ---- what is asked of Blender ----

    def ask(self, source: str) -> Any:
        """The value of the last of some statements, run in Blender. Raises RuntimeError with its traceback."""
        self._connection.sendall(json.dumps(source).encode() + b"\n")
        answer = json.loads(self._answers.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def until(self, source: str, what: str) -> None:
        """Ask again and again until the answer is true. Raises AssertionError after a while."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.ask(source):
            if time.monotonic() > deadline:
                self.picture("not reached")
                raise AssertionError(f"Not reached: {what}")
            time.sleep(0.1)

    def pause(self, seconds: float = REDRAW_S) -> None:
        """Let Blender draw."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        self.ask("None")

    def picture(self, name: str) -> Path | None:
        """Take a picture of the whole screen, once it is drawn; None where ImageMagick's `import` is not installed."""
        self.pause(1.0)
        if shutil.which("import") is None:
            return None
        target = self._pictures / f"{name}.png"
        subprocess.run(["import", "-window", "root", str(target)], env=self._surroundings, check=True)
        return target

    def connect_to(self, server: str) -> None:
        """Name the server in the preferences."""
        self.ask(f"bpy.context.preferences.addons[{PACKAGE!r}].preferences.server_address = {server!r}")

    # ---- mouse and keyboard ----

    def move(self, x: int, y: int) -> None:
        """Move the pointer."""
        self.x, self.y = x, y
        self._event("MOUSEMOVE", "NOTHING")
        time.sleep(HOVER_S)

    def move_to_middle(self, editor: str, part: str = "WINDOW") -> None:
        """Move the pointer to the middle of a region."""
        left, bottom, width, height = self.ask(f"box({editor!r}, {part!r})")
        self.move(left + width // 2, bottom + height // 2)

    def click(self, button: str = "LEFTMOUSE") -> None:
        """Press and release a button where the pointer is."""
        for value in ("PRESS", "RELEASE"):
            self._event(button, value)
            time.sleep(HOVER_S)
        self.pause()

    def drag(self, x: int, y: int) -> None:
        """Move the pointer with the left button held."""
        from_x, from_y = self.x, self.y
        self._event("LEFTMOUSE", "PRESS")
        time.sleep(HOVER_S)
        # A little at first, so that a drag begins where the button was pressed.
        for share in (0.005, 0.01, 0.02, 0.04, *(part / 12 for part in range(1, 13))):
            self.move(from_x + round((x - from_x) * share), from_y + round((y - from_y) * share))
        time.sleep(REDRAW_S)
        self._event("LEFTMOUSE", "RELEASE")
        self.pause()

    def press(self, key: str, unicode: str = "", **modifiers: bool) -> None:
        """Press and release a key, by its name in Blender's keymaps."""
        self._event(key, "PRESS", **({"unicode": unicode} if unicode else {}), **modifiers)
        self._event(key, "RELEASE", **modifiers)
        time.sleep(HOVER_S)

    def type(self, text: str) -> None:
        """Type lower-case letters and spaces."""
        for letter in text:
            self.press("SPACE" if letter == " " else letter.upper(), letter)

    def scroll(self, notches: int) -> None:
        """Turn the mouse wheel; down is positive."""
        for _ in range(abs(notches)):
            self._event("WHEELDOWNMOUSE" if notches > 0 else "WHEELUPMOUSE", "PRESS")
            time.sleep(HOVER_S)
        self.pause()

    # ---- buttons ----

    def find(self, wanted: str, editor: str = "VIEW_3D", part: str = "UI", across: float = 0.35) -> bool:
        """Move the pointer onto the highest button whose command or data path contains `wanted`, if there is one.

        `across` is how far from the region's left side is looked, as a share of its width.
        """
        left, bottom, width, height = self.ask(f"box({editor!r}, {part!r})")
        x = left + int(width * across)
        for y in range(bottom + height - STEP_PX, bottom, -STEP_PX):
            self.move(x, y)
            if wanted in self.ask(f"under_pointer({editor!r}, {part!r})"):
                self.move(x, y - STEP_PX // 2)  # away from the button's upper edge
                return True
        return False

    def push(self, wanted: str, editor: str = "VIEW_3D", part: str = "UI", across: float = 0.35) -> None:
        """Find a button, further down where it is not to be seen, and click it. Raises AssertionError."""
        for _ in range(4):
            if self.find(wanted, editor, part, across):
                self.click()
                return
            self.move_to_middle(editor, part)
            self.scroll(8)
        self.picture("no button")
        raise AssertionError(f"No button {wanted} was found in the {editor}'s {part} region.")

    def open_tab(self, editor: str = "VIEW_3D", wider: int = 110) -> None:
        """Open the sidebar with its key, choose the TransPixar tab, and pull the sidebar wider by some pixels."""
        self.move_to_middle(editor)
        if not self.ask(f"area({editor!r}).spaces[0].show_region_ui"):
            self.press("N", "n")
            self.pause(1.0)
        left, bottom, width, height = self.ask(f"box({editor!r}, 'UI')")
        for below_top in range(30, height, 20):
            if self.ask(f"region({editor!r}, 'UI').active_panel_category") == "TransPixar":
                break
            self.move(left + width - 8, bottom + height - below_top)
            self.click()
        assert self.ask(f"region({editor!r}, 'UI').active_panel_category") == "TransPixar"
        if wider:
            self.move(left, bottom + height // 8)
            self.drag(left - wider, self.y)

    def _event(self, kind: str, value: str, **more: Any) -> None:
        named = "".join(f", {name}={value!r}" for name, value in more.items())
        self.ask(f"event({kind!r}, {value!r}, {self.x}, {self.y}{named})")
