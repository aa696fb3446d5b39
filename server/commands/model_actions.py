"""What `python -m server models` does, a function for each of its commands, which returns the exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from server.models import Licence, ModelDescription, ModelFolderError, ModelRegistry
from server.models.added import NewModel, describe_new_model, remove_description, write_description
from server.models.cache import hub_parts, remove_download
from server.models.files import ModelState, ModelStatus, locate, model_state
from server.models.hub import ask_size, download, gigabytes
from server.models.hub_errors import is_offline, offline_error
from server.models.licences import Acceptances
from server.models.places import ModelPlaces


class UsageError(Exception):
    """What the user asked for cannot be done; the message is a sentence that says what to change."""


class Models:
    """The models on offer, and what is known of them, for one run of the command. Raises ModelFolderError."""

    def __init__(self, data_dir: Path, model_dirs: Sequence[Path]) -> None:
        self.places = ModelPlaces(data_dir.expanduser().absolute())
        self.registry = ModelRegistry.discover(model_dirs, models_folder=self.places.models)
        self.accepted = Acceptances.load(self.places.licences)
        for problem in self.registry.problems:
            print(problem, file=sys.stderr)

    def get(self, name: str) -> ModelDescription:
        """The description of a model. Raises UsageError when there is none."""
        model = self.registry.get(name)
        if model is None:
            raise UsageError(f"There is no model '{name}'; use one of {', '.join(self.registry.names)}.")
        return model

    def state(self, model: ModelDescription) -> ModelState:
        """The state of a model."""
        return model_state(model, self.registry.folder(model.name), self.places.hub, self.accepted)


def list_models(models: Models, options: argparse.Namespace) -> int:
    """Print name, state, size and licences of every model."""
    rows = [("NAME", "STATE", "SIZE", "LICENCES")]
    for model in models.registry:
        rows.append(
            (model.name, _state_words(models.state(model)), _size(models, model), _licence_words(models, model))
        )
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip())
    return 0


def show_model(models: Models, options: argparse.Namespace) -> int:
    """Print everything about a model."""
    model = models.get(options.name)
    state, limits, defaults = models.state(model), model.limits, model.defaults
    print(f"{model.name}: {model.title}\n{model.description}\n")
    print(f"State:     {_state_words(state)}")
    if state.problem:
        print(f"           {state.problem}")
    print(f"Size:      {_size(models, model)}")
    print(f"Makes:     {', '.join(model.tasks)}; {defaults.width}x{defaults.height}, {defaults.num_frames} frames")
    print(f"           at most {limits.max_width}x{limits.max_height}, {limits.max_frames} frames")
    print(f"Licence:   {model.licence}")
    print(f"Folder:    {models.registry.folder(model.name)}")
    for part in hub_parts(model):
        print(f"Hub:       {part.repo}")
    on_record = {licence.id: licence for licence in models.accepted.accepted}
    for licence in model.licences:
        when = f"accepted {on_record[licence.id].accepted_at}" if models.accepted.has(licence) else "not accepted"
        print(f"\n[{licence.id}] {_notice(licence)}\n({when})")
    return 0


def accept_model(models: Models, options: argparse.Namespace) -> int:
    """Ask for consent to the licences of a model."""
    model = models.get(options.name)
    if not _ask_for_licences(models, model, options.yes_i_accept):
        return 1
    print(f"All licences of {model.name} are accepted." if model.licences else f"{model.name} needs no consent.")
    return 0


def download_model(models: Models, options: argparse.Namespace) -> int:
    """Download a model, or the rest of it."""
    model = models.get(options.name)
    state = models.state(model)
    if state.problem is not None:
        raise UsageError(state.problem)
    if state.bytes_total is None or state.bytes_present < state.bytes_total:
        if not hub_parts(model):
            print(f"{model.name} is on this machine; there is nothing to download.")
            return 0
        if options.offline or is_offline():
            raise offline_error(model.name)
        size = ask_size(model, models.places.hub)
        to_come = gigabytes(size.bytes_total - size.bytes_present)
        print(f"{model.name} has {gigabytes(size.bytes_total)}, of which {to_come} are to be downloaded.")
    if not _ask_for_licences(models, model, options.yes_i_accept):
        return 1
    with tqdm(unit="B", unit_scale=True, desc=model.name, file=sys.stderr, dynamic_ncols=True) as bar:

        def progress(done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.refresh()

        download(model, models.places.hub, models.accepted, progress=progress, offline=options.offline)
    state = models.state(model)
    if state.state is not ModelStatus.READY:
        raise UsageError(state.problem or f"{model.name} is {_state_words(state)}.")
    print(f"{model.name} is ready.")
    return 0


def add_model(models: Models, options: argparse.Namespace) -> int:
    """Add a model of the user's."""
    new = NewModel(
        options.name, options.base, options.rgba_lora, options.lora_alpha, rgb=options.rgb, licence=options.licence
    )
    description = describe_new_model(new, models.registry, models.places)
    _check_fit(description, models.places)
    folder = write_description(description, models.places)
    print(f"{new.name} is described in {folder}.")
    state = model_state(description, folder, models.places.hub, models.accepted)
    if state.state is not ModelStatus.READY:
        print(f"Its base is still to come: python -m server models download {new.name}")
    return 0


def _check_fit(description: ModelDescription, places: ModelPlaces) -> None:
    """Check the LoRA against the base as far as that is on this machine. Raises ModelFolderError."""
    # These bring torch.
    from server.models.architecture import check_known
    from server.transpixar.weights import RGBAWeightsError

    try:
        check_known(description, places.models / description.name, places.hub)
    except RGBAWeightsError as error:
        raise ModelFolderError(str(error)) from error


def remove_model(models: Models, options: argparse.Namespace) -> int:
    """Remove the downloads of a model, and the model where the user has added it."""
    model = models.get(options.name)
    folder = models.registry.folder(model.name)
    is_own = folder.parent == models.places.models.resolve()
    if not is_own and not hub_parts(model):
        raise UsageError(f"{model.name} is part of this program or of {folder}; there is nothing to remove.")
    what = f"the model {model.name} and its downloads" if is_own else f"the downloads of {model.name}"
    if not options.yes and not _ask(f"Remove {what}?"):
        return 1
    freed = remove_download(model, models.places.hub, models.registry)
    if is_own and not remove_description(folder):
        print(f"There are other files in {folder}; they stay.")
    print(f"Removed {what}; {gigabytes(freed)} are free again.")
    return 0


def _ask_for_licences(models: Models, model: ModelDescription, given: Sequence[str]) -> bool:
    """Whether all licences of a model are accepted, after showing and asking for those that were not yet."""
    missing = models.accepted.missing(model)
    if not missing:
        return True
    for licence in missing:
        print(f"\n{_notice(licence)}\n")
        if licence.id not in given and not _ask(f"Do you accept '{licence.id}'?"):
            print(f"Nothing is downloaded without consent; to give it in a script: --yes-i-accept {licence.id}")
            return False
    models.accepted.accept(model, [licence.id for licence in model.licences])
    return True


def _ask(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


def _notice(licence: Licence) -> str:
    part = "base model" if licence.part == "base" else "RGBA LoRA"
    return f"{licence.name} ({part})\n{licence.notice}\n{licence.url}"


def _state_words(state: ModelState) -> str:
    return state.state.replace("_", " ")


def _licence_words(models: Models, model: ModelDescription) -> str:
    if not model.licences:
        return model.licence
    return "accepted" if models.accepted.has_all(model) else "to be accepted"


def _size(models: Models, model: ModelDescription) -> str:
    state = models.state(model)
    if hub_parts(model):
        if state.bytes_total is None:
            return "unknown"
        if 0 < state.bytes_present < state.bytes_total:
            return f"{gigabytes(state.bytes_present)} of {gigabytes(state.bytes_total)}"
        return gigabytes(state.bytes_total)
    try:
        files = locate(model, models.registry.folder(model.name), models.places.hub)
    except ModelFolderError:
        return "unknown"
    return gigabytes(sum(file.stat().st_size for file in files.base.rglob("*.safetensors")))
