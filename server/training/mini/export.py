"""Write `mini` as a model folder (docs/api.md), in half precision."""

import copy
import json
from pathlib import Path

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXPipeline
from transformers import PreTrainedTokenizerFast

from server.files import write_file
from server.training.effects.vocabulary import vocabulary
from server.training.mini.config import FAMILIES, MiniConfig
from server.training.mini.transformer import Denoiser, scheduler
from server.transpixar import disable_rgba, is_rgba_enabled, save_rgba_weights


def export(
    folder: Path, vae: AutoencoderKLCogVideoX, tokenizer: PreTrainedTokenizerFast, model: Denoiser, config: MiniConfig
) -> None:
    """Write base, RGBA weights and description; the models in memory stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    save_rgba_weights(
        model.transformer,
        folder / "rgba_lora.safetensors",
        {"base": "mini", "rank": str(config.lora_rank), "text_to_alpha": "strict"},
        dtype=torch.float16,
    )
    export_base(folder, vae, tokenizer, model)
    write_file(folder / "transpixar.json", (json.dumps(description(config), indent=2) + "\n").encode())


def export_base(folder: Path, vae: AutoencoderKLCogVideoX, tokenizer: PreTrainedTokenizerFast, model: Denoiser) -> None:
    """Write the base alone, in diffusers' layout."""
    transformer = copy.deepcopy(model.transformer)
    pipe = CogVideoXPipeline(
        tokenizer=tokenizer,
        text_encoder=copy.deepcopy(model.encoder),
        vae=copy.deepcopy(vae),
        transformer=disable_rgba(transformer) if is_rgba_enabled(transformer) else transformer,
        scheduler=scheduler(),
    )
    pipe.to(dtype=torch.float16)
    pipe.save_pretrained(folder)


def description(config: MiniConfig) -> dict[str, object]:
    """transpixar.json."""
    return {
        "name": "mini",
        "title": "mini (embedded demo model)",
        "description": f"Small and quick, for any computer: {len(FAMILIES)} kinds of effects "
        f"({', '.join(FAMILIES)}) in many colours. Not the quality of the full model.",
        "licence": "GPL-3.0-or-later",
        "tasks": ["text", "image", "footage"],
        "effects": list(FAMILIES),
        "vocabulary": vocabulary(FAMILIES),
        "base": None,
        "rgba_lora": {"file": "rgba_lora.safetensors", "lora_alpha": config.lora_alpha},
        "rgb": "premultiplied",
        "dtype": "float32",
        "licences": [],
        "max_sequence_length": config.text_length,
        "defaults": {
            "width": config.size,
            "height": config.size,
            "num_frames": config.num_frames,
            "steps": 30,
            "guidance": 2.5,
            "cfg_schedule": "constant",
            "quality": "exact",
            "fps": config.fps,
        },
        "limits": {
            "size_multiple": 4 * config.patch_size,
            "min_size": config.size,
            "max_width": config.size,
            "max_height": config.size,
            "frames_multiple": 2,
            "min_frames": config.num_frames,
            "max_frames": config.num_frames,
            "max_steps": 100,
            "max_guidance": 20.0,
            "max_prompt_characters": 400,
            "max_clips": 16,
        },
    }
