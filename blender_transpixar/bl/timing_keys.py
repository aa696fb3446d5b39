"""The stepped keyframes that play a sequence: which file is shown, and whether one is.

Keyframes and not the image user's own start and length: they time freely, can be moved and scaled in the Dope Sheet,
and outside of the sequence nothing is shown, where Blender itself shows opaque magenta.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..core.timing import Timing
from . import compat

# The lowest frame Blender knows. An image user that starts there and lasts one frame always shows the file numbered
# 1 + frame_offset, so that keyframes of frame_offset alone choose the file.
_BEFORE_ALL_FRAMES = -1048574
# Runs that do not last whole scene frames are repeated exactly while that takes no more keyframes than this.
_MOST_KEYS = 2000
_CONSTANT = 0

Key = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Screen:
    """What plays a sequence in a node tree.

    `user` has the settings of the sequence: a texture node's image user, or the compositor's image node itself.
    `factor` is the input that shows the sequence at 1 and hides it at 0.
    """

    tree: Any
    user: Any
    factor: Any

    def curves(self) -> Iterator[Any]:
        """The F-curves that there are."""
        for owner, name in self._animated():
            curve = compat.find_fcurve(self.tree, f"{owner.path_from_id()}.{name}")
            if curve is not None:
                yield curve

    def start(self) -> int | None:
        """The scene frame of the first picture; None where the artist removed the keyframes."""
        files = compat.find_fcurve(self.tree, f"{self.user.path_from_id()}.frame_offset")
        if files is None or not len(files.keyframe_points):
            return None
        return round(min(key.co.x for key in files.keyframe_points))

    def play(self, timing: Timing, first_number: int) -> None:
        """Keyframe a timing anew, for files numbered from `first_number` on."""
        self.clear()
        if hasattr(self.user, "use_auto_refresh"):
            self.user.use_auto_refresh = True
        self.user.use_cyclic = False
        self.user.frame_duration = 1
        self.user.frame_start = _BEFORE_ALL_FRAMES
        keys = [(frame, first_number - 1 + index) for frame, index in _file_keys(timing)]
        files = _set_keys(self.tree, self.user, "frame_offset", keys)
        if timing.repeats is None:
            cycles = files.modifiers.new("CYCLES")
            cycles.mode_before = "NONE"
        _set_keys(self.tree, self.factor, "default_value", list(_shown_keys(timing)))

    def clear(self) -> None:
        """Remove the keyframes."""
        for curve in list(self.curves()):
            compat.fcurves(self.tree).remove(curve)

    def _animated(self) -> tuple[tuple[Any, str], tuple[Any, str]]:
        return (self.user, "frame_offset"), (self.factor, "default_value")


def _file_keys(timing: Timing) -> Iterator[Key]:
    order = timing.order
    if timing.repeats is None:
        runs = _whole_runs(timing)
        yield from timing.changes(runs)
        yield timing.scene_frame_of(runs * len(order)), order[0]
        return
    last = None
    for frame, last in timing.changes():
        yield frame, last
    end = timing.end
    if timing.hold_after and end is not None and last != order[-1]:
        # A clip faster than the scene may have skipped its last picture.
        yield end, order[-1]


def _whole_runs(timing: Timing) -> int:
    """How many runs last a whole number of scene frames; 1 where that takes too many keyframes, rounding each."""
    runs = Fraction(timing.run).denominator
    return runs if runs * len(timing.order) <= _MOST_KEYS else 1


def _shown_keys(timing: Timing) -> Iterator[Key]:
    if not timing.hold_before:
        yield timing.start - 1, 0.0
    yield timing.start, 1.0
    if timing.end is not None and not timing.hold_after:
        yield timing.end, 0.0


def _set_keys(tree: Any, owner: Any, name: str, keys: list[Key]) -> Any:
    """Stepped keyframes instead of any before; returns their F-curve."""
    frame, value = keys[0]
    setattr(owner, name, value)
    # The first one makes the action, its slot and the curve; the rest are added at once, which takes far less time.
    owner.keyframe_insert(name, frame=frame)
    curve = compat.find_fcurve(tree, f"{owner.path_from_id()}.{name}")
    points = curve.keyframe_points
    points.add(len(keys) - len(points))
    points.foreach_set("co", [float(number) for key in keys for number in key])
    points.foreach_set("interpolation", [_CONSTANT] * len(keys))
    curve.update()
    return curve
