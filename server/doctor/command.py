"""`python -m server doctor`."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .finding import Finding, problem, verdict
from .machine import Machine

if TYPE_CHECKING:
    from server.settings import Settings


def main(arguments: list[str]) -> int:
    """Say whether this machine can make clips, and what to do where it cannot."""
    options = _parser().parse_args(arguments)
    logging.disable(logging.WARNING)  # of libraries; what matters is said below
    machine = Machine.look()
    findings: list[Finding] = []
    for finding in examine(machine, options):
        findings.append(finding)
        if not options.json:
            print(finding.lines(), flush=True)
    can_make_clips, sentence = verdict(findings)
    if options.json:
        print(json.dumps({"can_make_clips": can_make_clips, "findings": [asdict(one) for one in findings]}, indent=2))
    else:
        print(f"\n{sentence}")
    return 0 if can_make_clips else 1


def examine(machine: Machine, options: argparse.Namespace) -> Iterator[Finding]:
    """Yield every finding. Where packages are missing, what needs them is left out."""
    from .software import check_software

    yield from check_software(machine)
    if machine.missing or machine.torch is None:
        return
    from pydantic import ValidationError

    try:
        settings = _settings(options)
    except ValidationError as error:
        first = error.errors()[0]
        yield problem(
            "Settings",
            f"{first['loc'][0]} is not valid: {first['msg'].removeprefix('Value error, ')}.",
            "Correct the option, or the environment variable TRANSPIXAR_... of that name.",
            prevents_clips=True,
        )
        return
    yield from _examine_surroundings(machine, settings)


def _examine_surroundings(machine: Machine, settings: Settings) -> Iterator[Finding]:
    from server.models import ModelFolderError, ModelRegistry
    from server.models.places import ModelPlaces

    from .models import Models
    from .surroundings import check_data_folder, check_disk, check_ffmpeg, check_port

    data_dir = settings.data_dir.expanduser().absolute()
    yield check_data_folder(data_dir)
    yield check_ffmpeg()
    yield check_port(settings.host, settings.port)
    places = ModelPlaces(data_dir)
    try:
        registry = ModelRegistry.discover(settings.model_dir, models_folder=places.models)
    except ModelFolderError as error:
        yield problem("Models", str(error), "Correct or remove that folder.", prevents_clips=True)
        return
    models = Models(registry, places, on_gpu=machine.gpu is not None)
    yield check_disk(data_dir, round(settings.disk_floor_gb * 1e9), models.missing_bytes)
    yield from models.check()


def _settings(options: argparse.Namespace) -> Settings:
    """The server's settings, from the environment and the options. Raises pydantic's ValidationError."""
    from server.settings import Settings

    given: dict[str, Any] = {"data_dir": options.data_dir, "port": options.port, "model_dir": options.model_dir}
    return Settings(**{name: value for name, value in given.items() if value is not None})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server doctor", description=main.__doc__)
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="the server's data folder")
    parser.add_argument("--port", type=int, help="the server's port")
    parser.add_argument(
        "--model-dir", type=Path, action="append", metavar="DIR", help="a model folder besides the others"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    return parser
