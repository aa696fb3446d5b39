"""Models whose files are on a small hub of this machine."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from server.models import ModelDescription
from server.models.licences import Acceptances
from server.models.places import ModelPlaces
from tests.server.models.fake_hub import FakeHub, FakeHubServer

LICENCE = {
    "id": "tiny-base",
    "part": "base",
    "name": "Tiny License",
    "url": "https://example.org/licence",
    "notice": "Only for tests.",
}


@pytest.fixture
def tiny_copy(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A tiny model that a test may damage."""
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "tiny_copy"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tiny_model_folder: Path) -> Iterator[FakeHub]:
    """A hub with the tiny model as `maker/Base` and its LoRA as `maker/Lora`."""
    with FakeHubServer() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.hub.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        server.hub.add("maker/Base", tiny_model_folder)
        lora = server.hub.repos["maker/Base"].files.pop("rgba_lora.safetensors")
        server.hub.add("maker/Lora", tiny_model_folder, "rgba_lora.safetensors")
        assert server.hub.repos["maker/Lora"].files == {"rgba_lora.safetensors": lora}
        # What a download must leave alone.
        server.hub.repos["maker/Base"].files |= {
            "vae/diffusion_pytorch_model.bin": b"pickle",
            "vae/diffusion_pytorch_model.fp16.safetensors": b"half",
            "assets/film.mp4": b"film",
            "README.md": b"# A card",
        }
        yield server.hub


@pytest.fixture
def places(tmp_path: Path) -> ModelPlaces:
    return ModelPlaces(tmp_path / "data")


@pytest.fixture
def remote_folder(tiny_model_folder: Path, places: ModelPlaces) -> Path:
    """The folder of the model `remote`, which has only a description."""
    description = json.loads((tiny_model_folder / "transpixar.json").read_text("utf-8"))
    description |= {
        "name": "remote",
        "base": {"repo": "maker/Base"},
        "rgba_lora": {"repo": "maker/Lora", "file": "rgba_lora.safetensors", "lora_alpha": 4.0},
        "licences": [LICENCE],
    }
    folder = places.models / "remote"
    folder.mkdir(parents=True)
    (folder / "transpixar.json").write_text(json.dumps(description), "utf-8")
    return folder


@pytest.fixture
def remote(remote_folder: Path) -> ModelDescription:
    return ModelDescription.read(remote_folder)


@pytest.fixture
def accepted(places: ModelPlaces, remote: ModelDescription) -> Acceptances:
    acceptances = Acceptances.load(places.licences)
    acceptances.accept(remote, ["tiny-base"])
    return acceptances
