"""TransPixar: text to video with a real alpha channel, on CogVideoX (arXiv 2501.03006)."""

from .adapter import (
    RGBA_ADAPTER,
    disable_rgba,
    enable_rgba,
    get_text_to_alpha,
    is_rgba_enabled,
    rgba_state_dict,
    save_rgba_weights,
    set_text_to_alpha,
)
from .attention import TextToAlpha
from .cancellation import GenerationCancelled
from .guidance import CfgSchedule
from .output import TransPixarPipelineOutput
from .pipeline import TransPixarPipeline
from .style import StyleLoraError
from .weights import RGBAWeightsError, create_rgba_weights

__all__ = [
    "RGBA_ADAPTER",
    "CfgSchedule",
    "GenerationCancelled",
    "RGBAWeightsError",
    "StyleLoraError",
    "TextToAlpha",
    "TransPixarPipeline",
    "TransPixarPipelineOutput",
    "create_rgba_weights",
    "disable_rgba",
    "enable_rgba",
    "get_text_to_alpha",
    "is_rgba_enabled",
    "rgba_state_dict",
    "save_rgba_weights",
    "set_text_to_alpha",
]
