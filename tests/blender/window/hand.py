"""Mouse and keyboard in a real Blender window, by Blender's own simulated events.

Blender does not tell where its buttons are. But it tells what is under the pointer: the operators that copy a button's
data path or its Python command, as in its right-click menu. So a button is found by moving over the region until that
is it.

What takes time is a generator of pauses in seconds, for a timer to make.
"""

from collections.abc import Generator
from typing import Any

import bpy

Pauses = Generator[float, None, None]
# What Blender needs to take in a movement, and to draw what a click changed.
HOVER_S, REDRAW_S = 0.05, 0.4
# A button is twenty high at the least.
STEP_PX = 12


class Hand:
    """A hand on one region of a window. Positions are in pixels from the window's lower left corner."""

    def __init__(self, window: bpy.types.Window, area: bpy.types.Area, region_type: str) -> None:
        self.window, self.area = window, area
        self.region = next(region for region in area.regions if region.type == region_type)
        self.x = self.y = 0

    def move(self, x: int, y: int) -> Pauses:
        """Move the pointer."""
        self.x, self.y = x, y
        self._event("MOUSEMOVE", "NOTHING")
        yield HOVER_S

    def move_to_middle(self) -> Pauses:
        """Move the pointer to the middle of the region."""
        region = self.region
        yield from self.move(region.x + region.width // 2, region.y + region.height // 2)

    def click(self) -> Pauses:
        """Press and release the left button where the pointer is."""
        for value in ("PRESS", "RELEASE"):
            self._event("LEFTMOUSE", value)
            yield HOVER_S
        yield REDRAW_S

    def drag(self, to_x: int, to_y: int) -> Pauses:
        """Move the pointer with the left button held."""
        from_x, from_y = self.x, self.y
        self._event("LEFTMOUSE", "PRESS")
        for part in range(1, 11):
            x, y = from_x + (to_x - from_x) * part // 10, from_y + (to_y - from_y) * part // 10
            yield from self.move(x, y)
        self._event("LEFTMOUSE", "RELEASE")
        yield REDRAW_S

    def press(self, key: str, unicode: str = "", **modifiers: bool) -> Pauses:
        """Press and release a key, by its name in Blender's keymaps."""
        self._event(key, "PRESS", **({"unicode": unicode} if unicode else {}), **modifiers)
        self._event(key, "RELEASE", **modifiers)
        yield HOVER_S

    def type(self, text: str) -> Pauses:
        """Type lower-case letters and spaces."""
        for letter in text:
            yield from self.press("SPACE" if letter == " " else letter.upper(), letter)

    def scroll(self, notches: int) -> Pauses:
        """Turn the mouse wheel; down is positive."""
        for _ in range(abs(notches)):
            self._event("WHEELDOWNMOUSE" if notches > 0 else "WHEELUPMOUSE", "PRESS")
            yield HOVER_S
        yield REDRAW_S

    def go_to(self, wanted: str, across: float = 0.35) -> Generator[float, None, bool]:
        """Move the pointer onto the highest button whose command or data path contains `wanted`, if there is one.

        `across` is how far from the region's left side is looked, as a share of its width.
        """
        x = self.region.x + int(self.region.width * across)
        for y in range(self.region.y + self.region.height - STEP_PX, self.region.y, -STEP_PX):
            yield from self.move(x, y)
            if wanted in self.under_pointer():
                yield from self.move(x, y - STEP_PX // 2)  # away from the button's upper edge
                return True
        return False

    def press_button(self, wanted: str, across: float = 0.35) -> Pauses:
        """Find a button and click it. Raises LookupError."""
        found = yield from self.go_to(wanted, across)
        if not found:
            raise LookupError(f"No button {wanted} was found in the {self.area.type}'s {self.region.type} region.")
        yield from self.click()

    def under_pointer(self) -> str:
        """The command or the data path of the button under the pointer; empty where there is none."""
        manager = bpy.context.window_manager
        with bpy.context.temp_override(window=self.window, area=self.area, region=self.region):
            manager.clipboard = ""
            if bpy.ops.ui.copy_python_command_button.poll():
                bpy.ops.ui.copy_python_command_button()
            elif bpy.ops.ui.copy_data_path_button.poll():
                bpy.ops.ui.copy_data_path_button(full_path=True)
            return str(manager.clipboard)

    def _event(self, kind: str, value: str, **more: Any) -> None:
        self.window.event_simulate(type=kind, value=value, x=self.x, y=self.y, **more)
