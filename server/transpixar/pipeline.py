"""The TransPixar pipeline: `CogVideoXPipeline` with an alpha half."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import torch
from diffusers import CogVideoXPipeline
from diffusers.pipelines.cogvideo.pipeline_output import CogVideoXPipelineOutput

from .adapter import RGBA_ADAPTER, enable_rgba, get_text_to_alpha, is_rgba_enabled, set_text_to_alpha
from .attention import TextToAlpha
from .cancellation import StopRequest, cancellable, check_stop
from .clip import Clip
from .conditioning import for_each_clip
from .denoiser import Denoiser
from .guidance import Guidance, check_cfg_schedule
from .limits import ClipLimits
from .looping import LoopingDenoiser, check_loop, decode_loop
from .preparation import draw_latents, encode_footage, encode_image, encode_words, rotary_table
from .sampling import Generators, Observer, SamplingState, sample
from .saving import RGBA_FILE, SavedUse, Source, find_rgba, save, saved_style_loras
from .scheduler import TrailingDPMScheduler
from .style import StyleLora, set_style_loras
from .vae_decoding import decode_rgba

_Setting = TypeVar("_Setting", float, str, bool)
StepCallback = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any] | None]


class TransPixarPipeline(CogVideoXPipeline):
    """Generates clips with an alpha channel (TransPixar, arXiv 2501.03006): from a prompt; from a prompt and a first
    frame, on an image-to-video base; or the alpha of given footage.

    Latents are ``(B, 2F, C, H, W)``: F RGB frames, then F alpha frames. One class serves text-to-video and
    image-to-video bases, which differ only in the channels that the transformer reads. The components, loading, prompt
    encoding and rotary tables are diffusers'; the sampling loop is `sampling.sample`.

    Attributes:
        should_stop: looked at before every transformer block, every step, and every encoding and decoding; when it
            returns True, the running call raises `GenerationCancelled`. None for never.
        batch_guidance: see `Denoiser`.
        skip_guidance_below: see `Denoiser`; at 1.0 the clip is that of full guidance, up to rounding.
        image_optional: an image-to-video base that makes clips from words alone as well, its image latents zero then.
        predicted_clean_latents: the sampler's estimate of the clean latents after the last finished step,
            ``(B, 2F, C, H, W)``, for `decode_preview`; None before the first.
    """

    # Words may be encoded beforehand, by another pipeline or another machine.
    _optional_components = ["tokenizer", "text_encoder"]

    should_stop: StopRequest | None = None
    batch_guidance: bool = True
    skip_guidance_below: float = 1.0
    image_optional: bool = False
    predicted_clean_latents: torch.Tensor | None = None
    _current_timestep: torch.Tensor | None = None

    # ---- loading ----

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        rgba_lora: str | os.PathLike[str] | Mapping[str, torch.Tensor] | None = "saved",
        rgba_weight_name: str | None = None,
        rgba_revision: str | None = None,
        lora_alpha: float | None = None,
        text_to_alpha: str | None = None,
        image_optional: bool | None = None,
        **kwargs: Any,
    ) -> Self:
        """Load a CogVideoX base model in diffusers' layout and RGBA weights for it.

        A folder or repository that `save_pretrained` or `push_to_hub` wrote comes back as it was, with its RGBA
        weights, style LoRAs and settings.

        The scheduler becomes the one the released weights were shown with: CogVideoX's DPM solver from the
        base's configuration, with trailing timesteps; see `TrailingDPMScheduler`.

        Args:
            pretrained_model_name_or_path: the base model, text-to-video or image-to-video: a folder, or the id of a
                repository of the Hugging Face hub.
            rgba_lora: a safetensors file; a folder or the id of a repository that has one; or a state dict. "saved"
                takes the ``rgba_lora.safetensors`` beside the base, where there is one. None loads the base alone, to
                call `enable_rgba` on its transformer later.
            rgba_weight_name: the file in rgba_lora's folder or repository; None looks for ``rgba_lora.safetensors``,
                then for ``cogvideox_rgba_lora.safetensors``, as the released weights are called.
            rgba_revision: a branch, tag or commit of rgba_lora's repository; None for its newest.
            lora_alpha: see `enable_rgba`; None for what the header of the weights says, or 1.0.
            text_to_alpha: see `enable_rgba`; None for what the header says, or "strict".
            image_optional: see the attribute; only bases that were trained without first frames too. None for what the
                header says, or False.
            kwargs: as for any diffusers pipeline, for example ``dtype``, which is float32 unless given: left to
                themselves, diffusers loads as float32 and transformers as stored, which do not go together.

        Raises:
            RGBAWeightsError: the RGBA weights do not fit the base.
            ValueError: the mode is unknown.
        """
        if kwargs.keys().isdisjoint({"dtype", "torch_dtype"}):
            kwargs["dtype"] = torch.float32
        base = Source.of(pretrained_model_name_or_path, kwargs, kwargs.get("revision"))
        weights: Path | Mapping[str, torch.Tensor] | None
        if isinstance(rgba_lora, str | os.PathLike):
            is_saved = rgba_lora == "saved"
            weights = (
                base.find(RGBA_FILE)
                if is_saved
                else find_rgba(Source.of(rgba_lora, kwargs, rgba_revision), rgba_weight_name)
            )
        else:
            is_saved, weights = False, rgba_lora
        pipe = super().from_pretrained(pretrained_model_name_or_path, **kwargs)
        pipe.scheduler = TrailingDPMScheduler.from_config(pipe.scheduler.config, timestep_spacing="trailing")
        saved = SavedUse.of(weights) if isinstance(weights, Path) else SavedUse()
        pipe.image_optional = _first_given(image_optional, saved.image_optional, False)
        if weights is not None and pipe.transformer is not None:
            enable_rgba(
                pipe.transformer,
                weights,
                lora_alpha=_first_given(lora_alpha, saved.lora_alpha, 1.0),
                text_to_alpha=_first_given(text_to_alpha, saved.text_to_alpha, "strict"),
            )
            if is_saved and (styles := saved_style_loras(base)):
                pipe.set_style_loras(styles)
        return pipe

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        safe_serialization: bool = True,
        variant: str | None = None,
        max_shard_size: int | str | None = None,
        push_to_hub: bool = False,
        **kwargs: Any,
    ) -> None:
        """Write a folder that `from_pretrained` brings back: the base, the RGBA weights and the style LoRAs.

        The base is written without RGBA and under diffusers' own class names, so that stock diffusers loads it too,
        and the folder with a ``transpixar.json`` is a model of the server's. The pipeline stays as it is.

        Args:
            save_directory: made where need be.
            safe_serialization: see diffusers.
            variant: likewise; of the base's files alone.
            max_shard_size: likewise.
            push_to_hub: upload the folder afterwards; see diffusers for what kwargs says then.
            kwargs: likewise.

        Raises:
            ValueError: the weights are not whole at the moment: sequential offloading is on, or they are in 8 bits.
        """
        save(
            self,
            save_directory,
            safe_serialization=safe_serialization,
            variant=variant,
            max_shard_size=max_shard_size,
            push_to_hub=push_to_hub,
            **kwargs,
        )

    # ---- settings ----

    @property
    def text_to_alpha(self) -> TextToAlpha:
        """How much text queries see of alpha keys; may be set between calls."""
        return get_text_to_alpha(self.transformer)

    @text_to_alpha.setter
    def text_to_alpha(self, mode: str) -> None:
        set_text_to_alpha(self.transformer, mode)

    @property
    def size_multiple(self) -> int:
        """Number that width and height must be multiples of, in pixels."""
        return ClipLimits.of(self).size_multiple

    @property
    def is_image_to_video(self) -> bool:
        """Say whether the base reads a first frame beside the noisy latents."""
        config = self.transformer.config
        return config.in_channels == 2 * config.out_channels

    def set_style_loras(self, loras: Sequence[StyleLora]) -> None:
        """Use exactly these ``(file, strength)`` beside RGBA; see `style.set_style_loras`."""
        set_style_loras(self, loras)

    def unload_lora_weights(self) -> None:
        """Drop every LoRA but RGBA's, without which the transformer has no alpha (`disable_rgba` drops that)."""
        if not is_rgba_enabled(self.transformer):
            return super().unload_lora_weights()
        others = [name for name in self.transformer.peft_config if name != RGBA_ADAPTER]
        if others:
            self.transformer.delete_adapters(others)
        return self.transformer.set_adapters(RGBA_ADAPTER)

    # ---- generating ----

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | list[str] | None = None,
        *,
        negative_prompt: str | list[str] | None = None,
        image: Any = None,
        rgb_video: Any = None,
        height: int | None = None,
        width: int | None = None,
        num_frames: int | None = None,
        num_inference_steps: int = 50,
        guidance_scale: float = 6.0,
        cfg_schedule: str = "constant",
        num_videos_per_prompt: int = 1,
        loop: bool = False,
        generator: Generators = None,
        latents: torch.Tensor | None = None,
        prompt_embeds: torch.Tensor | None = None,
        negative_prompt_embeds: torch.Tensor | None = None,
        max_sequence_length: int | None = None,
        output_type: str = "np",
        return_dict: bool = True,
        callback_on_step_end: StepCallback | None = None,
    ) -> CogVideoXPipelineOutput | tuple[Any, ...]:
        """Generate RGBA clips.

        Args:
            prompt: one prompt or several, a clip each; or give prompt_embeds.
            negative_prompt: what to keep away from; one for all or one for each.
            image: the first frame, straight RGB or RGBA, ``(H, W, 3 or 4)`` or ``(B, H, W, 3 or 4)`` floats in 0..1, on
                an image-to-video base, which cannot do without unless `image_optional` is set.
            rgb_video: footage whose alpha is wanted, ``(F, H, W, 3)`` or ``(B, F, H, W, 3)`` floats in 0..1. It comes
                back as the RGB of the clip, untouched. An image-to-video base sees its first frame too.
            height: in pixels, a multiple of `size_multiple`; None for that of what is given, or the model's own.
            width: likewise.
            num_frames: ``k * t + 1`` for the autoencoder's temporal compression ``t``; None likewise.
            num_inference_steps: number of sampling steps.
            guidance_scale: at most 1 does without the unconditional pass.
            cfg_schedule: "constant" or "dynamic"; see `Guidance`.
            num_videos_per_prompt: so many clips of each prompt, which come out side by side.
            loop: make a clip whose end leads to its beginning, of ``num_frames + t - 1`` frames; see `looping`. Latents
                are decoded with `decode_loop` then.
            generator: randomness; a list gives every clip its own, and the clip is the one it makes alone.
            latents: noise to begin with, ``(B, F, C, H, W)`` for both halves, or ``(B, 2F, C, H, W)``.
            prompt_embeds: ``(B, T, D_text)`` from `encode_prompt`, in place of prompt.
            negative_prompt_embeds: likewise, in place of negative_prompt.
            max_sequence_length: number of text tokens; None for the model's own.
            output_type: "np" for float32 ``(B, F, H, W, 4)`` in 0..1, the RGB half as decoded and alpha; "pil" for
                lists of RGBA images; "latent" for ``(B, 2F, C, H, W)``.
            return_dict: False for the tuple ``(frames,)``.
            callback_on_step_end: ``fn(pipe, step, timestep, {"latents": ...})`` after every step, as in diffusers; it
                may return a dict with latents to go on with.

        Raises:
            ValueError: something given cannot be used; the message says what to use instead.
            GenerationCancelled: `should_stop` returned True.
        """
        # 1. Check
        clip = self._check_clip(image, rgb_video, width, height, num_frames)
        size = (clip.height, clip.width)
        self.check_inputs(prompt, *size, negative_prompt, None, prompt_embeds, negative_prompt_embeds)
        max_steps = self.scheduler.config.num_train_timesteps
        _check_call(output_type, num_inference_steps, max_steps, num_videos_per_prompt)
        if loop:
            check_loop(clip)
        guidance = Guidance(guidance_scale, check_cfg_schedule(cfg_schedule), num_inference_steps)

        with self._running():
            # 2. Choose timesteps
            self.scheduler.set_timesteps(num_inference_steps, device=self._execution_device)
            self._num_timesteps = len(self.scheduler.timesteps)
            guided = guidance.exceeds(self.skip_guidance_below, self.scheduler.timesteps.tolist())

            # 3. Encode words, (B, T, D_text) each
            embeds, negative_embeds = encode_words(
                self,
                prompt,
                negative_prompt,
                guided=guided,
                prompt_embeds=prompt_embeds,
                negative_prompt_embeds=negative_prompt_embeds,
                max_sequence_length=max_sequence_length,
                copies=num_videos_per_prompt,
            )
            clip.check_count(len(embeds) // num_videos_per_prompt)

            # 4. Draw noise and encode frames
            latents = draw_latents(self, clip, len(embeds), generator, latents)  # (B, 2F, C, H, W)
            denoiser = (LoopingDenoiser if loop else Denoiser)(
                self.transformer,
                embeds,
                negative_embeds,
                rotary=rotary_table(self, clip),
                image_latents=encode_image(self, clip, len(embeds)),
                batch_guidance=self.batch_guidance,
                skip_guidance_below=self.skip_guidance_below,
            )
            rgb = encode_footage(self, clip, len(embeds))  # (B, F, C, H, W)

            # 5. Sample
            with self.progress_bar(total=self._num_timesteps) as progress:
                observe = self._observe_steps(callback_on_step_end, progress)
                latents = sample(
                    denoiser, self.scheduler, latents, guidance, generator=generator, rgb=rgb, on_step=observe
                )

            # 6. Decode
            frames: Any = latents if output_type == "latent" else self._finish(latents, clip, output_type, loop)
        return CogVideoXPipelineOutput(frames=frames) if return_dict else (frames,)

    def decode_latents(self, latents: torch.Tensor, *, alpha_only: bool = False) -> torch.Tensor:
        """Decode latents ``(B, 2F, C, H, W)`` to RGBA pixels ``(B, 4, T, H', W')`` in -1..1.

        Both halves go through the same RGB autoencoder; alpha is the largest channel of its half. Everything that the
        pipeline decodes goes through here.

        Args:
            latents: RGB frames, then alpha frames.
            alpha_only: decode the alpha half alone, to ``(B, 1, T, H', W')``.
        """
        return decode_rgba(self.vae, latents, alpha_only=alpha_only, should_stop=self.should_stop)

    def decode_frames(self, latents: torch.Tensor, *, alpha_only: bool = False) -> np.ndarray:
        """Decode latents ``(B, 2F, C, H, W)`` to float32 frames ``(B, T, H', W', 4)`` in 0..1.

        Args:
            latents: RGB frames, then alpha frames.
            alpha_only: decode the alpha half alone, to ``(B, T, H', W', 1)``.
        """
        pixels = self.decode_latents(latents, alpha_only=alpha_only)  # (B, 4 or 1, T, H', W')
        return self.video_processor.postprocess_video(pixels, output_type="np")

    def decode_preview(self, latents: torch.Tensor) -> np.ndarray:
        """Decode the middle frame of latents ``(B, 2F, C, H, W)``, as cheaply as the autoencoder allows.

        Returns:
            float32 ``(H', W', 4)`` in 0..1: RGB as decoded, and alpha; of the first clip of a batch.
        """
        middle = latents.shape[1] // 4
        halves = [half[:1, middle : middle + 1] for half in latents.chunk(2, dim=1)]  # (1, 1, C, H, W) each
        return self.decode_frames(torch.cat(halves, dim=1))[0, 0]

    # ---- the steps of a call ----

    def _check_clip(
        self, image: Any, rgb_video: Any, width: int | None, height: int | None, num_frames: int | None
    ) -> Clip:
        """Settle on the clip's size and length, and check what the model cannot do; raises ValueError."""
        if not is_rgba_enabled(self.transformer):
            raise ValueError(
                "This pipeline has no RGBA weights; give rgba_lora to from_pretrained, or call enable_rgba on its "
                "transformer."
            )
        config, pixels = self.transformer.config, self.vae_scale_factor_spatial
        clip = Clip.of(
            image,
            rgb_video,
            size=(width, height),
            num_frames=num_frames,
            default=Clip(config.sample_width * pixels, config.sample_height * pixels, config.sample_frames),
            image_to_video=self.is_image_to_video,
            image_optional=self.image_optional,
        )
        ClipLimits.of(self).check(clip.width, clip.height, clip.num_frames)
        return clip

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Make what happens within cancellable, and leave a pipeline that can be used again, whatever happens."""
        self._interrupt = False
        self._current_timestep = None
        self.predicted_clean_latents = None
        try:
            with cancellable(self.transformer.transformer_blocks, self.should_stop):
                yield
        finally:
            self._current_timestep = None
            self.maybe_free_model_hooks()  # offloads where that is on, and resets caches

    def _observe_steps(self, callback: StepCallback | None, progress: Any) -> Observer:
        """Make what the loop calls after a step: previews, the caller's callback and `should_stop` hang on it."""

        def observe(state: SamplingState) -> None:
            self._current_timestep = state.timestep
            self.predicted_clean_latents = state.clean
            if callback is not None:
                replaced = callback(self, state.step, state.timestep, {"latents": state.latents})
                state.latents = (replaced or {}).get("latents", state.latents)
            progress.update()
            check_stop(self.should_stop)

        return observe

    def _finish(self, latents: torch.Tensor, clip: Clip, output_type: str, loop: bool) -> Any:
        """Decode latents to what the caller wants; given footage is not decoded but handed back as it came."""
        if loop:
            frames = decode_loop(self.decode_frames, latents, self.vae.config.temporal_compression_ratio)
        else:
            frames = self.decode_frames(latents, alpha_only=clip.footage is not None)  # (B, T, H', W', 4 or 1)
        if clip.footage is not None:
            frames = np.concatenate([for_each_clip(clip.footage.rgb, len(frames)).numpy(), frames], axis=-1)
        return frames if output_type == "np" else [self.video_processor.numpy_to_pil(one) for one in frames]


def _first_given(given: _Setting | None, saved: _Setting | None, default: _Setting) -> _Setting:
    return given if given is not None else saved if saved is not None else default


def _check_call(output_type: str, num_inference_steps: int, max_steps: int, num_videos_per_prompt: int) -> None:
    if output_type not in {"np", "pil", "latent"}:
        raise ValueError(f'output_type is "{output_type}"; use "np", "pil" or "latent".')
    if not 1 <= num_inference_steps <= max_steps:
        raise ValueError(f"{num_inference_steps} sampling steps cannot be taken; use 1 to {max_steps}.")
    if num_videos_per_prompt < 1:
        raise ValueError(f"{num_videos_per_prompt} clips of each prompt cannot be made; use at least 1.")
