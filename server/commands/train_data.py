"""`python -m server train --check DIR` and `--prepare DIR`: the clips that are trained on."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from server.commands.clip_options import STATUS_INTERRUPTED, rate
from server.settings import user_data_dir
from server.training.data.base_model import BaseModelFacts
from server.training.data.checking import check
from server.training.data.errors import DataError
from server.training.data.report import Report
from server.training.data.report_files import write_report
from server.training.data.settings import PreparationSettings, Reading, settings_for
from server.training.lora.errors import TrainingError

_DEFAULT_BASE = "cogvideox-5b"
Progress = Callable[[int, int, str], None]


def main(arguments: list[str]) -> int:
    """Check a folder of clips with captions, or prepare it for training: encode it once with the base's autoencoder
    and text encoder. Several processes may prepare the same folder at once, and one that was stopped goes on where it
    was. docs/training-data.md says how clips and captions are laid out.

    The exit status is 0 when nothing has to be mended.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if not (options.check or options.prepare):
        parser.error("name the folder: --check DIR or --prepare DIR")
    try:
        return _prepare(options) if options.prepare else _check(options)
    except (DataError, TrainingError) as error:
        print(error, file=sys.stderr)
    except MemoryError:
        print("The memory is not enough to encode these clips; try --tiled, or a smaller --size.", file=sys.stderr)
    except OSError as error:
        print(f"{error.filename or 'A file'} cannot be written ({error.strerror or error}).", file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped. What was prepared stays, and the same command goes on there.", file=sys.stderr)
        return STATUS_INTERRUPTED
    return 1


def _check(options: argparse.Namespace) -> int:
    settings = _settings(options, _base_folder(options, options.base)) if options.base else None
    with _progress() as progress:
        report = check(options.check, settings, reading=_reading(options), progress=progress)
    files = write_report(report, options.report or _beside(options.check, "check"))
    _print(report)
    print(f"Report: {files[1]} (with pictures), {files[0]}")
    return 0 if report.is_usable else 1


def _prepare(options: argparse.Namespace) -> int:
    # Here, because it brings torch, which checking does without.
    import diffusers
    import torch
    import transformers

    from server.training.data.preparing import prepare

    # Their bars for loading would run into the one of this command.
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    base = options.base or _DEFAULT_BASE
    folder = _base_folder(options, base)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    cache = options.cache or _beside(options.prepare, "prepared")
    model = BaseModelFacts.read(folder)
    settings = _settings(options, folder)
    try:
        with _progress() as progress:
            prepared = prepare(options.prepare, model, cache, settings, base=base, device=device, progress=progress)
    except torch.OutOfMemoryError:
        raise MemoryError from None
    _print(prepared.report)
    if prepared.clips:
        clips = f"{prepared.clips} clip{'' if prepared.clips == 1 else 's'}"
        print(f"{clips} prepared in {cache}: {prepared.made} now, {prepared.clips - prepared.made} before.")
        print(f"To train: python -m server train --base {base} --cache {cache} --out DIR")
    return 0 if prepared.report.is_usable else 1


def _print(report: Report) -> None:
    print("\n".join(report.sentences()))


def _base_folder(options: argparse.Namespace, base: str) -> Path:
    from server.training.lora.bases import find_base

    return find_base(base, Path(options.data_dir), options.model_dir).folder


def _settings(options: argparse.Namespace, folder: Path) -> PreparationSettings:
    return settings_for(
        BaseModelFacts.read(folder),
        sizes=tuple(options.size),
        lengths=tuple(options.frames),
        fps=options.fps,
        background=options.background,
        most_parts=options.parts,
        decontaminate=options.decontaminate,
        reading=_reading(options),
        tiled=options.tiled,
    )


def _reading(options: argparse.Namespace) -> Reading:
    return Reading(options.input_fps, options.alpha)


def _beside(folder: Path, what: str) -> Path:
    """`clips_check` beside `clips`: nothing is written among the data."""
    real = folder.resolve()
    return real.parent / f"{real.name}_{what}"


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on standard error, fed by `check` and `prepare`."""
    with tqdm(unit="clip", file=sys.stderr, leave=False) as bar:

        def show(done: int, total: int, name: str) -> None:
            bar.total, bar.n = total, done
            bar.set_postfix_str(name)

        yield show


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server train", description=main.__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", type=Path, metavar="DIR", nargs="?", help="check the clips in this folder")
    what.add_argument("--prepare", type=Path, metavar="DIR", nargs="?", help="encode the clips in this folder")
    parser.add_argument("--report", type=Path, metavar="STEM", help="STEM.json and STEM.html; else beside the folder")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where the encoded clips go; else beside the folder")
    parser.add_argument(
        "--base", metavar="NAME", help=f"model that is to be trained, by name or folder ({_DEFAULT_BASE} to prepare)"
    )
    _add_preparation(parser.add_argument_group("how clips are prepared; what is left out is the base's own"))
    _add_reading(parser.add_argument_group("what the clips' files say wrongly of themselves, for all of them"))
    _add_machine(parser.add_argument_group("machine"))
    return parser


def _add_preparation(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--size", type=_size, action="append", default=[], metavar="WxH", help="size; can be given repeatedly"
    )
    group.add_argument(
        "--frames", type=int, action="append", default=[], metavar="N", help="length; can be given repeatedly"
    )
    group.add_argument("--fps", type=_training_rate, help="frames a second, or own to take every frame")
    group.add_argument("--parts", type=_count, default=4, metavar="N", help="cut a long clip into at most N (4)")
    group.add_argument("--background", choices=["blurred", "black"], help="what RGB shows around the effect")
    group.add_argument(
        "--decontaminate",
        choices=["auto", "always", "off"],
        default="auto",
        help="take a background's colour out of the edges: of fgr/ and pha/ where one is found (auto), or of all clips",
    )


def _add_reading(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--input-fps", type=rate, metavar="FPS", help="frames a second of the clips")
    group.add_argument("--alpha", choices=["straight", "premultiplied"], help="how their alpha is stored")


def _add_machine(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1")
    group.add_argument("--tiled", action="store_true", help="encode in tiles: less memory, slightly other latents")
    group.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        default=os.environ.get("TRANSPIXAR_DATA_DIR") or user_data_dir(),
        help="the server's data folder, to find the base in",
    )
    group.add_argument(
        "--model-dir", type=Path, action="append", default=[], metavar="DIR", help="a model folder besides the others"
    )


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write it as 720x480")
    return int(width), int(height)


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 on")
    return int(text)


def _training_rate(text: str) -> Fraction | Literal["own"]:
    return "own" if text == "own" else rate(text)
