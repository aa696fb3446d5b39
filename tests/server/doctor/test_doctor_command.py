"""`python -m server doctor`, as a person runs it on this machine, which can make clips with the tiny model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from server.launch import module_environment
from server.settings import user_data_dir


def doctor(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server", "doctor", *options],
        capture_output=True,
        text=True,
        timeout=180,
        env=module_environment() | {"OMP_NUM_THREADS": "1", **environment},
        check=False,
    )


def test_a_machine_that_can_make_clips(tiny_model_folder: Path, tmp_path: Path, free_port: int) -> None:
    options = ["--model-dir", str(tiny_model_folder), "--data-dir", str(tmp_path / "data"), "--port", str(free_port)]
    done = doctor(*options)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "Clips can be made on this machine." in done.stdout
    assert f"OK      Port: {free_port} is free." in done.stdout
    assert "OK      Model tiny: Ready. A default clip (32x32, 5 frames, 4 steps) takes about" in done.stdout
    assert "Plan 'resident'" in done.stdout
    assert "Model cogvideox-5b: Not downloaded" in done.stdout
    assert "models download cogvideox-5b" in done.stdout


def test_the_same_for_programs(tmp_path: Path, free_port: int) -> None:
    done = doctor("--json", "--data-dir", str(tmp_path), "--port", str(free_port))
    said = json.loads(done.stdout)
    assert said["can_make_clips"] is (done.returncode == 0)
    findings = {finding["about"]: finding for finding in said["findings"]}
    assert findings["Model mini"]["facts"]["predicted_peak_bytes"] > 0
    assert findings["Model mini"]["facts"]["about_seconds"] > findings["Model mini"]["facts"]["floor_seconds"]
    assert findings["Python"]["level"] == "ok"


def test_a_data_folder_that_cannot_be_written(tmp_path: Path, free_port: int) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    done = doctor("--data-dir", str(blocked), "--port", str(free_port))
    assert done.returncode == 1
    assert "PROBLEM Data folder" in done.stdout
    assert "No clip can be made until this is mended: Data folder." in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_setting_that_is_not_valid(port: str, tmp_path: Path) -> None:
    done = doctor("--data-dir", str(tmp_path), TRANSPIXAR_PORT=port)
    assert done.returncode == 1
    assert "PROBLEM Settings: port is not valid" in done.stdout


def test_it_makes_no_data_folder_where_it_was_told_another(tmp_path: Path, free_port: int) -> None:
    was_there = user_data_dir().exists()
    doctor("--data-dir", str(tmp_path), "--port", str(free_port))
    assert user_data_dir().exists() == was_there
