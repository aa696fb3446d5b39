"""How long Blender's main thread is held up while clips are made: every tick of the add-on's timer, measured.

Run with a Python that has bpy, and with the server's in TRANSPIXAR_SERVER_PYTHON:

    .nox/blender/bin/python -m benchmarks.pump_tick --clips 3

A real server makes clips with the tests' tiny model; the add-on is enabled from the working copy. Timers never fire in
background mode, so the ticks are called here as often as Blender would.
"""

import argparse
import functools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

_STEPS = 40
_PATIENCE_S = 600.0
_Result = TypeVar("_Result")


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=3, help="how many clips are made at once")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # Before bpy is imported: the user's own preferences and history are not for benchmarks.
        os.environ["BLENDER_USER_RESOURCES"] = folder
        rows = _measure(Path(folder), arguments.clips)
    print(f"{'ms':<30}{'number':>8}{'median':>9}{'99 %':>9}{'worst':>9}")
    for name, times in rows.items():
        ordered = sorted(1000 * seconds for seconds in times)
        near_worst = ordered[min(round(0.99 * len(ordered)), len(ordered) - 1)]
        print(f"{name:<30}{len(ordered):>8}{statistics.median(ordered):>9.3f}{near_worst:>9.3f}{ordered[-1]:>9.3f}")
    # Blender 4.5 hangs at the end of scripts that leave classes registered.
    sys.stdout.flush()
    os._exit(0)


def _measure(folder: Path, clips: int) -> dict[str, list[float]]:
    import bpy

    from tests.addon.real_server import MODEL_NAME, RealServer, write_tiny_model

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.preferences.addon_enable(module="blender_transpixar")
    from blender_transpixar.bl import clip_queue, pump
    from blender_transpixar.bl.inputs import RequestFiles
    from blender_transpixar.bl.target import Target
    from blender_transpixar.core.request import ClipRequest

    server = RealServer(write_tiny_model(folder / "tiny"), folder / "data", folder / "server.log").start()
    preferences = bpy.context.preferences.addons["blender_transpixar"].preferences
    preferences.server_address, preferences.clip_folder = server.url, str(folder / "clips")
    wish = ClipRequest("orange smoke", width=64, height=64, num_frames=9, steps=_STEPS, model=MODEL_NAME)

    def press(seed: int) -> None:
        clip_queue.submit(bpy.context, replace(wish, seed=seed), RequestFiles(), target=Target(bpy.context))

    presses: list[float] = []
    news: list[float] = []
    ticks: list[float] = []
    placing: list[float] = []
    try:
        for seed in range(clips):
            presses.append(_timed(functools.partial(press, seed)))
        read = pump.dispatcher().pump
        pump.dispatcher().pump = lambda budget_s: _noted(news, functools.partial(read, budget_s))
        deadline = time.monotonic() + _PATIENCE_S
        while pump.is_busy() and time.monotonic() < deadline:
            stood = len(bpy.context.scene.objects)
            took = _timed(pump.tick)
            # Placing is Blender's own work on the scene, and no waiting: loading a picture, an undo step.
            (ticks if len(bpy.context.scene.objects) == stood else placing).append(took)
            time.sleep(pump.TICK_S)
        phases = [each.phase for each in clip_queue.wishes()]
        assert phases == ["Done"] * clips, phases
    finally:
        bpy.ops.preferences.addon_disable(module="blender_transpixar")
        server.stop()
    return {
        "Generate pressed": presses,
        "tick": ticks,
        "of it, reading the courier": news,
        "tick that places a clip": placing,
    }


def _noted(times: list[float], call: Callable[[], _Result]) -> _Result:
    began = time.perf_counter()
    result = call()
    times.append(time.perf_counter() - began)
    return result


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
