"""The server with fake engines, on a real socket: quick, and it does as it is told."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.client import Client
from server.launch import ServerProcess
from tests.server.conftest import TinyClient

FAKE = ("tests.server.api.fake_server",)


@pytest.fixture(scope="session")
def fake_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fake-data")


@pytest.fixture(scope="session")
def licensed_model_folder(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with licences that somebody has to accept."""
    folder = tmp_path_factory.mktemp("models") / "licensed"
    shutil.copytree(tiny_model_folder, folder)
    description = json.loads((folder / "transpixar.json").read_text("utf-8"))
    licence = {"part": "base", "name": "A licence", "url": "https://licence.example", "notice": "Be kind."}
    description |= {"name": "licensed", "licences": [{"id": name, **licence} for name in ("one", "two")]}
    (folder / "transpixar.json").write_text(json.dumps(description), "utf-8")
    return folder


@pytest.fixture(scope="session")
def fake_server(
    tiny_model_folder: Path, versatile_model_folder: Path, licensed_model_folder: Path, fake_data_dir: Path
) -> Iterator[ServerProcess]:
    folders = [tiny_model_folder, versatile_model_folder, licensed_model_folder]
    models = [option for folder in folders for option in ("--model-dir", str(folder))]
    # Whatever tests think of is small.
    limits = ["--max-upload-mb", "1", "--max-clip-pixels", "1000000"]
    options = ["--data-dir", str(fake_data_dir), *models, *limits]
    with ServerProcess(options, program=FAKE) as running:
        yield running


@pytest.fixture(scope="session")
def fake(fake_server: ServerProcess) -> Client:
    return TinyClient(fake_server.url)


@pytest.fixture
def idle(fake: Client) -> Client:
    """The same, with nothing at work and nothing in the queue."""
    for job in fake.list():
        if not job["finished"]:
            fake.cancel(job["id"])
            fake.wait(job["id"])
    return fake
