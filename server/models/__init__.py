"""The models that this server offers: folders in the diffusers layout with a `transpixar.json` beside them.

`mini/` is the embedded model; `catalogue/` describes models whose files are on the Hugging Face hub. Nothing here
imports torch but `architecture`, which is for the worker.
"""

from __future__ import annotations

from server.models.description import (
    DESCRIPTION_FILE,
    Files,
    Licence,
    ModelDescription,
    ModelFolderError,
    RequestDefaults,
    RequestLimits,
    RgbaLora,
    Task,
)
from server.models.registry import ModelRegistry

__all__ = [
    "DESCRIPTION_FILE",
    "Files",
    "Licence",
    "ModelDescription",
    "ModelFolderError",
    "ModelRegistry",
    "RequestDefaults",
    "RequestLimits",
    "RgbaLora",
    "Task",
]
