"""The starter library, made by a real server."""

import json
import shutil
from pathlib import Path

import bpy
import pytest

from blender_transpixar.bl import clip_queue, starter_run
from blender_transpixar.bl.starter_run import StarterRun
from blender_transpixar.core.history_entry import EntryState
from blender_transpixar.core.starter import plan_for, starter_effects
from tests.addon.made_clips import write_clip
from tests.addon.real_server import MODEL_NAME
from tests.blender.test_generate import pump_until
from tests.blender.test_queue import next_session
from tests.blender.tested_package import PACKAGE


@pytest.fixture
def library(connected: Path, preferences, tmp_path: Path) -> Path:
    shutil.rmtree(clip_queue.history().folder, ignore_errors=True)
    preferences.library_folder = str(tmp_path / "library")
    return tmp_path / "library"


def assets(library: Path) -> list[str]:
    return sorted(path.parent.name.rsplit("_", 2)[0] for path in library.glob("*/*.blend"))


def test_one_call_makes_what_is_missing_and_keeps_what_came_before(library: Path, tmp_path: Path):
    *came_before, missing = starter_effects()
    for number, effect in enumerate(came_before):
        folder = write_clip(library / str(number), count=1).rename(library / f"clip-{number}_1_00000000")
        sidecar = folder / "test-effect.transpixar"
        sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"request": {"prompt": effect.prompt}}))
    assert bpy.ops.transpixar.build_starter_library(model=MODEL_NAME) == {"FINISHED"}
    assert len(list(library.glob("*/*.blend"))) == 15
    made = next(path for path in library.glob("*/*.blend") if not path.parent.name.startswith("clip-"))
    request = json.loads(made.with_suffix(".transpixar").read_text())["request"]
    assert (request["prompt"], request["seed"], request["model"]) == (missing.prompt, 1, MODEL_NAME)
    newest = made.stat().st_mtime_ns
    assert bpy.ops.transpixar.build_starter_library(model=MODEL_NAME) == {"FINISHED"}
    assert made.stat().st_mtime_ns == newest
    assert len(bpy.data.objects) == 0


def test_it_is_built_while_blender_goes_on_and_can_be_stopped(library: Path):
    run = StarterRun(bpy.context, MODEL_NAME, ["orange fire", "blue smoke"])
    run.begin(bpy.context)
    pump_until(lambda: run.done == 1)
    assert assets(library) == ["orange-fire"]
    assert 0.5 <= run.fraction < 1.0
    run.cancel()
    pump_until(lambda: run.finished)
    assert run.cancelled or run.done == 2
    again = StarterRun(bpy.context, MODEL_NAME, ["orange fire", "blue smoke"])
    assert again.done == run.done
    again.begin(bpy.context)
    pump_until(lambda: again.finished)
    assert (again.done, again.problems) == (2, [])
    assert assets(library) == ["blue-smoke", "orange-fire"]


def test_what_the_server_refuses_is_told_and_the_rest_is_made(library: Path):
    run = StarterRun(bpy.context, MODEL_NAME, ["x" * 5000, "orange fire"])
    run.run(bpy.context)
    assert (run.done, len(run.problems)) == (1, 1)
    assert run.finished


def test_without_a_server_the_operator_says_what_to_do(library: Path, preferences):
    preferences.server_address = "127.0.0.1:9"
    with pytest.raises(RuntimeError, match="Start"):
        bpy.ops.transpixar.build_starter_library(model=MODEL_NAME)
    assert not starter_run.is_running()
    assert not bpy.ops.transpixar.cancel_starter_library.poll()


def test_each_clip_stands_in_the_queue_and_can_be_cancelled_there(library: Path):
    run = StarterRun(bpy.context, MODEL_NAME, ["orange fire", "blue smoke"])
    run.begin(bpy.context)
    pump_until(lambda: run.done == 1)
    newest, first = clip_queue.wishes()
    assert (first.entry.prompt, first.state, first.phase) == ("orange fire", EntryState.DELIVERED, "Done")
    assert newest.entry.prompt == "blue smoke"
    assert newest.at_work
    assert bpy.ops.transpixar.cancel(key=newest.key) == {"FINISHED"}
    pump_until(lambda: run.finished)
    assert run.cancelled
    assert newest.state is EntryState.CANCELLED
    assert assets(library) == ["orange-fire"]


def test_the_clip_at_work_is_not_lost_when_blender_ends(library: Path, preferences):
    run = StarterRun(bpy.context, MODEL_NAME, ["orange fire"])
    run.begin(bpy.context)
    pump_until(lambda: run.generation.job is not None)
    key, address = run.generation.key, preferences.server_address
    next_session()
    bpy.context.preferences.addons[PACKAGE].preferences.server_address = address
    clip_queue.read_now()
    pump_until(lambda: clip_queue.find(key).state is not EntryState.OPEN)
    assert clip_queue.find(key).state is EntryState.DELIVERED
    (kept,) = plan_for(starter_effects(["orange fire"]), library, MODEL_NAME).to_keep
    assert kept.folder.parent == library
