"""Base models to train on: found by name or folder, and loaded without what training does not need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import CogVideoXTransformer3DModel

from server.models import ModelDescription, ModelFolderError, ModelRegistry
from server.models.cache import hub_parts, presence
from server.models.checks import check_base
from server.models.places import ModelPlaces
from server.training.lora.errors import TrainingError
from server.transpixar import TransPixarPipeline
from server.transpixar.flops import Config


@dataclass(frozen=True)
class Base:
    """A base model on this machine.

    Attributes:
        name: as it was asked for, for the result's header.
        folder: in diffusers' layout.
        image_optional: an image-to-video base that makes clips from words alone as well.
        repo: its repository on the hub, for the model card; None for a folder of this machine.
        licence: in a few words, likewise; None where it is not known.
    """

    name: str
    folder: Path
    image_optional: bool = False
    repo: str | None = None
    licence: str | None = None


def find_base(name: str, data_dir: Path, model_dirs: Sequence[Path] = ()) -> Base:
    """Find a base by the name of a model on offer, or by its folder.

    Args:
        name: which.
        data_dir: the server's data folder, which holds downloads and the user's models.
        model_dirs: further model folders.

    Raises:
        TrainingError: there is none, or it is not complete; the message says how to get it.
    """
    places = ModelPlaces(data_dir.expanduser().absolute())
    try:
        registry = ModelRegistry.discover(model_dirs, models_folder=places.models)
        known = registry.get(name)
        if known is not None:
            folder = _folder_of(known, registry.folder(name), places.hub)
        elif Path(name).expanduser().is_dir():
            folder = Path(name).expanduser().resolve()
        else:
            raise TrainingError(
                f"There is no base '{name}'; use the name of a model ({', '.join(registry.names)}) or a folder in "
                "diffusers' layout."
            )
        check_base(folder)
    except ModelFolderError as error:
        raise TrainingError(str(error)) from error
    if known is None:
        return Base(folder.name, folder)
    return Base(
        name,
        folder,
        image_optional={"text", "image"} <= set(known.tasks),
        repo=None if known.base is None else known.base.repo,
        licence=next((each.name for each in known.licences if each.part == "base"), known.licence),
    )


def transformer_config(base: Base) -> Config:
    """Read the configuration of a base's transformer, with diffusers' defaults filled in; loads no weights.

    Raises:
        TrainingError: it describes no transformer that can be built.
    """
    try:
        with torch.device("meta"):
            config = CogVideoXTransformer3DModel.load_config(base.folder, subfolder="transformer")
            transformer: Any = CogVideoXTransformer3DModel.from_config(config)
    except Exception as error:
        raise _not_usable(base, error) from error
    return dict(transformer.config)


def load_base(base: Base, dtype: torch.dtype) -> TransPixarPipeline:
    """Load a base without RGBA weights and without its text encoder, which the prepared captions replace.

    Raises:
        TrainingError: it is no base that can be trained.
    """
    pipe = _load(base, dtype, text_encoder=None, tokenizer=None)
    prediction = pipe.scheduler.config.prediction_type
    if prediction != "v_prediction":
        raise TrainingError(f"The base {base.name} predicts '{prediction}'; use a CogVideoX base, which predicts v.")
    pipe.image_optional = base.image_optional
    pipe.set_progress_bar_config(disable=True)
    return pipe


def encode_prompts(
    base: Base, prompts: Sequence[str], length: int, dtype: torch.dtype, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Encode prompts with the base's text encoder, which is loaded for this only.

    Args:
        base: whose text encoder.
        prompts: N of them.
        length: T, number of text tokens.
        dtype: to load it in.
        device: to run it on.

    Returns:
        Embeddings of the prompts ``(N, T, D_text)`` and of the empty prompt ``(1, T, D_text)``, on the CPU.
    """
    pipe = _load(base, dtype, transformer=None, vae=None)
    pipe.text_encoder.to(device)
    with torch.no_grad():
        embeds, _ = pipe.encode_prompt(
            ["", *prompts], do_classifier_free_guidance=False, max_sequence_length=length, device=device
        )
    return embeds[1:].cpu(), embeds[:1].cpu()


def _load(base: Base, dtype: torch.dtype, **without: Any) -> TransPixarPipeline:
    try:
        return TransPixarPipeline.from_pretrained(base.folder, rgba_lora=None, dtype=dtype, **without)
    # diffusers and transformers raise whatever their readers came upon.
    except Exception as error:
        raise _not_usable(base, error) from error


def _not_usable(base: Base, error: Exception) -> TrainingError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return TrainingError(f"The base in {base.folder} cannot be loaded ({reason}); get it anew.")


def _folder_of(known: ModelDescription, folder: Path, hub: Path) -> Path:
    """The folder of a known model's base. Unlike `locate`, this asks for no RGBA LoRA: that is what is to be made."""
    base = known.base
    if base is None or base.repo is None:
        return folder if base is None or base.folder is None else folder / base.folder
    found = presence(hub_parts(known)[0], hub)
    if found.snapshot is not None and found.complete:
        return found.snapshot
    if known.rgba_lora.repo is not None:
        raise TrainingError(
            f"The files of {base.repo} are not on this machine yet; download them with `python -m server models "
            f"download {known.name}`."
        )
    raise TrainingError(
        f"The files of {base.repo} are not on this machine yet; download them with `hf download {base.repo} "
        f"--local-dir DIR`, and give --base DIR."
    )
