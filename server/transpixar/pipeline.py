"""The TransPixar pipeline: `CogVideoXPipeline` with an alpha half."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import torch
from diffusers import CogVideoXPipeline
from diffusers.pipelines.cogvideo.pipeline_output import CogVideoXPipelineOutput

from .adapter import RGBA_ADAPTER, enable_rgba, get_text_to_alpha, is_rgba_enabled, set_text_to_alpha
from .attention import TextToAlpha
from .cancellation import StopRequest, cancellable, check_stop
from .guidance import Guidance, check_cfg_schedule
from .scheduler import TrailingDPMScheduler

StepCallback = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any] | None]

_CLEAN_LATENTS = "old_pred_original_sample"  # what the inherited sampling loop calls the last x0 estimate


class TransPixarPipeline(CogVideoXPipeline):
    """Generates clips with an alpha channel from a prompt (TransPixar, arXiv 2501.03006).

    Latents are ``(B, 2F, C, H, W)``: F RGB frames, then F alpha frames. Everything that is not about the two halves is
    inherited from diffusers.

    Attributes:
        should_stop: looked at before every transformer block and every step; when it returns True, the running call
            raises `GenerationCancelled`. None for never.
        predicted_clean_latents: the sampler's estimate of the clean latents after the last finished step,
            ``(B, 2F, C, H, W)``, for `decode_preview`; None before the first.
    """

    _callback_tensor_inputs = [*CogVideoXPipeline._callback_tensor_inputs, _CLEAN_LATENTS]

    should_stop: StopRequest | None = None
    predicted_clean_latents: torch.Tensor | None = None
    _guidance: Guidance | None = None

    # ---- loading ----

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        rgba_lora: str | os.PathLike[str] | Mapping[str, torch.Tensor] | None = None,
        lora_alpha: float = 1.0,
        text_to_alpha: str = "strict",
        **kwargs: Any,
    ) -> Self:
        """Load a CogVideoX base model in diffusers' layout and RGBA weights for it.

        The scheduler becomes the one the released weights were shown with: CogVideoX's DPM solver from the
        base's configuration, with trailing timesteps; see `TrailingDPMScheduler`.

        Args:
            pretrained_model_name_or_path: the base model.
            rgba_lora: see `enable_rgba`; None loads the base alone, to call `enable_rgba` on its transformer later.
            lora_alpha: see `enable_rgba`.
            text_to_alpha: see `enable_rgba`.
            kwargs: as for any diffusers pipeline, for example ``dtype``, which is float32 unless given: left to
                themselves, diffusers loads as float32 and transformers as stored, which do not go together.

        Raises:
            RGBAWeightsError: the RGBA weights do not fit the base.
            ValueError: the mode is unknown.
        """
        if kwargs.keys().isdisjoint({"dtype", "torch_dtype"}):
            kwargs["dtype"] = torch.float32
        pipe = super().from_pretrained(pretrained_model_name_or_path, **kwargs)
        pipe.scheduler = TrailingDPMScheduler.from_config(pipe.scheduler.config, timestep_spacing="trailing")
        if rgba_lora is not None:
            enable_rgba(pipe.transformer, rgba_lora, lora_alpha=lora_alpha, text_to_alpha=text_to_alpha)
        return pipe

    # ---- settings ----

    @property
    def text_to_alpha(self) -> TextToAlpha:
        """How much text queries see of alpha keys; may be set between calls."""
        return get_text_to_alpha(self.transformer)

    @text_to_alpha.setter
    def text_to_alpha(self, mode: str) -> None:
        set_text_to_alpha(self.transformer, mode)

    @property
    def guidance_scale(self) -> float:
        """The guidance scale of the present step. The inherited sampling loop reads it at every step."""
        if self._guidance is None or self._current_timestep is None:
            return self._guidance_scale
        return self._guidance.at(float(self._current_timestep))

    @property
    def size_multiple(self) -> int:
        """Number that width and height must be multiples of, in pixels."""
        return self.vae_scale_factor_spatial * self.transformer.config.patch_size

    # ---- generating ----

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | list[str] | None = None,
        *,
        height: int | None = None,
        width: int | None = None,
        num_frames: int | None = None,
        num_inference_steps: int = 50,
        guidance_scale: float = 6.0,
        cfg_schedule: str = "constant",
        max_sequence_length: int | None = None,
        output_type: str = "np",
        callback_on_step_end: StepCallback | None = None,
        callback_on_step_end_tensor_inputs: list[str] | None = None,
        **kwargs: Any,
    ) -> CogVideoXPipelineOutput | tuple[Any, ...]:
        """Generate RGBA clips.

        Args:
            prompt: what to show; one clip for each.
            height: in pixels, a multiple of `size_multiple`; None for the model's own.
            width: likewise.
            num_frames: ``k * t + 1`` for the autoencoder's temporal compression ``t``; None for the model's own.
            num_inference_steps: number of sampling steps.
            guidance_scale: at most 1 does without the unconditional pass.
            cfg_schedule: "constant" or "dynamic"; see `Guidance`.
            max_sequence_length: number of text tokens; None for the model's own.
            output_type: "np" for float32 ``(B, F, H, W, 4)`` in 0..1, the RGB half as decoded and alpha; "pil" for
                lists of RGBA images; "latent" for ``(B, 2F, C, H, W)``.
            callback_on_step_end: ``fn(pipe, step, timestep, tensors)`` after every step, as in diffusers; it may
                return tensors to replace, or None.
            callback_on_step_end_tensor_inputs: names of the tensors that the callback gets; latents by default.
            kwargs: negative_prompt, generator, latents, prompt_embeds and the rest of diffusers' arguments.

        Raises:
            ValueError: a size, frame count or schedule cannot be used; the message says which to use instead.
            GenerationCancelled: `should_stop` returned True.
        """
        config = self.transformer.config
        height = config.sample_height * self.vae_scale_factor_spatial if height is None else height
        width = config.sample_width * self.vae_scale_factor_spatial if width is None else width
        num_frames = config.sample_frames if num_frames is None else num_frames
        self._check_clip(height, width, num_frames)

        self._guidance = Guidance(guidance_scale, check_cfg_schedule(cfg_schedule), num_inference_steps)
        self._num_frames = num_frames
        self._current_timestep = None
        self.predicted_clean_latents = None
        names = ["latents"] if callback_on_step_end_tensor_inputs is None else callback_on_step_end_tensor_inputs
        try:
            with cancellable(self.transformer.transformer_blocks, self.should_stop):
                return super().__call__(
                    prompt=prompt,
                    height=height,
                    width=width,
                    num_frames=num_frames,
                    num_inference_steps=num_inference_steps,
                    guidance_scale=guidance_scale,
                    max_sequence_length=max_sequence_length or config.max_text_seq_length,
                    output_type=output_type,
                    callback_on_step_end=self._observe_steps(callback_on_step_end, names),
                    callback_on_step_end_tensor_inputs=[*names, _CLEAN_LATENTS],
                    **kwargs,
                )
        except BaseException:
            self.maybe_free_model_hooks()  # what the inherited call does at its end: offload, and reset caches
            raise

    def prepare_latents(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Draw noise for one half and repeat it: both halves start from the same, as in the released code.

        Latents given by the caller may hold one half, ``(B, F, C, H, W)``, or both.
        """
        latents = super().prepare_latents(*args, **kwargs)
        latent_frames = (self._num_frames - 1) // self.vae_scale_factor_temporal + 1
        if latents.shape[1] == 2 * latent_frames:
            return latents
        return latents.repeat(1, 2, 1, 1, 1)  # (B, F, C, H, W) -> (B, 2F, C, H, W)

    def decode_latents(self, latents: torch.Tensor) -> torch.Tensor:
        """Decode latents ``(B, 2F, C, H, W)`` to RGBA pixels ``(B, 4, T, H', W')`` in -1..1.

        Both halves go through the same RGB autoencoder; alpha is the largest channel of its half.
        """
        rgb, alpha = latents.chunk(2, dim=1)  # (B, F, C, H, W) each
        check_stop(self.should_stop)
        rgb = super().decode_latents(rgb)  # (B, 3, T, H', W')
        check_stop(self.should_stop)
        alpha = super().decode_latents(alpha).amax(dim=1, keepdim=True)  # (B, 1, T, H', W')
        pixels = torch.cat([rgb, alpha], dim=1)
        # With an even number of latent frames the autoencoder decodes the first one to t frames instead of one; the
        # last of them is the one that the clip begins with.
        num_frames = (latents.shape[1] // 2 - 1) * self.vae_scale_factor_temporal + 1
        return pixels[:, :, -num_frames:]

    @torch.no_grad()
    def decode_preview(self, latents: torch.Tensor) -> np.ndarray:
        """Decode the middle frame of latents ``(B, 2F, C, H, W)``, as cheaply as the autoencoder allows.

        Returns:
            float32 ``(H', W', 4)`` in 0..1: RGB as decoded, and alpha; of the first clip of a batch.
        """
        middle = latents.shape[1] // 4
        halves = [half[:1, middle : middle + 1] for half in latents.chunk(2, dim=1)]  # (1, 1, C, H, W) each
        pixels = self.decode_latents(torch.cat(halves, dim=1).to(self.vae.dtype))  # (1, 4, 1, H', W')
        return self.video_processor.postprocess_video(pixels, output_type="np")[0, 0]

    def unload_lora_weights(self) -> None:
        """Drop every LoRA but RGBA's, without which the transformer has no alpha (`disable_rgba` drops that)."""
        if not is_rgba_enabled(self.transformer):
            return super().unload_lora_weights()
        others = [name for name in self.transformer.peft_config if name != RGBA_ADAPTER]
        if others:
            self.transformer.delete_adapters(others)
        return self.transformer.set_adapters(RGBA_ADAPTER)

    # ---- for the inherited sampling loop ----

    def _prepare_rotary_positional_embeddings(
        self, height: int, width: int, num_frames: int, device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Make the rotary table of one half; the attention processor gives it to both (eq. 5)."""
        return super()._prepare_rotary_positional_embeddings(height, width, num_frames // 2, device)

    def _observe_steps(self, callback: StepCallback | None, names: list[str]) -> StepCallback:
        """Wrap the caller's callback: keep the clean estimate for previews and look at `should_stop`."""

        def observe(pipe: Self, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            self.predicted_clean_latents = tensors[_CLEAN_LATENTS]
            replaced = callback(pipe, step, timestep, {name: tensors[name] for name in names}) if callback else None
            check_stop(self.should_stop)
            return replaced or {}

        return observe

    def _check_clip(self, height: int, width: int, num_frames: int) -> None:
        """Check what the model cannot do.

        Raises:
            ValueError: with a sentence that says which value to use.
        """
        if not is_rgba_enabled(self.transformer):
            raise ValueError(
                "This pipeline has no RGBA weights; give rgba_lora to from_pretrained, or call enable_rgba on its "
                "transformer."
            )
        for name, size in (("Width", width), ("Height", height)):
            if size < self.size_multiple or size % self.size_multiple:
                raise ValueError(_not_a_multiple(name, size, self.size_multiple))
        compression = self.vae_scale_factor_temporal
        if num_frames < 1 or (num_frames - 1) % compression:
            below = max(num_frames - 1, 0) // compression * compression + 1
            raise ValueError(
                f"{num_frames} frames cannot be made: this model makes a multiple of {compression} plus 1; use "
                f"{below} or {below + compression}."
            )
        # CogVideoX 1.5 joins latent frames in time; a padded half would shift alpha against RGB.
        latent_frames, patch = (num_frames - 1) // compression + 1, self.transformer.config.patch_size_t or 1
        if latent_frames % patch:
            raise ValueError(
                f"{num_frames} frames cannot be made: this model joins {patch} latent frames into one; use "
                f"{num_frames + (patch - latent_frames % patch) * compression}."
            )


def _not_a_multiple(name: str, size: int, multiple: int) -> str:
    below = max(size // multiple, 1) * multiple
    choice = f"{below}" if size < multiple else f"{below} or {below + multiple}"
    return f"{name} {size} is not a multiple of {multiple}; use {choice}."
