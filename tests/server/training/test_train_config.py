"""Settings of a training run: the paper's by default, from a file, from options."""

from pathlib import Path

import pytest

from server.commands.train import main
from server.training.lora.config import RECIPES, TrainingConfig, read_config

GIVEN = {"cache": "prepared", "out": "run"}


def test_the_defaults_are_the_papers_recipe() -> None:
    config = read_config(None, GIVEN)
    assert (config.rank, config.lora_alpha, config.text_to_alpha) == (128, 1.0, "strict")
    assert (config.iterations, config.batch_size) == (5000, 8)
    assert read_config("paper", GIVEN) == config


@pytest.mark.parametrize("recipe", [path.stem for path in RECIPES.glob("*.toml")])
def test_every_recipe_can_be_read(recipe: str) -> None:
    assert read_config(recipe, GIVEN).iterations > 0


def test_options_go_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('out = "run"\ncache = "prepared"\nrank = 16\nlearning_rate = 1e-3\n', "utf-8")
    config = read_config(file, {"rank": "32"})
    assert (config.rank, config.learning_rate) == (32, 1e-3)


def test_a_written_configuration_reads_the_same(tmp_path: Path) -> None:
    config = read_config(
        None, GIVEN | {"validation_prompts": ['a "quoted" fire', "Rauch über Öl"], "validation_size": ["64", "32"]}
    )
    file = tmp_path / "config.toml"
    file.write_text(config.to_toml(), "utf-8")
    assert read_config(file, {}) == config


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rank = 0", 'rank cannot be "0"'),
        ('optimizer = "sgd"', 'optimizer cannot be "sgd"'),
        ("ranks = 4", "There is no setting 'ranks'"),
        ("batch_size = 5\nmicro_batch_size = 2", "is no multiple of micro_batch_size 2"),
        ('validation_prompts = ["a", "b"]\nvalidation_images = ["a.png"]', "as many validation_images"),
        ("rank = ", "cannot be read"),
    ],
)
def test_a_wrong_file_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'out = "run"\ncache = "prepared"\n{content}\n', "utf-8")
    assert main(["--config", str(file)]) == 1
    assert message in capsys.readouterr().err


def test_what_is_missing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", "run"]) == 1
    assert capsys.readouterr().err == "cache is missing; give --cache, or write it into the file.\n"


def test_what_may_change_within_a_run() -> None:
    before = read_config(None, GIVEN)
    moved = read_config(None, GIVEN | {"out": "elsewhere", "keep_checkpoints": 9, "gradient_checkpointing": False})
    other = read_config(None, GIVEN | {"learning_rate": 1.0, "rank": 4})
    assert moved.changed_since(before.model_dump(mode="json")) == []
    assert other.changed_since(before.model_dump(mode="json")) == ["learning_rate", "rank"]


def test_a_path_is_a_setting_as_good_as_a_name() -> None:
    assert TrainingConfig(base="/models/CogVideoX-2b", cache=Path("c"), out=Path("o")).base == "/models/CogVideoX-2b"
