"""A real Blender window, driven with mouse and keyboard from a prompt to a plane and a strip.

It wants a Blender with a window: `blender` in the PATH, or the command that `TRANSPIXAR_BLENDER` names; and a display,
or Xvfb to make one. Without either it is skipped.
"""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.addon.real_server import REPOSITORY, RealServer
from tests.blender.test_installed_zip import archive

__all__ = ["archive"]

BLENDER = shlex.split(os.environ.get("TRANSPIXAR_BLENDER", "blender"))
DRIVE = Path(__file__).with_name("drive.py")
PICTURES = {"panel.png", "generating.png", "plane.png", "sequencer.png"}

pytestmark = pytest.mark.skipif(
    shutil.which(BLENDER[0]) is None or not (os.environ.get("DISPLAY") or shutil.which("Xvfb")),
    reason="no Blender with a window is installed here",
)


@pytest.fixture
def display() -> Iterator[str]:
    """One without a screen, so that nothing pops up; else the display there is."""
    if shutil.which("Xvfb") is None:
        yield os.environ["DISPLAY"]
        return
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1000x24"]
    with os.fdopen(reading) as said, subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as xvfb:
        os.close(writing)
        yield f":{said.readline().strip()}"
        xvfb.terminate()


def test_from_a_prompt_to_a_plane_and_a_strip(archive: Path, server: RealServer, display: str, tmp_path: Path):
    surroundings = os.environ | {
        "BLENDER_USER_RESOURCES": str(tmp_path / "resources"),
        "TRANSPIXAR_DATA_DIR": str(tmp_path / "data"),
        "TRANSPIXAR_WORK_DIR": str(tmp_path / "work"),
        "DISPLAY": display,
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    install = ["--command", "extension", "install-file", "-r", "user_default", "--enable", str(archive)]
    subprocess.run([*BLENDER, *install], env=surroundings, check=True, timeout=120)
    window = ["--enable-event-simulate", "--window-geometry", "0", "0", "1600", "1000"]
    graphics = ["--gpu-backend", "opengl"]
    driven = subprocess.run(
        [*BLENDER, *graphics, *window, "--python", str(DRIVE), "--", server.url, str(tmp_path)],
        env=surroundings,
        cwd=REPOSITORY,
        timeout=900,
        check=False,
    )
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["problem"] == ""
    assert driven.returncode == 0
    assert report["steps"][-1] == "the clip is a strip"
    if shutil.which("import"):
        assert {path.name for path in tmp_path.glob("*.png")} == PICTURES
