"""The TransPixar pipeline: `CogVideoXPipeline` with an alpha half."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXDDIMScheduler,
    CogVideoXDPMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
)
from diffusers.callbacks import MultiPipelineCallbacks, PipelineCallback
from diffusers.pipelines.cogvideo.pipeline_cogvideox import retrieve_timesteps
from transformers import T5EncoderModel, T5Tokenizer

from .adapter import RGBA_ADAPTER, enable_rgba, get_text_to_alpha, is_rgba_enabled, set_text_to_alpha
from .attention import TextToAlpha
from .cancellation import StopRequest, cancellable, check_stop
from .clip import Clip
from .conditioning import for_each_clip
from .convolutions import use_cpu_convolutions
from .denoiser import Denoiser
from .guidance import CfgSchedule, Guidance, check_cfg_schedule
from .limits import ClipLimits
from .looping import LoopingDenoiser, check_loop, decode_loop
from .output import TransPixarPipelineOutput
from .preparation import draw_latents, encode_footage, encode_image, encode_words, rotary_table
from .sampling import Generators, Observer, SamplingState, sample
from .saving import RGBA_FILE, SavedUse, Source, find_rgba, save, saved_style_loras
from .scheduler import TrailingDPMScheduler
from .style import StyleLora, set_style_loras, styles_scaled
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
    _guidance_scale: float = 1.0
    _attention_kwargs: dict[str, Any] | None = None
    _interrupt: bool = False

    # ---- loading ----

    def __init__(
        self,
        tokenizer: T5Tokenizer,
        text_encoder: T5EncoderModel,
        vae: AutoencoderKLCogVideoX,
        transformer: CogVideoXTransformer3DModel,
        scheduler: CogVideoXDDIMScheduler | CogVideoXDPMScheduler,
    ) -> None:
        super().__init__(tokenizer, text_encoder, vae, transformer, scheduler)
        if vae is not None:
            use_cpu_convolutions(vae)

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
        negative_prompt: str | list[str] | None = None,
        height: int | None = None,
        width: int | None = None,
        num_frames: int | None = None,
        num_inference_steps: int = 50,
        timesteps: list[int] | None = None,
        guidance_scale: float = 6.0,
        use_dynamic_cfg: bool = False,
        num_videos_per_prompt: int = 1,
        eta: float = 0.0,
        generator: Generators = None,
        latents: torch.Tensor | None = None,
        prompt_embeds: torch.Tensor | None = None,
        negative_prompt_embeds: torch.Tensor | None = None,
        output_type: str = "np",
        return_dict: bool = True,
        attention_kwargs: dict[str, Any] | None = None,
        callback_on_step_end: StepCallback | PipelineCallback | MultiPipelineCallbacks | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
        max_sequence_length: int | None = None,
        *,
        image: Any = None,
        rgb_video: Any = None,
        cfg_schedule: str | None = None,
        loop: bool = False,
    ) -> TransPixarPipelineOutput | tuple[Any, ...]:
        """Generate RGBA clips.

        The arguments of `CogVideoXPipeline` mean what they mean there, and come in its order; what follows are this
        pipeline's own. Only the default of output_type is another.

        Args:
            prompt: one prompt or several, a clip each; or give prompt_embeds.
            negative_prompt: what to keep away from; one for all or one for each.
            height: in pixels, a multiple of `size_multiple`; None for that of what is given, or the model's own.
            width: likewise.
            num_frames: ``k * t + 1`` for the autoencoder's temporal compression ``t``; None likewise.
            num_inference_steps: number of sampling steps.
            timesteps: steps at these timesteps in place of num_inference_steps; see `TrailingDPMScheduler`.
            guidance_scale: at most 1 does without the unconditional pass.
            use_dynamic_cfg: the same as the cfg_schedule "dynamic".
            num_videos_per_prompt: so many clips of each prompt, which come out side by side.
            eta: for a DDIM scheduler; others ignore it.
            generator: randomness; a list gives every clip its own, and the clip is the one it makes alone.
            latents: noise to begin with, ``(B, F, C, H, W)`` for both halves, or ``(B, 2F, C, H, W)``.
            prompt_embeds: ``(B, T, D_text)`` from `encode_prompt`, in place of prompt.
            negative_prompt_embeds: likewise, in place of negative_prompt.
            output_type: "np" for float32 ``(B, F, H, W, 4)`` in 0..1, the RGB half as decoded and alpha; "pt" for
                ``(B, F, 4, H, W)``; "pil" for lists of RGBA images; "latent" for ``(B, 2F, C, H, W)``.
            return_dict: False for the tuple ``(frames,)``.
            attention_kwargs: given to the transformer's attention. "scale" multiplies the strengths of the style LoRAs;
                RGBA keeps its own, without which there is no alpha.
            callback_on_step_end: ``fn(pipe, step, timestep, tensors)`` after every step; it may return a dict with
                those to go on with. It may set ``pipe._interrupt`` to end the sampling, and ``pipe._guidance_scale``.
            callback_on_step_end_tensor_inputs: the tensors that it gets. With guidance, "prompt_embeds" is
                ``(2B, T, D_text)``, those of the negative prompts first; returned as ``(B, T, D_text)``, it ends
                guidance.
            max_sequence_length: number of text tokens; None for the model's own.
            image: the first frame, straight RGB or RGBA, ``(H, W, 3 or 4)`` or ``(B, H, W, 3 or 4)`` floats in 0..1, on
                an image-to-video base, which cannot do without unless `image_optional` is set.
            rgb_video: footage whose alpha is wanted, ``(F, H, W, 3)`` or ``(B, F, H, W, 3)`` floats in 0..1. It comes
                back as the RGB of the clip, untouched. An image-to-video base sees its first frame too.
            cfg_schedule: "constant" or "dynamic"; see `Guidance`. None for "constant", or as use_dynamic_cfg says.
            loop: make a clip whose end leads to its beginning, of ``num_frames + t - 1`` frames; see `looping`. Latents
                are decoded with `decode_loop` then.

        Raises:
            ValueError: something given cannot be used; the message says what to use instead.
            GenerationCancelled: `should_stop` returned True.
        """
        # 1. Check
        clip = self._check_clip(image, rgb_video, width, height, num_frames)
        size = (clip.height, clip.width)
        if isinstance(callback_on_step_end, PipelineCallback | MultiPipelineCallbacks):
            callback_on_step_end_tensor_inputs = callback_on_step_end.tensor_inputs
        wanted = list(callback_on_step_end_tensor_inputs)
        self.check_inputs(prompt, *size, negative_prompt, wanted, prompt_embeds, negative_prompt_embeds)
        max_steps = self.scheduler.config.num_train_timesteps
        _check_call(output_type, None if timesteps else num_inference_steps, max_steps, num_videos_per_prompt)
        if loop:
            check_loop(clip)
        schedule = _cfg_schedule(cfg_schedule, use_dynamic_cfg)
        attention = dict(attention_kwargs or {})
        style_scale = attention.pop("scale", 1.0)

        with self._running(guidance_scale, attention_kwargs), styles_scaled(self.transformer, style_scale):
            # 2. Choose timesteps
            _, num_inference_steps = retrieve_timesteps(
                self.scheduler, num_inference_steps, self._execution_device, timesteps
            )
            self._num_timesteps = len(self.scheduler.timesteps)
            guidance = Guidance(guidance_scale, schedule, num_inference_steps)
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
                attention_kwargs=attention or None,
            )
            rgb = encode_footage(self, clip, len(embeds))  # (B, F, C, H, W)

            # 5. Sample
            with self.progress_bar(total=self._num_timesteps) as progress:
                latents = sample(
                    denoiser,
                    self.scheduler,
                    latents,
                    self._scale_at(guidance),
                    generator=generator,
                    eta=eta,
                    rgb=rgb,
                    on_step=self._observe_steps(callback_on_step_end, wanted, denoiser, progress),
                    is_interrupted=lambda: self._interrupt,
                )

            # 6. Decode
            frames: Any = latents if output_type == "latent" else self._finish(latents, clip, output_type, loop)
        return TransPixarPipelineOutput(frames=frames) if return_dict else (frames,)

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
    def _running(self, guidance_scale: float, attention_kwargs: dict[str, Any] | None) -> Iterator[None]:
        """Make what happens within cancellable, and leave a pipeline that can be used again, whatever happens."""
        # What the properties of the base class return.
        self._guidance_scale, self._attention_kwargs = guidance_scale, attention_kwargs
        self._interrupt = False
        self._current_timestep = None
        self.predicted_clean_latents = None
        try:
            with cancellable(self.transformer.transformer_blocks, self.should_stop):
                yield
        finally:
            self._current_timestep = None
            self.maybe_free_model_hooks()  # offloads where that is on, and resets caches

    def _scale_at(self, guidance: Guidance) -> Callable[[float], float]:
        """Return the guidance scale by timestep; a constant one may be changed by callbacks, as in diffusers."""

        def scale_at(timestep: float) -> float:
            if guidance.schedule == "dynamic":
                self._guidance_scale = guidance.at(timestep)
            return self._guidance_scale

        return scale_at

    def _observe_steps(
        self, callback: StepCallback | None, wanted: Sequence[str], denoiser: Denoiser, progress: Any
    ) -> Observer:
        """Make what the loop calls after a step: previews, the caller's callback and `should_stop` hang on it."""

        def observe(state: SamplingState) -> None:
            self._current_timestep = state.timestep
            self.predicted_clean_latents = state.clean
            if callback is not None:
                tensors = {"latents": state.latents} | ({} if {*wanted} == {"latents"} else _embeddings(denoiser))
                replaced = callback(self, state.step, state.timestep, {name: tensors[name] for name in wanted}) or {}
                state.latents = replaced.get("latents", state.latents)
                changed = {name: each for name, each in replaced.items() if each is not tensors.get(name)}
                _replace_embeddings(denoiser, changed)
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
        if output_type == "pt":
            return torch.from_numpy(frames).permute(0, 1, 4, 2, 3)  # (B, T, H', W', 4) -> (B, T, 4, H', W')
        return frames if output_type == "np" else [self.video_processor.numpy_to_pil(one) for one in frames]


def _first_given(given: _Setting | None, saved: _Setting | None, default: _Setting) -> _Setting:
    return given if given is not None else saved if saved is not None else default


def _cfg_schedule(cfg_schedule: str | None, use_dynamic_cfg: bool) -> CfgSchedule:
    if cfg_schedule is None:
        return "dynamic" if use_dynamic_cfg else "constant"
    if use_dynamic_cfg and cfg_schedule == "constant":
        raise ValueError('use_dynamic_cfg and cfg_schedule="constant" contradict each other; leave one of them out.')
    return check_cfg_schedule(cfg_schedule)


def _embeddings(denoiser: Denoiser) -> dict[str, torch.Tensor | None]:
    """Return embeddings as callbacks of diffusers get them: with guidance, the negative ones are in both entries."""
    negative = denoiser.negative_prompt_embeds
    both = denoiser.prompt_embeds if negative is None else torch.cat([negative, denoiser.prompt_embeds])
    return {"prompt_embeds": both, "negative_prompt_embeds": negative}


def _replace_embeddings(denoiser: Denoiser, changed: Mapping[str, Any]) -> None:
    """Go on with the embeddings that a callback returned; see `TransPixarPipeline.__call__`."""
    embeds, batch = changed.get("prompt_embeds"), len(denoiser.prompt_embeds)
    if embeds is not None and len(embeds) == batch:
        denoiser.prompt_embeds, denoiser.negative_prompt_embeds = embeds, None
    elif embeds is not None and len(embeds) == 2 * batch:
        denoiser.negative_prompt_embeds, denoiser.prompt_embeds = embeds.chunk(2)
    elif embeds is not None:
        raise ValueError(f"A callback returned prompt_embeds for {len(embeds)} clips; return {batch} or {2 * batch}.")
    if changed.get("negative_prompt_embeds") is not None:
        denoiser.negative_prompt_embeds = changed["negative_prompt_embeds"]


def _check_call(output_type: str, num_inference_steps: int | None, max_steps: int, num_videos_per_prompt: int) -> None:
    if output_type not in {"np", "pt", "pil", "latent"}:
        raise ValueError(f'output_type is "{output_type}"; use "np", "pt", "pil" or "latent".')
    if num_inference_steps is not None and not 1 <= num_inference_steps <= max_steps:
        raise ValueError(f"{num_inference_steps} sampling steps cannot be taken; use 1 to {max_steps}.")
    if num_videos_per_prompt < 1:
        raise ValueError(f"{num_videos_per_prompt} clips of each prompt cannot be made; use at least 1.")
