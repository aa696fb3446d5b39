"""Tokens and passwords stay with those who need them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from server.environment import hide_secrets, hub_secrets, is_secret, without_secrets
from server.media.errors import MediaError
from server.media.ffmpeg import Encoder, decoded, output_of
from server.media.uploaded_video import FfmpegFailed, read_video
from server.workers.child import worker_environment

SECRETS = ("TRANSPIXAR_TOKEN", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD_FOR_ME_TOKEN")


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "do not tell")


@pytest.mark.parametrize("name", ["WANDB_API_KEY", "GITHUB_PAT", "token", "DB_PASSWORD", "OPENAI_API_KEY", *SECRETS])
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["PATH", "TOKENIZERS_PARALLELISM", "PYTHONPATH", "HOME", "KEYBOARD", "COMPASS", "HF_HOME"]
)
def test_names_of_others(name: str) -> None:
    assert not is_secret(name)


def test_the_hubs_token_is_there_while_something_is_downloaded() -> None:
    environment = {"HF_TOKEN": "secret", "TRANSPIXAR_TOKEN": "other", "PATH": "/bin"}
    hide_secrets(environment)
    assert environment == {"PATH": "/bin"}
    with hub_secrets(environment):
        assert environment == {"PATH": "/bin", "HF_TOKEN": "secret"}
    assert environment == {"PATH": "/bin"}
    assert without_secrets({"HF_TOKEN": "a", "B": "b"}) == {"B": "b"}


def test_a_worker_gets_the_hubs_token_and_no_other(secrets: None) -> None:
    environment = worker_environment()
    assert [name for name in SECRETS if name in environment] == ["HF_TOKEN"]


def test_what_a_worker_starts_gets_none(secrets: None) -> None:
    program = (
        "import os, subprocess, sys\n"
        "from server.workers import process\n"
        "process.open_channels = lambda: (None, None)\n"
        "process._build = lambda *_: (_ for _ in ()).throw(SystemExit(subprocess.call("
        "[sys.executable, '-c', 'import json, os; print(json.dumps(dict(os.environ)))'])))\n"
        "process.main(['--device', 'cpu'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=worker_environment(), capture_output=True, text=True, check=True
    )
    assert not set(SECRETS) & set(json.loads(done.stdout))


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a script")
@pytest.mark.parametrize(
    "call",
    [
        lambda path: output_of(["-version"]),
        lambda path: list(decoded(["-i", str(path)], path, 16)),
        lambda path: read_video(path, ["-f", "rawvideo"], frames=1),
        lambda path: Encoder([], path).__enter__().__exit__(None),
    ],
)
def test_ffmpeg_gets_none(
    call: Callable[[Path], object], secrets: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!{sys.executable}\nimport os\nopen({str(told)!r}, 'a').write(repr(dict(os.environ)))\n")
    program.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    with suppress(MediaError, FfmpegFailed):
        call(tmp_path / "film.mov")
    assert "PATH" in told.read_text() and "do not tell" not in told.read_text()
    assert os.environ["TRANSPIXAR_TOKEN"] == "do not tell"
