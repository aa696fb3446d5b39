"""A real server on a real socket with a real, tiny model, shared by all tests that need one."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from server.client import Client
from server.launch import ServerProcess

# Whoever starts the tests in the background of a script has Ctrl+C ignored, and what they start inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Here and not above: this brings torch, which most of these tests do without.
    from tests.tiny_model import write_tiny_model

    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def broken_model_folder(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose files are sound, and whose RGBA weights are those of another model."""
    folder = tmp_path_factory.mktemp("models") / "broken"
    shutil.copytree(tiny_model_folder, folder)
    description = folder / "transpixar.json"
    description.write_text(description.read_text("utf-8").replace('"tiny"', '"broken"'), "utf-8")
    weights = load_file(folder / "rgba_lora.safetensors")
    save_file({f"other.{key}": value for key, value in weights.items()}, folder / "rgba_lora.safetensors")
    return folder


@pytest.fixture(scope="session")
def versatile_model_folder(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that can do everything, and is the tiny one otherwise."""
    folder = tmp_path_factory.mktemp("models") / "versatile"
    shutil.copytree(tiny_model_folder, folder)
    description = json.loads((folder / "transpixar.json").read_text("utf-8"))
    description |= {"name": "versatile", "tasks": ["text", "image", "footage"]}
    (folder / "transpixar.json").write_text(json.dumps(description), "utf-8")
    return folder


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def server(tiny_model_folder: Path, broken_model_folder: Path, data_dir: Path) -> Iterator[ServerProcess]:
    options = ["--model-dir", str(tiny_model_folder), "--model-dir", str(broken_model_folder)]
    with ServerProcess([*options, "--data-dir", str(data_dir)]) as running:
        yield running


class TinyClient(Client):
    """A client that asks for the tiny model, whatever the built-in ones are."""

    def create(self, prompt: str, **fields: Any) -> dict[str, Any]:
        return super().create(prompt, **{"model": "tiny", **fields})


@pytest.fixture(scope="session")
def client(server: ServerProcess) -> Client:
    return TinyClient(server.url)
