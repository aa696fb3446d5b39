"""`python -m server generate`, as a person runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from server.client import Client
from server.launch import ServerProcess, module_environment
from server.media.sidecar import Sidecar
from tests.server.api.conftest import FAKE
from tests.server.media.films import film


@pytest.fixture(autouse=True)
def data_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keeps the servers that commands start or look for away from this user's own."""
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("TRANSPIXAR_DATA_DIR", str(folder))
    return folder


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "server", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = module_environment()
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=180, env=environment, check=False
    )


def test_it_starts_its_own_server_and_prints_where_the_clip_is(
    tiny_model_folder: Path, tmp_path: Path, data_of_its_own: Path
) -> None:
    out = tmp_path / "clips"
    model = str(tiny_model_folder)
    done = run("generate", "orange fire", "--out", str(out), "--seed", "7", "--model", "tiny", "--model-dir", model)

    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert folder.parent == out
    assert folder.name.startswith("orange-fire_7_")
    assert len(list(folder.glob("*.png"))) == 5
    assert "4/4" in done.stderr
    assert "Traceback" not in done.stderr
    # What it has made is in one place only.
    assert list((data_of_its_own / "clips").iterdir()) == []


def test_it_uses_a_running_server_and_all_its_options(server: ServerProcess, tmp_path: Path) -> None:
    options = ["--size", "48x32", "--frames", "3", "--steps", "2", "--guidance", "1.5", "--cfg-schedule", "dynamic"]
    done = run("generate", "fire", "--out", str(tmp_path), "--server", server.url, *options, "--model", "tiny")

    assert done.returncode == 0, done.stderr
    sidecar = Sidecar.from_json(Path(done.stdout.strip(), "fire.transpixar").read_bytes())
    request = sidecar.request
    assert (request.width, request.height, request.num_frames, request.steps) == (48, 32, 3, 2)
    assert (request.guidance, request.cfg_schedule) == (1.5, "dynamic")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["", "--model", "tiny"], "The prompt is empty"),
        (["fire", "--model", "tiny", "--width", "33"], "use 32 or 48"),
        (["fire", "--model", "sora"], "There is no model 'sora'"),
        (["fire", "--size", "big"], "write it as 64x64"),
    ],
)
def test_bad_input_is_told_in_a_sentence(server: ServerProcess, tmp_path: Path, arguments: list, message: str) -> None:
    done = run("generate", *arguments, "--out", str(tmp_path), "--server", server.url)

    assert done.returncode != 0
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_failed_job_names_the_log_of_the_server_that_was_started(broken_model_folder: Path, tmp_path: Path) -> None:
    model = ["--model", "broken", "--model-dir", str(broken_model_folder)]
    done = run("generate", "fire", "--out", str(tmp_path), *model)

    assert (done.returncode, done.stdout) == (1, "")
    assert "use RGBA weights that were trained for this model" in done.stderr
    assert "Traceback" not in done.stderr
    log = Path(done.stderr.partition("log is ")[2].splitlines()[0])
    assert "Traceback" in log.read_text("utf-8")
    log.unlink()


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = run("generate", "fire", "--out", str(tmp_path), "--server", "http://127.0.0.1:9")

    assert (done.returncode, done.stdout) == (1, "")
    assert "does not answer; start it with" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="Windows sends Ctrl+C to groups only")
def test_ctrl_c_cancels_the_job(server: ServerProcess, client: Client, tmp_path: Path) -> None:
    before = len(client.list())
    arguments = ["generate", "slow fire", "--out", str(tmp_path), "--server", server.url, "--steps", "100"]
    running = subprocess.Popen(
        command(*arguments, "--size", "64", "--model", "tiny"),
        stderr=subprocess.PIPE,
        text=True,
        env=module_environment(),
    )
    while len(client.list()) == before:
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)

    assert running.returncode == 130
    assert "Cancelled." in said
    assert "Traceback" not in said
    *_, job = client.follow(client.list()[0]["id"])
    assert job["state"] == "cancelled"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def fake(data_of_its_own: Path, versatile_model_folder: Path) -> Iterator[Client]:
    """A server with a fake engine that runs on this user's data folder."""
    folder = data_of_its_own / "style_loras"
    folder.mkdir()
    (folder / "ink.safetensors").touch()
    options = ["--data-dir", str(data_of_its_own), "--model-dir", str(versatile_model_folder)]
    with ServerProcess(options, program=FAKE) as running:
        yield Client(running.url)


def test_the_server_that_runs_is_used_and_every_option_reaches_it(fake: Client, tmp_path: Path) -> None:
    options = ["--clips", "2", "--seed", "3", "--quality", "fast", "--plan", "tiled", "--negative-prompt", "people"]
    done = run("generate", "fire", "--out", str(tmp_path / "out"), *options, "--model", "versatile", "--steps", "1")

    assert done.returncode == 0, done.stderr
    folders = [Path(line) for line in done.stdout.splitlines()]
    assert [folder.name.split("_")[1] for folder in folders] == ["3", "4"]
    assert all(folder.is_dir() for folder in folders)
    (job,) = fake.list()
    request = job["request"]
    assert (request["num_clips"], request["quality"], request["memory_plan"]) == (2, "fast", "tiled")
    assert request["negative_prompt"] == "people"


def test_images_footage_and_styles(fake: Client, tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    footage = film(tmp_path / "a.mkv", "testsrc2=s=64x48:r=8:d=1", "-c:v", "ffv1")
    common = ["generate", "fire", "--out", str(tmp_path / "out"), "--model", "versatile", "--steps", "1"]
    later = ["--footage-start", "2"]
    for options in (
        ["--image", str(tmp_path / "a.png"), "--style-lora", "ink=0.8"],
        ["--footage", str(footage), *later],
    ):
        done = run(*common, *options)
        assert done.returncode == 0, done.stderr
    second, first = (job["request"] for job in fake.list())
    assert (first["first_frame"] is None, first["footage"]) == (False, None)
    assert first["style_loras"] == [{"name": "ink", "strength": 0.8}]
    assert (second["first_frame"], second["footage"] is None, second["footage_start"]) == (None, False, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--image", "no-such-file"], "no-such-file"),
        (["--style-lora", "ink=much"], "write it as ink=0.8"),
        (["--style-lora", "oil"], "no style LoRA"),
        (["--clips", "99"], "use 1 to 16"),
    ],
)
def test_bad_options_are_told_in_a_sentence(fake: Client, tmp_path: Path, options: list[str], message: str) -> None:
    done = run("generate", "fire", "--out", str(tmp_path), "--model", "versatile", *options)

    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_record_of_a_killed_server_does_not_mislead_it(tmp_path: Path, data_of_its_own: Path) -> None:
    record = {"pid": 1, "url": "http://127.0.0.1:9", "port": 9, "version": "0.1.0", "api": 1, "token_file": None}
    (data_of_its_own / "server.json").write_text(json.dumps(record))
    done = run("generate", "", "--out", str(tmp_path))

    # It has started a server of its own, which then has refused the prompt.
    assert "The prompt is empty" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["generate", "--help"], ["--version"]])
def test_help_and_version(arguments: list[str]) -> None:
    done = run(*arguments)

    assert done.returncode == 0
    assert done.stdout


def test_an_unknown_command_names_those_there_are() -> None:
    done = run("generat")

    assert done.returncode == 2
    assert "the commands are serve, generate" in done.stderr
