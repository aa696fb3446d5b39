"""Whether a model's files are whole and of the expected kind, before anything is loaded. Nothing here imports torch.

`architecture` goes on from here: whether the tensors fit the configurations.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from server.models.cache import WEIGHT_FOLDERS
from server.models.description import ModelFolderError
from server.models.headers import SafetensorsHeader, read_header

# The classes that each entry of model_index.json may name. diffusers would import whatever stands there.
COMPONENT_CLASSES = {
    "scheduler": ("CogVideoXDPMScheduler", "CogVideoXDDIMScheduler"),
    "text_encoder": ("T5EncoderModel",),
    "tokenizer": ("T5Tokenizer", "T5TokenizerFast", "TokenizersBackend", "PreTrainedTokenizerFast"),
    "transformer": ("CogVideoXTransformer3DModel",),
    "vae": ("AutoencoderKLCogVideoX",),
}
_CONFIG_FILES = {
    "scheduler": "scheduler_config.json",
    "text_encoder": "config.json",
    "tokenizer": "tokenizer_config.json",
    "transformer": "config.json",
    "vae": "config.json",
}
_WEIGHT_NAMES = {
    "text_encoder": "model",
    "transformer": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
}
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def check_base(folder: Path) -> None:
    """Check the base model in `folder`: its configurations, and that its weights are there and whole.

    Raises ModelFolderError, naming the file and what is wrong with it.
    """
    index = read_json(folder / "model_index.json")
    for component, classes in COMPONENT_CLASSES.items():
        _check_class(folder / "model_index.json", component, index.get(component), classes)
        read_json(folder / component / _CONFIG_FILES[component])
    for component in ("transformer", "vae"):
        path = folder / component / "config.json"
        _check_config_class(path, read_json(path).get("_class_name"), COMPONENT_CLASSES[component][0])
    for component in WEIGHT_FOLDERS:
        read_weight_headers(folder, component)


def check_rgba_lora(path: Path) -> SafetensorsHeader:
    """Check that an RGBA LoRA is a whole safetensors file, and return its header. Raises ModelFolderError."""
    if path.suffix != ".safetensors":
        raise ModelFolderError(
            f"{path} is no safetensors file; this program never loads pickled weights, because they can hold any "
            "program. Convert it to safetensors."
        )
    return read_header(path)


def read_weight_headers(folder: Path, component: str) -> dict[Path, SafetensorsHeader]:
    """The headers of every file with weights of a component of the base in `folder`.

    Raises ModelFolderError when one is missing or damaged, or when the index and the files do not agree.
    """
    stem = folder / component / _WEIGHT_NAMES[component]
    index_file, single = stem.with_name(f"{stem.name}.safetensors.index.json"), stem.with_suffix(".safetensors")
    if single.is_file():
        return {single: read_header(single)}
    if not index_file.is_file():
        raise _no_weights(single)
    weight_map = read_json(index_file).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map or not all(map(_is_file_name, weight_map.values())):
        raise ModelFolderError(f'{index_file} has no usable "weight_map"; get the file anew.')
    headers = {}
    for name in sorted(set(weight_map.values())):
        shard = index_file.with_name(name)
        if not shard.is_file():
            raise ModelFolderError(f"{shard} is missing, but {index_file.name} lists it; get the file anew.")
        headers[shard] = read_header(shard)
    for key, name in weight_map.items():
        if key not in headers[index_file.with_name(name)].shapes:
            raise ModelFolderError(
                f'{index_file.with_name(name)} lacks "{key}", which {index_file.name} says it has; get both anew.'
            )
    return headers


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a model. Raises ModelFolderError."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelFolderError(
            f"{path} is missing; a base model is a whole folder in the diffusers layout, get it anew."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFolderError(f"{path} cannot be read ({error}); get the file anew.") from None
    if not isinstance(content, dict):
        raise ModelFolderError(f"{path} is no configuration (a JSON object); get the file anew.")
    return content


def _check_class(path: Path, component: str, entry: Any, classes: tuple[str, ...]) -> None:
    name = entry[1] if isinstance(entry, list) and len(entry) == 2 else None
    if name not in classes or entry[0] not in ("diffusers", "transformers"):
        raise ModelFolderError(
            f'{path}: "{component}" is {json.dumps(entry)[:200]}, but a CogVideoX model with {" or ".join(classes)} is '
            "needed; choose such a model."
        )


def _check_config_class(path: Path, name: Any, expected: str) -> None:
    if name != expected:
        raise ModelFolderError(
            f'{path}: "_class_name" is {json.dumps(name)[:200]}, but {expected} is needed; choose a CogVideoX model.'
        )


def _no_weights(expected: Path) -> ModelFolderError:
    pickles = sorted(file for pattern in _PICKLES for file in expected.parent.glob(pattern))
    if pickles:
        return ModelFolderError(
            f"{pickles[0]} holds pickled weights, which this program never loads, because they can hold any program; "
            f"convert them to {expected.name} first: load the model in diffusers and save it with "
            "`save_pretrained(folder, safe_serialization=True)`."
        )
    return ModelFolderError(f"{expected} is missing, and so is an index of its parts; get the weights anew.")


def _is_file_name(name: Any) -> bool:
    return isinstance(name, str) and name.endswith(".safetensors") and Path(name).name == name
