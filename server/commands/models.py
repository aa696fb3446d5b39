"""`python -m server models`: see, download, accept, add and remove models."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from server.commands import model_actions as actions
from server.commands.model_actions import Models
from server.models import ModelFolderError
from server.models.hub import DownloadError
from server.models.licences import LicenceError
from server.settings import user_data_dir

STATUS_INTERRUPTED = 130  # what a shell gives to a program that Ctrl+C has ended


def main(arguments: list[str]) -> int:
    """See, download, accept, add and remove models."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(Models(options.data_dir, options.model_dir), options)
        return status
    except (actions.UsageError, ModelFolderError, DownloadError, LicenceError) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename or 'A file'} cannot be written ({error.strerror}).", file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped. What has been downloaded stays, and the next download continues there.", file=sys.stderr)
        return STATUS_INTERRUPTED
    return 1


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        default=os.environ.get("TRANSPIXAR_DATA_DIR") or user_data_dir(),
        help="the server's data folder",
    )
    common.add_argument(
        "--model-dir", type=Path, action="append", default=[], metavar="DIR", help="a model folder besides the others"
    )
    parser = argparse.ArgumentParser(prog="python -m server models", description=main.__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", parents=[common], help="name, state, size and licences of every model")
    listing.set_defaults(run=actions.list_models)

    showing = commands.add_parser("show", parents=[common], help="everything about a model")
    showing.add_argument("name")
    showing.set_defaults(run=actions.show_model)

    accepting = commands.add_parser("accept", parents=[common], help="read and accept the licences of a model")
    downloading = commands.add_parser("download", parents=[common], help="download a model, or the rest of it")
    for command in (accepting, downloading):
        command.add_argument("name")
        command.add_argument(
            "--yes-i-accept",
            action="append",
            default=[],
            metavar="ID",
            help="accept the licence of this id without being asked; can be given repeatedly",
        )
    accepting.set_defaults(run=actions.accept_model)
    downloading.add_argument("--offline", action="store_true", help="use no network: only say whether all is there")
    downloading.set_defaults(run=actions.download_model)

    adding = commands.add_parser("add", parents=[common], help="add a model: an RGBA LoRA of yours on a base")
    adding.add_argument("name", help="what to call it")
    adding.add_argument(
        "--base", required=True, help="a model's name, a folder in the diffusers layout, or owner/name on the hub"
    )
    adding.add_argument("--rgba-lora", required=True, type=Path, metavar="FILE", help="a safetensors file")
    adding.add_argument("--lora-alpha", type=float, default=1.0, help="used where the file does not say it (1.0)")
    adding.add_argument("--rgb", choices=["straight", "premultiplied"], help="what its colour half decodes to")
    adding.add_argument("--licence", help="its licence in a few words, for the sidecars of its clips")
    adding.set_defaults(run=actions.add_model)

    removing = commands.add_parser("remove", parents=[common], help="remove a model's downloads, or one that you added")
    removing.add_argument("name")
    removing.add_argument("--yes", action="store_true", help="do not ask")
    removing.set_defaults(run=actions.remove_model)
    return parser
