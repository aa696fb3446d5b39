"""The script of docs/scripting.md, word for word but for which clips it makes."""

import re
from pathlib import Path

import bpy
import pytest

from tests.addon.real_server import MODEL_NAME, REPOSITORY


@pytest.fixture
def script() -> str:
    text = (REPOSITORY / "docs/scripting.md").read_text()
    return re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)


LOOP_OF_EFFECTS = re.compile(r"for effect in (\(.*\)):")
LOOP_OF_SEEDS = re.compile(r"for seed in (range\(.*\)):")


def test_it_is_ten_lines_for_twenty_clips(script: str):
    assert len(script.splitlines()) == 10
    effects, seeds = (len(eval(loop.search(script).group(1))) for loop in (LOOP_OF_EFFECTS, LOOP_OF_SEEDS))
    assert effects * seeds == 20


def test_it_makes_its_clips_and_names_those_that_fail(
    connected: Path, preferences, script: str, tmp_path: Path, capsys: pytest.CaptureFixture
):
    preferences.library_folder = str(tmp_path / "library")
    bpy.context.scene.transpixar.model = MODEL_NAME
    shorter = LOOP_OF_EFFECTS.sub('for effect in ("orange fire", "", "green smoke"):', script)
    shorter = LOOP_OF_SEEDS.sub("for seed in range(1, 2):", shorter)
    exec(compile(shorter, "overnight.py", "exec"), {})
    made = sorted(folder.name.rsplit("_", 1)[0] for folder in connected.iterdir())
    assert made == ["green-smoke_1", "orange-fire_1"]
    kept = sorted(file.name for file in (tmp_path / "library").glob("*/*.blend"))
    assert kept == ["green-smoke.blend", "orange-fire.blend"]
    assert {"orange-fire", "green-smoke"} <= set(bpy.context.scene.objects.keys())
    assert ", seed 1: Error: The prompt is empty" in capsys.readouterr().out
