"""Whether the tensors of a model's files are those that its configurations ask for. Reads headers only; needs torch.

Goes on from `checks`. diffusers itself would fill in what is missing at random, and ignore what it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from torch import nn
from transformers import T5Config, T5EncoderModel

from server.models.cache import hub_parts, presence
from server.models.checks import check_rgba_lora, read_json, read_weight_headers
from server.models.description import ModelDescription, ModelFolderError
from server.models.files import ModelFiles, NotDownloadedError, check_files, locate
from server.transpixar.weights import check_rgba_shapes

_BUILDERS: Mapping[str, Callable[[dict[str, Any]], nn.Module]] = {
    "text_encoder": lambda config: T5EncoderModel(T5Config.from_dict(config)),
    "transformer": CogVideoXTransformer3DModel.from_config,
    "vae": AutoencoderKLCogVideoX.from_config,
}


def check_model(files: ModelFiles) -> None:
    """Check everything about a model's files that can be checked without loading them.

    Raises:
        ModelFolderError: a file of the base is missing, damaged, or does not fit its configuration.
        RGBAWeightsError: the RGBA LoRA is not one for this base.
    """
    check_files(files)
    configs = {component: _check_component(files.base, component) for component in _BUILDERS}
    _check_agreement(files.base, configs)
    check_lora_fits(files.rgba_lora, configs["transformer"])


def check_known(description: ModelDescription, folder: Path, hub_folder: Path) -> None:
    """Check a model as `check_model` does, or, where its base is still on the hub, as much as is here.

    Raises as `check_model` does.
    """
    try:
        check_model(locate(description, folder, hub_folder))
    except NotDownloadedError:
        snapshot, lora = presence(hub_parts(description)[0], hub_folder).snapshot, description.rgba_lora
        path = None if snapshot is None else snapshot / "transformer" / "config.json"
        if path is not None and path.is_file() and lora.folder is not None:
            transformer: Any = _build(path, _BUILDERS["transformer"], read_json(path))
            check_lora_fits(lora.folder / lora.file, transformer.config)


def check_lora_fits(rgba_lora: Path, transformer: Any) -> int:
    """Check that an RGBA LoRA is one for the transformer with this configuration, and return its rank.

    Raises RGBAWeightsError, and ModelFolderError when the file is damaged.
    """
    width = transformer.num_attention_heads * transformer.attention_head_dim
    return check_rgba_shapes(str(rgba_lora), check_rgba_lora(rgba_lora).shapes, width, transformer.num_layers)


def _check_component(base: Path, component: str) -> Any:
    """Check the weights of a component, and return its configuration with the defaults filled in."""
    path = base / component / "config.json"
    module: Any = _build(path, _BUILDERS[component], read_json(path))
    headers = read_weight_headers(base, component)
    found = {key: (path, shape) for path, header in headers.items() for key, shape in header.shapes.items()}
    expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    for key, (path, shape) in found.items():
        if key in expected:
            _check_shape(path, key, shape, expected[key])
        elif not _is_ignored(module, key):
            raise ModelFolderError(
                f'{path}: "{key}" is no weight of the {component} that its config.json describes; get both files anew.'
            )
    twins = _twins(module)
    missing = [key for key in expected if key not in found and twins.get(key) not in found]
    if missing:
        raise ModelFolderError(
            f'{next(iter(headers))}: "{missing[0]}" is missing ({len(missing)} weights in all are) of the {component} '
            "that its config.json describes; get both files anew."
        )
    return module.config


def _check_shape(path: Path, key: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if shape != expected:
        raise ModelFolderError(
            f'{path}: "{key}" has shape {shape}, but its config.json asks for {expected}; get both files anew.'
        )


def _build(path: Path, build: Callable[[dict[str, Any]], nn.Module], config: dict[str, Any]) -> nn.Module:
    """The module that a configuration describes, without any numbers in it."""
    try:
        with torch.device("meta"):
            return build(config)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelFolderError(f"{path} describes no model that can be built ({reason}); get the file anew.") from error


def _check_agreement(base: Path, configs: Mapping[str, Any]) -> None:
    """Check that the components are made for each other."""
    transformer, latents = configs["transformer"], configs["vae"].latent_channels
    path = base / "transformer" / "config.json"
    pairs = (
        ("text_embed_dim", (configs["text_encoder"].d_model,), "the text encoder's d_model"),
        ("out_channels", (latents,), "the vae's latent_channels"),
        # Twice as many where an image is joined to the noise.
        ("in_channels", (latents, 2 * latents), "the vae's latent_channels, once or twice"),
    )
    for key, allowed, what in pairs:
        if transformer[key] not in allowed:
            raise ModelFolderError(
                f'{path}: "{key}" is {transformer[key]}, but {what} is {allowed[0]}; the folder mixes parts of '
                "different models, get it anew."
            )


def _is_ignored(module: nn.Module, key: str) -> bool:
    patterns = getattr(module, "_keys_to_ignore_on_load_unexpected", None) or ()
    return any(re.search(pattern, key) for pattern in patterns)


def _twins(module: nn.Module) -> dict[str, str]:
    """The weights that share their numbers with another, by name: a file may leave out either of the two."""
    tied = getattr(module, "_tied_weights_keys", None)
    tied = tied if isinstance(tied, dict) else {}
    return tied | {source: copy for copy, source in tied.items()}
