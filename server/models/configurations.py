"""What a CogVideoX model can make, from its configurations. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from server.models.checks import read_json
from server.models.description import ModelFolderError

# CogVideoX 1.5 names no size in its configuration: its sample size is that of its position table.
_SIZE_OF_1_5 = (1360, 768)


def describe_configurations(folder: Path) -> dict[str, Any]:
    """Tasks, defaults and limits of the CogVideoX model in `folder`, from its configurations. Raises ModelFolderError.

    The largest size is twice the trained one, and the longest clip the trained one, beyond which quality falls.
    """
    path = folder / "transformer" / "config.json"
    transformer, vae = read_json(path), read_json(folder / "vae" / "config.json")
    try:
        return _describe(transformer, vae)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ModelFolderError(f"{path} is no configuration of a CogVideoX model ({error!r}); get it anew.") from None


def _describe(transformer: Mapping[str, Any], vae: Mapping[str, Any]) -> dict[str, Any]:
    pixels, frames = 2 ** (len(vae["block_out_channels"]) - 1), int(vae["temporal_compression_ratio"])
    multiple, joined = pixels * int(transformer["patch_size"]), int(transformer.get("patch_size_t") or 1)
    width, height = int(transformer["sample_width"]) * pixels, int(transformer["sample_height"]) * pixels
    only_size = bool(transformer.get("use_learned_positional_embeddings"))
    largest = (width, height) if only_size or joined > 1 else (2 * max(width, height),) * 2
    if joined > 1 and not only_size:
        width, height = min(width, _SIZE_OF_1_5[0]), min(height, _SIZE_OF_1_5[1])
    longest = _longest_clip(int(transformer["sample_frames"]), frames, joined)
    takes_image = transformer["in_channels"] == 2 * transformer["out_channels"]
    return {
        "tasks": ["image"] if takes_image else ["text", "footage"],
        "rgb": "straight",
        "dtype": "bfloat16",
        "max_sequence_length": transformer["max_text_seq_length"],
        "defaults": {
            "width": width // multiple * multiple,
            "height": height // multiple * multiple,
            "num_frames": longest,
            "steps": 50,
            "guidance": 6.0,
            "cfg_schedule": "dynamic",
            "fps": 16 if joined > 1 else 8,
        },
        "limits": {
            "size_multiple": multiple,
            "min_size": min(height, width) if only_size else max(min(128, height, width) // multiple, 1) * multiple,
            "max_width": largest[0],
            "max_height": largest[1],
            "frames_multiple": frames,
            "min_frames": min(joined * frames + 1, longest),
            "max_frames": longest,
            "max_steps": 200,
            "max_guidance": 20.0,
            "max_prompt_characters": 2000,
        },
    }


def _longest_clip(sample_frames: int, multiple: int, joined: int) -> int:
    """The longest clip up to the trained length whose latent frames can be joined `joined` at a time."""
    latent_frames = ((sample_frames - 1) // multiple + 1) // joined * joined
    if latent_frames < 1:
        raise ValueError("sample_frames is too small")
    return (latent_frames - 1) * multiple + 1
