"""Clips are placed, and keep their colours, in the OpenColorIO configurations of studios.

Blender reads the configuration when it starts, so each has a Blender of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.addon.real_server import REPOSITORY

FOLDER = Path(__file__).with_name("colour_configurations")


@pytest.mark.parametrize(
    ("configuration", "neutral_view"), [("aces_like.ocio", "Un-tone-mapped"), ("house_names.ocio", "house_neutral")]
)
def test_clips_keep_their_colours(configuration: str, neutral_view: str):
    surroundings = os.environ | {"OCIO": str(FOLDER / configuration), "NEUTRAL_VIEW": neutral_view}
    cases = FOLDER / "cases.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(cases)],
        env=surroundings,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "6 passed" in done.stdout
