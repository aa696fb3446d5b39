"""What a call of the pipeline returns."""

from dataclasses import dataclass

import numpy as np
import torch
from diffusers.pipelines.cogvideo.pipeline_output import CogVideoXPipelineOutput
from PIL import Image


@dataclass
class TransPixarPipelineOutput(CogVideoXPipelineOutput):
    """Clips with alpha.

    Attributes:
        frames: by output_type, "np": float32 ``(B, F, H, W, 4)`` in 0..1; "pt": likewise ``(B, F, 4, H, W)``, on the
            CPU; "pil": B lists of F RGBA images; "latent": ``(B, 2F, C, H, W)``, RGB frames then alpha frames.
    """

    frames: np.ndarray | torch.Tensor | list[list[Image.Image]]
