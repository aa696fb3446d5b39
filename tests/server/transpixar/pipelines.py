"""Tiny pipelines of every kind of CogVideoX, with their RGBA weights, and clips of them."""

from typing import Any

import numpy as np
import torch
from diffusers import CogVideoXImageToVideoPipeline

from server.transpixar import TransPixarPipeline, enable_rgba
from server.transpixar.scheduler import TrailingDPMScheduler
from tests.device import DEVICE
from tests.tiny_model import (
    LORA_ALPHA,
    make_autoencoder,
    make_rgba_weights,
    make_scheduler,
    make_text_encoder,
    make_tokenizer,
    make_transformer,
)

PROMPT = "a puff of orange smoke"


def make_pipeline(**config: Any) -> TransPixarPipeline:
    """A tiny pipeline in memory; `config` replaces entries of the transformer's configuration."""
    transformer = make_transformer(**config)
    enable_rgba(transformer, make_rgba_weights(transformer), lora_alpha=LORA_ALPHA)
    scheduler = TrailingDPMScheduler.from_config(make_scheduler().config)
    pipe = TransPixarPipeline(make_tokenizer(), make_text_encoder(), make_autoencoder(), transformer, scheduler)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(DEVICE)


def stock_image_to_video(pipe: TransPixarPipeline) -> CogVideoXImageToVideoPipeline:
    """diffusers' own image-to-video pipeline on the same components."""
    return CogVideoXImageToVideoPipeline(**pipe.components)


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def generate(pipe: TransPixarPipeline, prompt: Any = PROMPT, **arguments: Any) -> Any:
    """Frames (B, F, H, W, 4) of a quick 32x32 clip, unless the arguments say otherwise."""
    defaults = {"num_inference_steps": 3, "guidance_scale": 4.0, "generator": generator()}
    return pipe(prompt, **defaults | arguments).frames


def picture(channels: int, height: int = 32, width: int = 32, seed: int = 0) -> np.ndarray:
    """A random smooth-ish picture, (H, W, channels) in 0..1."""
    coarse = np.random.default_rng(seed).random((height // 8, width // 8, channels), np.float32)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)


class Seen:
    """Keeps what the transformer is called with, pass by pass, and in which cache context."""

    def __init__(self, pipe: TransPixarPipeline) -> None:
        self.passes: list[dict[str, Any]] = []
        self.contexts: list[str] = []
        pipe.transformer.register_forward_pre_hook(self._keep, with_kwargs=True)
        own = pipe.transformer.cache_context

        def cache_context(name: str, **kwargs: Any) -> Any:
            self.contexts.append(name)
            return own(name, **kwargs)

        pipe.transformer.cache_context = cache_context

    def _keep(self, module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        self.passes.append(kwargs)
