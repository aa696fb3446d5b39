"""How long placing a clip holds Blender's window, by the length of the scene.

Run with a Python that has bpy:

    .nox/blender/bin/python -m benchmarks.long_scenes

Each row is one operator of the add-on, run on a hand-made clip of 49 frames that runs for ever or is held until the
end of the scene (a number of runs that fills it, for planes and the compositor). The last row is how strips were made
before: their elements appended one by one, which Blender copies each time.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_FRAMES = 49
_MODULE = "blender_transpixar"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lengths", type=int, nargs="+", default=[2000, 5000, 10000, 20000])
    parser.add_argument("--fps", type=float, default=3, help="the clip's frame rate; the scene's is 24")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # Before bpy is imported: the user's own preferences are not for benchmarks.
        os.environ["BLENDER_USER_RESOURCES"] = folder
        _measure(Path(folder), arguments.lengths, arguments.fps)
    # Blender 4.5 hangs at the end of scripts that leave classes registered.
    sys.stdout.flush()
    os._exit(0)


def _measure(folder: Path, lengths: list[int], fps: float) -> None:
    import bpy

    from tests.addon.made_clips import write_clip

    clip = str(write_clip(folder / "clips", count=_FRAMES, fps=fps))
    longer = str(write_clip(folder / "others", count=_FRAMES + 1, fps=fps))

    def sequence(length: int) -> str:
        """The first picture of a sequence without a sidecar that fills the scene."""
        pictures = folder / str(length)
        if not pictures.is_dir():
            pictures.mkdir()
            for number in range(1, length + 1):
                (pictures / f"a_{number:05d}.png").hardlink_to(Path(clip) / "0001.png")
        return str(pictures / "a_00001.png")

    def place(operator: Callable[..., object]) -> Callable[[int], Callable[[], object]]:
        def prepare(length: int) -> Callable[[], object]:
            path = sequence(length)
            return lambda: operator(filepath=path)

        return prepare

    def repeats(length: int) -> dict[str, object]:
        return {"repeat": "COUNT", "repeat_count": max(round(length * fps / 24 / _FRAMES), 1)}

    def strip(length: int, **how: object) -> None:
        bpy.ops.transpixar.place_strip(filepath=clip, frame_start=1, **how)

    def another_version(length: int) -> Callable[[], None]:
        from blender_transpixar.bl.shown_clips import show_instead, showing_on_strip
        from blender_transpixar.core.clip import Clip

        strip(length, repeat="FOREVER")
        shown = showing_on_strip(bpy.context.scene.sequence_editor.active_strip)
        return lambda: show_instead(shown, Clip.open(Path(longer)), bpy.context.scene)

    def undo(length: int) -> Callable[[], None]:
        strip(length, repeat="FOREVER")
        return lambda: bpy.ops.ed.undo_push(message="Strip")

    def append_one_by_one(length: int) -> None:
        editor = bpy.context.scene.sequence_editor_create()
        strips = editor.strips if hasattr(editor, "strips") else editor.sequences
        made = strips.new_image(name="old", filepath="0001.png", channel=1, frame_start=1)
        for _ in range(length - 1):
            made.elements.append("0001.png")

    def now(call: Callable[[int], None]) -> Callable[[int], Callable[[], None]]:
        return lambda length: lambda: call(length)

    plane, compositor = bpy.ops.transpixar.place_plane, bpy.ops.transpixar.place_in_compositor
    rows: dict[str, Callable[[int], Callable[[], object]]] = {
        "strip, for ever": now(lambda length: strip(length, repeat="FOREVER")),
        "strip, held": now(lambda length: strip(length, hold_last=True)),
        "another version on the strip": another_version,
        "undo step with the strip": undo,
        "plane, for ever": now(lambda length: plane(filepath=clip, repeat="FOREVER")),
        "plane, that often": now(lambda length: plane(filepath=clip, **repeats(length))),
        "compositor, that often": now(lambda length: compositor(filepath=clip, **repeats(length))),
        "strip, a file for each frame": place(bpy.ops.transpixar.place_strip),
        "plane, a file for each frame": place(plane),
        "before: elements appended": now(append_one_by_one),
    }
    print(f"Blender {bpy.app.version_string}, a clip of {_FRAMES} frames, {fps:g} a second; seconds")
    print(f"{'frames of the scene':<32}" + "".join(f"{length:>9}" for length in lengths))
    for name, prepare in rows.items():
        print(f"{name:<32}", end="")
        for length in lengths:
            bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
            bpy.ops.preferences.addon_enable(module=_MODULE)
            bpy.context.scene.frame_end = length
            print(f"{_seconds(prepare(length)):>9.3f}", end="", flush=True)
        print()


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
