"""How well the halves of sampled clips agree."""

from typing import Any

import numpy as np
import torch
from diffusers import CogVideoXTransformer3DModel
from numpy.typing import NDArray

from server.training.ablations.data import Base
from server.training.evaluation.measures import colour_mask, soft_iou
from server.transpixar import TransPixarPipeline

STEPS, GUIDANCE = 12, 4.0


def agreement(base: Base, transformer: CogVideoXTransformer3DModel, captions: list[str]) -> dict[str, float]:
    """Soft IoU of brightness and alpha over sampled clips, and of each clip's brightness with the next one's alpha.

    Colour is taught on black, so where nothing is, both are zero.
    """
    pipe = TransPixarPipeline(
        tokenizer=base.tokenizer,
        text_encoder=base.encoder,
        vae=base.vae,
        transformer=transformer,
        scheduler=base.scheduler,
    )
    pipe.image_optional = True
    pipe.set_progress_bar_config(disable=True)
    clips = [_sample(pipe, caption, seed) for seed, caption in enumerate(captions)]
    lumas, alphas = [colour_mask(clip) for clip in clips], [clip[..., 3] for clip in clips]
    matched = [soft_iou(luma, alpha) for luma, alpha in zip(lumas, alphas, strict=True)]
    mismatched = [soft_iou(luma, alpha) for luma, alpha in zip(lumas, alphas[1:] + alphas[:1], strict=True)]
    return {"matched": float(np.mean(matched)), "mismatched": float(np.mean(mismatched))}


def _sample(pipe: TransPixarPipeline, caption: str, seed: int) -> NDArray[np.float32]:
    output: Any = pipe(
        caption,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        max_sequence_length=pipe.transformer.config.max_text_seq_length,
        generator=torch.Generator().manual_seed(seed),
    )
    frames: NDArray[np.float32] = output.frames[0]
    return frames
