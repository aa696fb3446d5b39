"""`python -m server train`: an RGBA LoRA of one's own, on one's own clips."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from server.settings import user_data_dir
from server.training.lora.config import TrainingConfig, read_config
from server.training.lora.errors import TrainingError

STATUS_INTERRUPTED = 130  # what a shell gives to a program that Ctrl+C has ended

# What makes it the command of `server.commands.train_data`.
_DATA_OPTIONS = ("--check", "--prepare")
# What is not a setting of the run.
_OWN_OPTIONS = ("config", "data_dir", "model_dir")


def main(arguments: list[str]) -> int:
    """Train an RGBA LoRA and its domain embedding on prepared clips.

    Clips are checked by `train --check DIR` and prepared by `train --prepare DIR`; see `train --prepare --help`.
    `train ablate` measures what each part of the recipe is worth; see `train ablate --help`.

    A run that was stopped or killed goes on from its last checkpoint when the same command is given again. On several
    GPUs: `accelerate launch -m server train ...`. docs/training.md tells the rest.
    """
    if any(argument.partition("=")[0] in _DATA_OPTIONS for argument in arguments):
        from server.commands import train_data

        return train_data.main(arguments)
    if arguments[:1] == ["ablate"]:
        from server.commands import train_ablate

        return train_ablate.main(arguments[1:])
    options = vars(_parser().parse_args(arguments))
    own = {name: options.pop(name) for name in _OWN_OPTIONS}
    try:
        return _train(read_config(own["config"], options), own["data_dir"], own["model_dir"])
    except TrainingError as error:
        _say(str(error))
    except OSError as error:
        _say(f"{error.filename or 'A file'} cannot be written ({error.strerror or error}); the checkpoints stay.")
    except KeyboardInterrupt:
        _say("Stopped at once; the last checkpoint stays.")
        return STATUS_INTERRUPTED
    return 1


def _train(config: TrainingConfig, data_dir: Path, model_dirs: list[Path]) -> int:
    # Here, because it brings torch: --help and a wrong setting are answered without.
    import diffusers
    import transformers

    from server.training.lora.trainer import Trainer

    # They would come between this command's own sentences.
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    trainer = Trainer(config, data_dir, model_dirs)
    outcome = trainer.run()
    if outcome.weights is None:
        return STATUS_INTERRUPTED
    if trainer.is_main:
        print(outcome.weights)
        _say(
            "To generate with it: python -m server models add NAME "
            f"--base {config.base} --rgba-lora {outcome.weights} --rgb {trainer.rgb}"
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m server train",
        usage="python -m server train --check DIR | --prepare DIR | [--config FILE] --cache DIR --out DIR [options]",
        allow_abbrev=False,
        description=inspect.getdoc(main),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", metavar="FILE", help="a TOML file of settings, or a recipe: paper (the defaults), mini"
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        default=os.environ.get("TRANSPIXAR_DATA_DIR") or user_data_dir(),
        help="the server's data folder, to find the base in",
    )
    parser.add_argument(
        "--model-dir", type=Path, action="append", default=[], metavar="DIR", help="a model folder besides the others"
    )
    settings = parser.add_argument_group("settings, which go before those of the file")
    for name, field in TrainingConfig.model_fields.items():
        _add_setting(settings, name, field)
    return parser


def _add_setting(group: argparse._ArgumentGroup, name: str, field: FieldInfo) -> None:
    """Add the option of a setting. Values stay text, which the configuration reads and checks."""
    kind: dict[str, Any] = {"metavar": name.rpartition("_")[2].upper()}
    if field.annotation is bool:
        kind = {"action": argparse.BooleanOptionalAction}
    elif get_origin(field.annotation) is Literal:
        kind = {"choices": get_args(field.annotation)}
    elif get_origin(field.annotation) is tuple:
        kind |= {"nargs": "*"}
    elif name == "validation_size":
        kind = {"nargs": 2, "metavar": ("W", "H")}
    default = "" if field.is_required() or field.default in (None, "", ()) else f"{field.default}"
    help_text = "; ".join(part for part in (field.description, default and f"default {default}") if part)
    option = f"--{name.replace('_', '-')}"
    group.add_argument(option, dest=name, default=argparse.SUPPRESS, help=help_text.replace("%", "%%"), **kind)


def _say(text: str) -> None:
    # Every process of several comes to the same end.
    if os.environ.get("RANK", "0") == "0":
        print(text, file=sys.stderr)
