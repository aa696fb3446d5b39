"""Requests, limits and models for tests of the jobs."""

import json
from pathlib import Path
from typing import Any

from server.jobs.request import VideoRequest
from server.models import ModelRegistry

REQUEST = VideoRequest(
    prompt="orange fire",
    negative_prompt="",
    seed=7,
    width=64,
    height=64,
    num_frames=9,
    steps=20,
    guidance=4.0,
    cfg_schedule="constant",
    text_to_alpha="strict",
    model="wide",
)

WIDE: dict[str, Any] = {
    "name": "wide",
    "title": "Wide",
    "description": "Many sizes.",
    "licence": "GPL-3.0-or-later",
    "rgba_lora": {"file": "rgba_lora.safetensors", "lora_alpha": 1.0},
    "rgb": "straight",
    "defaults": {"width": 96, "height": 64, "num_frames": 9, "steps": 20, "guidance": 4.0},
    "limits": {
        "size_multiple": 16,
        "min_size": 64,
        "max_width": 128,
        "max_height": 96,
        "frames_multiple": 4,
        "min_frames": 5,
        "max_frames": 17,
        "max_steps": 100,
        "max_guidance": 20.0,
        "max_prompt_characters": 40,
    },
}
FIXED: dict[str, Any] = {
    **WIDE,
    "name": "fixed",
    "limits": {**WIDE["limits"], "max_width": 64, "max_height": 64, "min_frames": 9, "max_frames": 9},
}


def write_models(folder: Path, *descriptions: dict[str, Any]) -> ModelRegistry:
    """A registry of models that are described but have no weights."""
    folders = []
    for description in descriptions:
        folders.append(folder / description["name"])
        folders[-1].mkdir(parents=True)
        (folders[-1] / "transpixar.json").write_text(json.dumps(description), "utf-8")
    return ModelRegistry(folders)
