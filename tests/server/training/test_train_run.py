"""Runs of training on a tiny base with random weights: the loss falls, a stopped run goes on exactly, and the result
is what the server loads."""

import csv
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from server.training.lora.bases import Base
from server.training.lora.card import model_card
from server.training.lora.config import TrainingConfig
from server.training.lora.errors import TrainingError
from server.training.lora.folder import result_metadata
from server.training.lora.trainer import Trainer
from server.transpixar import TransPixarPipeline
from tests.server.training.prepared_clips import BUCKETS, write_cache
from tests.tiny_model import write_tiny_model

TINY_SIZE = BUCKETS[0]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def settings(tiny_model_folder: Path, cache: Path, tmp_path: Path) -> dict:
    """A quick run."""
    return {
        "base": str(tiny_model_folder),
        "cache": cache,
        "out": tmp_path / "run",
        "rank": 8,
        "lora_alpha": 8.0,
        "iterations": 6,
        "batch_size": 4,
        "learning_rate": 1e-3,
        "warmup": 2,
        "ema_decay": 0.9,
        "checkpoint_every": 2,
        "gradient_checkpointing": False,
    }


def train(settings: dict, tmp_path: Path, **changes) -> Path:
    outcome = Trainer(TrainingConfig(**settings | changes), tmp_path).run()
    assert outcome.weights is not None
    return outcome.weights


def losses(folder: Path) -> list[dict[str, float]]:
    with (folder / "losses.csv").open(newline="", encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def test_the_loss_of_the_alpha_half_falls(settings: dict, tmp_path: Path) -> None:
    train(settings, tmp_path, iterations=60, batch_size=8, micro_batch_size=4, learning_rate=2e-2, checkpoint_every=60)
    rows = losses(tmp_path / "run")
    assert [row["iteration"] for row in rows] == list(range(1, 61))
    begin, end = (sum(row["alpha"] for row in part) / 10 for part in (rows[:10], rows[-10:]))
    assert end < 0.9 * begin


def test_the_result_has_a_model_card_that_the_hub_reads(settings: dict, tmp_path: Path) -> None:
    train(settings, tmp_path, iterations=2, data_licence="CC0 | my own")
    file = tmp_path / "run" / "README.md"
    card = ModelCard.load(file)
    assert card.data.library_name == "diffusers"
    assert card.data.pipeline_tag == "text-to-video"
    assert card.data.license == "other"
    assert "Training clips: CC0 | my own." in card.text
    assert "| lora_alpha | 8.0 |" in card.text
    # And what the card says loads: the strength comes from the file's header.
    pipe = TransPixarPipeline.from_pretrained(settings["base"], rgba_lora=tmp_path / "run")
    assert pipe.transformer.peft_config["rgba"].lora_alpha == 8.0
    # What a person wrote in it stays.
    file.write_text("mine", "utf-8")
    train(settings, tmp_path, iterations=2, data_licence="CC0 | my own")
    assert file.read_text("utf-8") == "mine"


def test_a_base_of_the_hub_is_named_in_the_card() -> None:
    base = Base("cogvideox-5b", Path("nowhere"), repo="zai-org/CogVideoX-5b", licence="CogVideoX LICENSE")
    metadata = result_metadata(
        TrainingConfig(cache=Path("c"), out=Path("o")), base, task="image", rgb="straight", iteration=7
    )
    card = ModelCard(model_card(metadata, base_repo=base.repo, base_licence=base.licence))
    assert card.data.base_model == "zai-org/CogVideoX-5b"
    assert card.data.pipeline_tag == "image-to-video"
    assert "Base model: CogVideoX LICENSE." in card.text
    assert "the licence was not given" in card.text


def test_a_killed_run_goes_on_with_the_same_losses_and_weights(settings: dict, tmp_path: Path) -> None:
    whole = train(settings, tmp_path, out=tmp_path / "whole")

    class Killed(BaseException):
        pass

    trainer = Trainer(TrainingConfig(**settings), tmp_path)
    update = trainer._update

    def dies_in_the_fourth():
        if trainer.iteration == 3:
            raise Killed
        return update()

    trainer._update = dies_in_the_fourth
    with pytest.raises(Killed):
        trainer.run()
    assert [path.name for path in sorted((tmp_path / "run" / "checkpoints").iterdir())] == ["000002"]

    parts = train(settings, tmp_path)
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")
    expected, found = load_file(whole), load_file(parts)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_checkpoints_do_not_depend_on_how_activations_are_kept(settings: dict, tmp_path: Path) -> None:
    kept = load_file(train(settings, tmp_path, out=tmp_path / "kept", iterations=2))
    again = load_file(train(settings, tmp_path, out=tmp_path / "again", iterations=2, gradient_checkpointing=True))
    assert all(torch.equal(again[key], kept[key]) for key in kept)


def test_a_run_that_is_stopped_within_an_update_goes_on_with_the_same_losses(settings: dict, tmp_path: Path) -> None:
    train(settings, tmp_path, out=tmp_path / "whole")
    trainer = Trainer(TrainingConfig(**settings), tmp_path)
    asked = iter([False] * 9 + [True])  # in the second of the four passes of the third update
    trainer._interruption.is_asked = lambda accelerator: next(asked)
    outcome = trainer.run()
    assert (outcome.iteration, outcome.weights) == (2, None)
    train(settings, tmp_path)
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")


def test_a_loss_that_explodes_ends_the_run_and_spoils_no_checkpoint(settings: dict, tmp_path: Path) -> None:
    trainer = Trainer(TrainingConfig(**settings | {"checkpoint_every": 1}), tmp_path)
    objective, losses_of = trainer._objective, trainer._objective.losses
    objective.losses = lambda *given: losses_of(*given) * (float("nan") if trainer.iteration == 2 else 1)
    with pytest.raises(TrainingError, match="gradients are not finite any more"):
        trainer.run()
    last = load_file(tmp_path / "run" / "checkpoints" / "000002" / "rgba_lora.safetensors")
    assert all(value.isfinite().all() for value in last.values())


def test_only_the_newest_checkpoints_stay(settings: dict, tmp_path: Path) -> None:
    train(settings, tmp_path, checkpoint_every=1, keep_checkpoints=2)
    checkpoints = sorted((tmp_path / "run" / "checkpoints").iterdir())
    assert [path.name for path in checkpoints] == ["000005", "000006"]
    # Each holds a usable result.
    last = load_file(checkpoints[-1] / "rgba_lora.safetensors")
    result = load_file(tmp_path / "run" / "rgba_lora.safetensors")
    assert all(torch.equal(last[key], result[key]) for key in result)


def test_another_recipe_in_the_same_folder_is_refused(settings: dict, tmp_path: Path) -> None:
    train(settings, tmp_path, iterations=2)
    with pytest.raises(TrainingError, match="started with another iterations, learning_rate; go on"):
        Trainer(TrainingConfig(**settings | {"learning_rate": 1.0}), tmp_path)


def test_other_data_in_the_same_folder_is_refused(settings: dict, tmp_path: Path) -> None:
    train(settings, tmp_path, iterations=2)
    other = write_cache(tmp_path / "other", count=3)
    with pytest.raises(TrainingError, match="training data has changed"):
        Trainer(TrainingConfig(**settings | {"iterations": 2, "cache": other}), tmp_path)


def test_a_run_with_bfloat16_keeps_what_is_trained_in_float32(settings: dict, tmp_path: Path) -> None:
    config = TrainingConfig(**settings | {"precision": "bf16", "iterations": 2, "gradient_checkpointing": True})
    trainer = Trainer(config, tmp_path)
    assert {parameter.dtype for parameter in trainer._learner.adapter.parameters} == {torch.float32}
    outcome = trainer.run()
    result = load_file(outcome.weights)
    assert {value.dtype for value in result.values()} == {torch.bfloat16}
    assert any(value.any() for key, value in result.items() if "lora_B" in key)


def test_validation_clips_are_shown_and_change_nothing(settings: dict, tmp_path: Path) -> None:
    plain = load_file(train(settings, tmp_path, out=tmp_path / "plain", iterations=4))
    shown = {"validation_prompts": ("orange fire", "blue smoke"), "validation_every": 2, "validation_steps": 2}
    with_clips = load_file(train(settings, tmp_path, iterations=4, **shown))
    assert all(torch.equal(with_clips[key], plain[key]) for key in plain)
    sheets = sorted((tmp_path / "run" / "validation").iterdir())
    assert [sheet.name for sheet in sheets] == ["000002.png", "000004.png"]
    with Image.open(sheets[0]) as sheet:
        assert sheet.height > 2 * 32


def test_losses_and_clips_are_in_tensorboard(settings: dict, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train(settings, tmp_path, iterations=2, validation_prompts=("fire",), validation_steps=1)
    events = accumulator.EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss/alpha")] == [1, 2]
    assert "optimisation/learning_rate" in events.Tags()["scalars"]
    assert events.Tags()["images"] == ["validation"]


def test_a_base_with_added_positions_learns_in_every_size(settings: dict, tmp_path: Path) -> None:
    base = write_tiny_model(tmp_path / "base", sincos=True)
    assert train(settings, tmp_path, base=str(base), iterations=3).is_file()


def test_an_image_to_video_base_learns_from_first_frames(settings: dict, tmp_path: Path) -> None:
    base = write_tiny_model(tmp_path / "base", image_to_video=True)
    cache = write_cache(tmp_path / "cache", first_frames=True, buckets=(TINY_SIZE,))
    Image.new("RGB", (40, 20), "orange").save(tmp_path / "first.png")
    images = {"validation_prompts": ("fire",), "validation_images": (tmp_path / "first.png",), "validation_steps": 1}
    result = train(settings, tmp_path, base=str(base), cache=cache, iterations=2, **images)
    with safe_open(result, framework="pt") as file:
        assert file.metadata()["task"] == "image"
    assert (tmp_path / "run" / "validation" / "000002.png").is_file()

    without = write_cache(tmp_path / "without", buckets=(TINY_SIZE,))
    with pytest.raises(TrainingError, match="prepared without their first frames"):
        Trainer(TrainingConfig(**settings | {"base": str(base), "cache": without, "out": tmp_path / "b"}), tmp_path)
