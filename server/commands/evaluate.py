"""`python -m server evaluate`: measure a model that lists its effects, and say whether it reaches its marks."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from tqdm import tqdm

from server.commands.model_actions import Models, UsageError
from server.files import write_file
from server.models import DESCRIPTION_FILE, ModelFolderError
from server.models.licences import LicenceError
from server.settings import user_data_dir
from server.workers.device import DEVICES, DeviceUnusable, hide_other_gpus, torch_device

STATUS_INTERRUPTED = 130  # what a shell gives to a program that Ctrl+C has ended


def main(arguments: list[str]) -> int:
    """Measure a model on held-out captions and seeds. Exit status 1 when it misses a mark."""
    options = _parser().parse_args(arguments)
    try:
        return _evaluate(options)
    except (UsageError, ModelFolderError, LicenceError, DeviceUnusable, FileNotFoundError) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename or 'A file'} cannot be written ({error.strerror}).", file=sys.stderr)
    except KeyboardInterrupt:
        print("Cancelled.", file=sys.stderr)
        return STATUS_INTERRUPTED
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server evaluate", description=main.__doc__)
    parser.add_argument("model", nargs="?", default="mini", help="its name, or its folder (mini)")
    parser.add_argument("--count", type=_positive, default=105, help="clips to sample from prompts (105)")
    parser.add_argument("--real", type=_positive, default=60, help="real clips for ceilings and autoencoder (60)")
    parser.add_argument(
        "--marks", choices=["cpu", "gpu"], default="cpu", help="what a model trained on that must reach (cpu)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for evaluation.json and sheet.png")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--device", type=_device, default="cpu", help="auto, cpu, cuda or cuda:N (cpu)")
    parser.add_argument("--threads", type=_positive, help="CPU threads; all of the machine's when not given")
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        default=os.environ.get("TRANSPIXAR_DATA_DIR") or user_data_dir(),
        help="the server's data folder, for models added there",
    )
    parser.add_argument(
        "--model-dir", type=Path, action="append", default=[], metavar="DIR", help="a model folder besides the others"
    )
    return parser


def _evaluate(options: argparse.Namespace) -> int:
    folder, hub_folder = _model(options)
    # After the arguments were checked: torch takes its time.
    hide_other_gpus(options.device)
    device = torch_device(options.device)
    import diffusers
    import torch
    import transformers

    from server.training.evaluation import report
    from server.training.evaluation.evaluation import evaluate

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    if options.threads:
        torch.set_num_threads(options.threads)
    with tqdm(unit="clip", file=sys.stderr, disable=None) as bar:

        def progress(phase: str, done: int, total: int) -> None:
            bar.set_description(phase, refresh=False)
            bar.total, bar.n = total, done
            bar.refresh()

        evaluation = evaluate(
            folder,
            count=options.count,
            real_count=options.real,
            device=device,
            hub_folder=hub_folder,
            progress=progress,
        )
    document = report.as_document(evaluation, options.marks)
    print(json.dumps(document, indent=2) if options.json else report.table(evaluation, options.marks))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        write_file(options.out / "evaluation.json", (json.dumps(document, indent=2) + "\n").encode())
        report.write_sheet(evaluation, options.out / "sheet.png")
        print(f"wrote {options.out / 'evaluation.json'} and {options.out / 'sheet.png'}", file=sys.stderr)
    return 0 if document["passed"] else 1


def _model(options: argparse.Namespace) -> tuple[Path, Path]:
    """The model's folder and that of downloads. Raises UsageError, ModelFolderError."""
    models = Models(Path(options.data_dir), options.model_dir)
    folder = Path(options.model).expanduser()
    if (folder / DESCRIPTION_FILE).is_file():
        return folder.resolve(), models.places.hub
    models.get(options.model)
    return models.registry.folder(options.model), models.places.hub


def _device(text: str) -> str:
    if not DEVICES.fullmatch(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no device; use auto, cpu, cuda or cuda:N")
    return text


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of at least 1")
    return value
