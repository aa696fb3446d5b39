"""Clips come while operators run that never end, and wait for a tool of Blender's, two seconds at most."""

import json
import os
import subprocess
from pathlib import Path

from tests.addon.real_server import REPOSITORY
from tests.window.blender_window import COMMAND

SCRIPT = Path(__file__).with_name("modal_operators.py")
WAITS = "It is placed as soon as {} has ended, or in a moment."
# The timer ticks ten times a second, and a machine without a GPU draws slowly between.
SLACK_S = 3.0


def test_clips_come_while_operators_run(display: str, tmp_path: Path):
    surroundings = os.environ | {
        "BLENDER_USER_RESOURCES": str(tmp_path / "resources"),
        "TRANSPIXAR_WORK_DIR": str(tmp_path / "work"),
        "DISPLAY": display,
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    window = ["--gpu-backend", "opengl", "--factory-startup", "--enable-event-simulate"]
    driven = subprocess.run(
        [*COMMAND, *window, "--window-geometry", "0", "0", "1280", "800", "--python", str(SCRIPT), "--", str(tmp_path)],
        env=surroundings,
        cwd=REPOSITORY,
        timeout=300,
        check=False,
    )
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (report["problem"], driven.returncode) == ("", 0)
    assert report["bar"]["said"] == []
    assert report["bar"]["seconds"] < SLACK_S
    for name, tool in (("move", "Move"), ("watcher", "Watch")):
        assert report[name]["said"] == [WAITS.format(tool)]
        assert 2.0 <= report[name]["seconds"] < 2.0 + SLACK_S
    # A tool of Blender's makes its own undo step, an add-on's operator that never ends does not.
    assert (report["undo taken by move"], report["undo taken by watcher"]) == (True, False)
    assert (report["undo step waits"], report["undo step waited"]) == (True, True)
    # The tool's own step takes the clip away too, and there is none that does nothing.
    assert report["after undo"] == report["before undo"] - 1
