"""A pipeline as a folder, and what of it lies on the hub.

    model_index.json, tokenizer/, text_encoder/, vae/, transformer/, scheduler/   the base, as stock diffusers loads it
    rgba_lora.safetensors         the RGBA weights; the header says how they are used
    style_loras.json              the files and strengths of the style LoRAs
    style_loras/*.safetensors     as `load_lora_weights` of diffusers reads them

The transformer's own file would hold the names that peft and RGBA gave its weights, of which diffusers finds none when
it loads: it would make up random ones.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    CogVideoXDPMScheduler,
    CogVideoXImageToVideoPipeline,
    CogVideoXPipeline,
)
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError
from safetensors import SafetensorError, safe_open
from torch import nn

from server.files import write_file

from .adapter import base_transformer, is_rgba_enabled, save_rgba_weights
from .style import StyleLora, StyleLoraError, save_style_loras
from .weights import RGBAWeightsError

RGBA_FILE = "rgba_lora.safetensors"
RELEASED_RGBA_FILE = "cogvideox_rgba_lora.safetensors"
STYLE_INDEX = "style_loras.json"
STYLE_FOLDER = "style_loras"
# Of `from_pretrained`'s arguments, those that say how the hub is asked.
_HUB_ARGUMENTS = ("cache_dir", "force_download", "token", "local_files_only")


@dataclass(frozen=True)
class SavedUse:
    """How RGBA weights are used, as the header of their file says it; None where it does not.

    Attributes:
        lora_alpha: see `enable_rgba`.
        text_to_alpha: likewise.
        image_optional: see `TransPixarPipeline`.
    """

    lora_alpha: float | None = None
    text_to_alpha: str | None = None
    image_optional: bool | None = None

    @classmethod
    def of(cls, path: Path) -> "SavedUse":
        """Read the header of a safetensors file.

        Raises:
            RGBAWeightsError: it is no such file, or its ``lora_alpha`` is not a positive number.
        """
        try:
            with safe_open(path, "pt") as file:
                header = file.metadata() or {}
        except (SafetensorError, OSError) as error:
            raise RGBAWeightsError(
                f"{path}: this is not a readable safetensors file ({error}); get it anew."
            ) from error
        optional = header.get("image_optional")
        return cls(
            _lora_alpha(path, header.get("lora_alpha")),
            header.get("text_to_alpha"),
            None if optional is None else optional == "true",
        )


@dataclass(frozen=True)
class Source:
    """Where a pipeline is loaded from: a folder of this machine, or a repository of the hub.

    Attributes:
        name: the folder or the repository's id.
        revision: of the repository; None for its newest.
        hub: further arguments of `hf_hub_download`.
    """

    name: str
    revision: str | None
    hub: Mapping[str, Any]

    @classmethod
    def of(cls, name: str | os.PathLike[str], arguments: Mapping[str, Any], revision: str | None) -> "Source":
        """Take what concerns the hub from the arguments of `from_pretrained`."""
        return cls(str(name), revision, {key: arguments[key] for key in _HUB_ARGUMENTS if key in arguments})

    def find(self, file: str) -> Path | None:
        """Return a file, downloaded where need be; None where the source has none such.

        Raises:
            RGBAWeightsError: the hub has no such repository, or does not give it.
        """
        folder = Path(self.name)
        if folder.is_dir():
            return folder / file if (folder / file).is_file() else None
        try:
            return Path(hf_hub_download(self.name, file, revision=self.revision, **self.hub))
        except EntryNotFoundError:  # also where nothing can be asked and nothing is on this machine
            return None
        except (HfHubHTTPError, HFValidationError, OSError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise RGBAWeightsError(
                f"{self.name}: there is no such file or folder, and no repository of that name can be read "
                f"({reason}); check the name, or log in with a token that may read it."
            ) from error


def find_rgba(source: Source, weight_name: str | None) -> Path:
    """Return the RGBA weights that are named by a file, a folder or a repository.

    Args:
        source: see above.
        weight_name: the file in the folder or repository; None looks for the usual names.

    Raises:
        RGBAWeightsError: there are none.
    """
    path = Path(source.name)
    if path.is_file() or path.suffix == ".safetensors":
        return path  # what is wrong with it, whoever reads it says
    names = [weight_name] if weight_name else [RGBA_FILE, RELEASED_RGBA_FILE]
    for name in names:
        found = source.find(name)
        if found is not None:
            return found
    raise RGBAWeightsError(
        f"{source.name}: there is no {' or '.join(names)}; give the name of the file as rgba_weight_name."
    )


def save(pipe: CogVideoXPipeline, folder: str | os.PathLike[str], **arguments: Any) -> None:
    """Write a pipeline as a folder; see above.

    Args:
        pipe: the pipeline, which stays as it is.
        folder: made where need be.
        arguments: of `DiffusionPipeline.save_pretrained`.

    Raises:
        ValueError: the weights are not whole at the moment.
    """
    _check_whole(pipe)
    path, transformer = Path(folder), pipe.transformer
    path.mkdir(parents=True, exist_ok=True)
    # First what diffusers does not know of, so that it is there when the folder is uploaded.
    if transformer is not None and is_rgba_enabled(transformer):
        use = {"text_to_alpha": pipe.text_to_alpha, "image_optional": "true" if pipe.image_optional else "false"}
        save_rgba_weights(transformer, path / RGBA_FILE, use)
    styles = [] if transformer is None else save_style_loras(transformer, path / STYLE_FOLDER)
    index = [{"file": f"{STYLE_FOLDER}/{file}", "strength": strength} for file, strength in styles]
    write_file(path / STYLE_INDEX, (json.dumps(index, indent=2) + "\n").encode())

    stock = CogVideoXImageToVideoPipeline if transformer is not None and pipe.is_image_to_video else CogVideoXPipeline
    components = pipe.components | {
        "transformer": None if transformer is None else base_transformer(transformer),
        "scheduler": _stock_scheduler(pipe.scheduler),
    }
    stock(**components).save_pretrained(str(path), **arguments)


def saved_style_loras(source: Source) -> list[StyleLora]:
    """Return the style LoRAs that `save` wrote.

    Raises:
        StyleLoraError: a file is missing, or the list of them cannot be read.
    """
    index = source.find(STYLE_INDEX)
    if index is None:
        return []
    loras: list[StyleLora] = []
    try:
        for entry in json.loads(index.read_text("utf-8")):
            file = source.find(str(entry["file"]))
            if file is None:
                raise StyleLoraError(f"{source.name}: {entry['file']} is missing; get the model anew.")
            loras.append((file, float(entry["strength"])))
    except (OSError, ValueError, TypeError, KeyError) as error:
        if isinstance(error, StyleLoraError):
            raise
        raise StyleLoraError(f"{index}: this list of style LoRAs cannot be read; get the model anew.") from error
    return loras


def _stock_scheduler(scheduler: Any) -> Any:
    """Return the scheduler under the name of diffusers' own class, which alone every diffusers can load."""
    if isinstance(scheduler, CogVideoXDPMScheduler):
        return CogVideoXDPMScheduler.from_config(scheduler.config)
    return scheduler


def _check_whole(pipe: CogVideoXPipeline) -> None:
    """Refuse to write weights that are not in memory, or stored in 8 bits."""
    for name, component in pipe.components.items():
        for parameter in component.parameters() if isinstance(component, nn.Module) else ():
            if parameter.is_meta:
                raise ValueError(
                    f"The weights of the {name} are not in memory, because sequential offloading is on; call "
                    "remove_all_hooks() first."
                )
            if parameter.dtype.itemsize == 1 or type(parameter.data) is not torch.Tensor:
                raise ValueError(
                    f"The weights of the {name} are stored in 8 bits and cannot be written as they were; load the "
                    "pipeline anew and save that."
                )


def _lora_alpha(path: Path, written: str | None) -> float | None:
    if written is None:
        return None
    try:
        value = float(written)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise RGBAWeightsError(
            f'{path}: "lora_alpha" in its header is {written[:50]!r}, not a positive number; get the file anew.'
        )
    return value
