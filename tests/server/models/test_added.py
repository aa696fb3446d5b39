"""What a model can make follows from its base's configurations."""

import json
from pathlib import Path

import pytest

from server.models import ModelFolderError, ModelRegistry
from server.models.added import NewModel, describe_new_model, write_description
from server.models.configurations import describe_configurations
from server.models.files import ModelStatus, model_state
from server.models.licences import Acceptances
from server.models.places import ModelPlaces
from tests.server.models.fake_hub import FakeHub

COGVIDEOX_5B = {
    "patch_size": 2, "patch_size_t": None, "sample_width": 90, "sample_height": 60, "sample_frames": 49,
    "in_channels": 16, "out_channels": 16, "max_text_seq_length": 226, "use_learned_positional_embeddings": False,
}  # fmt: skip
VAE = {"block_out_channels": [128, 256, 256, 512], "temporal_compression_ratio": 4}


def configurations(folder: Path, **transformer) -> dict:
    for name, config in (("transformer", COGVIDEOX_5B | transformer), ("vae", VAE)):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(config), "utf-8")
    return describe_configurations(folder)


def test_the_limits_of_cogvideox_5b_are_those_of_the_catalogue(tmp_path: Path) -> None:
    described = configurations(tmp_path)
    catalogue = ModelRegistry.discover().get("cogvideox-5b")
    assert catalogue is not None
    assert described["limits"] == catalogue.limits.model_dump(exclude={"max_clips"})
    assert described["defaults"] == catalogue.defaults.model_dump(exclude={"quality"})
    assert tuple(described["tasks"]) == catalogue.tasks


def test_learned_positions_are_for_one_size(tmp_path: Path) -> None:
    described = configurations(tmp_path, in_channels=32, use_learned_positional_embeddings=True)
    limits = described["limits"]
    assert (limits["min_size"], limits["max_width"], limits["max_height"]) == (480, 720, 480)
    assert described["tasks"] == ["image"]


def test_frames_that_are_joined_in_twos(tmp_path: Path) -> None:
    described = configurations(tmp_path, patch_size_t=2, sample_width=300, sample_height=300, sample_frames=81)
    defaults = described["defaults"]
    assert (defaults["width"], defaults["height"], defaults["num_frames"], defaults["fps"]) == (1360, 768, 77, 16)


@pytest.mark.parametrize("wrong", [{"sample_width": None}, {"patch_size": 0}, {"sample_frames": -9}])
def test_configurations_that_make_no_sense(tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(ModelFolderError, match="is no configuration of a CogVideoX model"):
        configurations(tmp_path, **wrong)


def test_a_folder_as_a_base(tiny_copy: Path, places: ModelPlaces) -> None:
    new = NewModel("mine", str(tiny_copy), tiny_copy / "rgba_lora.safetensors", rgb="premultiplied", licence="mine")
    description = describe_new_model(new, ModelRegistry(), places)
    folder = write_description(description, places)
    registry = ModelRegistry.discover(models_folder=places.models)
    state = model_state(registry.get("mine"), folder, places.hub, Acceptances.load(places.licences))
    assert state.state is ModelStatus.READY
    assert (description.rgb, description.licence, description.defaults.width) == ("premultiplied", "mine", 32)


def test_a_repository_as_a_base_brings_its_licence(hub: FakeHub, tiny_copy: Path, places: ModelPlaces) -> None:
    new = NewModel("mine", "maker/Base", tiny_copy / "rgba_lora.safetensors")
    description = describe_new_model(new, ModelRegistry(), places)
    assert [licence.id for licence in description.licences] == ["maker--base"]
    assert description.base.repo == "maker/Base"
    assert not [answer for answer in hub.answered if answer.path.endswith(".safetensors")]


def test_a_base_of_the_catalogue_keeps_the_licence_of_the_base_only(tiny_copy: Path, places: ModelPlaces) -> None:
    new = NewModel("mine", "cogvideox-5b", tiny_copy / "rgba_lora.safetensors")
    description = describe_new_model(new, ModelRegistry.discover(), places)
    assert [licence.part for licence in description.licences] == ["base"]
    assert description.licence == "CogVideoX License"


@pytest.mark.parametrize(
    ("name", "base", "lora", "message"),
    [
        ("My Smoke", "mini", "rgba_lora.safetensors", "'My Smoke' is no name for a model"),
        ("mini", "mini", "rgba_lora.safetensors", "There is a model 'mini' already"),
        ("mine", "nowhere", "rgba_lora.safetensors", "There is no base 'nowhere'; use the name of a model"),
        ("mine", "mini", "missing.safetensors", r"missing\.safetensors cannot be read"),
        ("mine", "mini", "rgba_lora.pt", r"rgba_lora\.pt is no safetensors file; .* never loads pickled weights"),
    ],
)
def test_what_cannot_be_added(
    tiny_copy: Path, places: ModelPlaces, name: str, base: str, lora: str, message: str
) -> None:
    with pytest.raises(ModelFolderError, match=message):
        describe_new_model(NewModel(name, base, tiny_copy / lora), ModelRegistry.discover(), places)
