"""Make a loaded pipeline ready for a clip: memory plan, attention kernel, quality preset and words.

execution = Execution(pipe, "cuda", load_text_encoder=..., model="cogvideox-5b")
execution.prepare(planner.choose(), quality="exact", num_steps=50)
frames = pipe(**execution.encode(["a puff of smoke"], [""], length=226), guidance_scale=6.0, ...).frames
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from diffusers import CogVideoXPipeline
from transformers import T5EncoderModel

from . import host_memory
from .adapter import RGBA_ADAPTER
from .attention import RGBAAttnProcessor
from .compile import compile_blocks, compile_report, is_worth_compiling, uncompile_blocks
from .flops import LatentSize, stream_tokens, transformer_flops
from .kernels import KERNELS, KernelReport, choose_kernel, use_kernel
from .memory import ClipSize
from .placement import Placement, free_unused_memory
from .planner import PlannedRun
from .plans import Plan
from .prompt_cache import PromptCache, PromptKey
from .quality import apply_quality, get_preset, reset_quality

TextEncoderLoader = Callable[[torch.device], T5EncoderModel]


def text_encoder_loader(folder: Path, dtype: torch.dtype) -> TextEncoderLoader:
    """Return a loader of the text encoder of a model in diffusers' layout, straight to a device."""

    def load(device: torch.device) -> T5EncoderModel:
        return T5EncoderModel.from_pretrained(
            folder, subfolder="text_encoder", dtype=dtype, device_map={"": device}, local_files_only=True
        ).eval()

    return load


class Execution:
    """A pipeline on a device, made ready clip by clip.

    Attributes:
        pipe: the pipeline; one whose text encoder was left out (``text_encoder=None``) will do.
        device: what it computes on.
        run: the plan it is ready for; None before the first.
        kernels: the attention kernel in use; None before the first.
    """

    def __init__(
        self,
        pipe: CogVideoXPipeline,
        device: torch.device | str,
        *,
        load_text_encoder: TextEncoderLoader,
        model: str,
        prompts: PromptCache | None = None,
        mag_ratios: Sequence[float] | None = None,
        loaded_as_copies: bool = False,
    ) -> None:
        """Nothing is moved yet.

        Args:
            pipe: see above.
            device: see above.
            load_text_encoder: brings the text encoder to a device, for plans that do not keep it.
            model: names the text encoder's weights, for the prompt cache.
            prompts: may be shared by several pipelines; None makes one.
            mag_ratios: the model's, where it was calibrated; see `calibrate_mag_cache`.
            loaded_as_copies: the weights were converted while they were loaded; see `weights_are_copies`.
        """
        self.pipe, self.device = pipe, torch.device(device)
        self.run: PlannedRun | None = None
        self.kernels: KernelReport | None = None
        self._load_text_encoder, self._model = load_text_encoder, model
        self._prompts = PromptCache() if prompts is None else prompts
        self._mag_ratios = mag_ratios
        self._placement: Placement | None = None
        self._quality = "exact"
        self._measures_host = False
        self._are_copies = loaded_as_copies

    @property
    def weights_are_copies(self) -> bool:
        """Say whether another offloading would copy weights that no file backs; see `Planner`.

        Weights that are offloaded already count once: they are held, and so is the memory that they take.
        """
        offloads = self._placement is not None and self._placement.plan.transformer == "group_offload"
        return self._are_copies and not offloads

    def can_prepare(self, plan: Plan) -> bool:
        """Say whether the pipeline can follow a plan; where not, it has to be loaded again."""
        return self._placement is None or self._placement.plan == plan or self._placement.can_be_undone

    def prepare(self, run: PlannedRun, quality: str, num_steps: int) -> None:
        """Get ready for a clip; nothing of the last one is left, however it ended.

        Raises:
            ValueError: there is no such quality.
            PlanNotPossible: see `Placement`; ask `can_prepare` first.
            torch.OutOfMemoryError: the plan does not fit after all; try the next.
        """
        preset = get_preset(quality)
        reset_quality(self.pipe)
        self._place(run.plan)
        self.run, self._quality = run, preset.name

        transformer = self.pipe.transformer
        self.kernels = choose_kernel(
            self.device,
            dtype=transformer.dtype,
            head_dim=transformer.config.attention_head_dim,
            exact=preset.exact_attention,
            lengths=self._lengths(run.clip),
            failed=self._processor.failed,
        )
        use_kernel(transformer, self.kernels.chosen)
        if self._is_compilable(run.plan) and is_worth_compiling(self.device, self._flops(run.clip, num_steps)):
            compile_blocks(transformer)
            if report := compile_report(transformer):
                report.begin_clip()
        else:
            uncompile_blocks(transformer)
        apply_quality(self.pipe, preset, num_steps, self._mag_ratios)
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            self._measures_host = host_memory.reset_peak()

    def encode(
        self, prompts: Sequence[str], negative_prompts: Sequence[str] | None, *, length: int
    ) -> dict[str, torch.Tensor]:
        """Encode words, or take them from the cache; the text encoder comes and goes as the plan says.

        Args:
            prompts: one for each clip.
            negative_prompts: likewise; None where guidance is off.
            length: number of text tokens T.

        Returns:
            The pipeline's arguments ``prompt_embeds`` and ``negative_prompt_embeds``, ``(B, T, D_text)`` on the CPU.
        """
        words = {"prompt_embeds": prompts, "negative_prompt_embeds": negative_prompts}
        given = {name: list(texts) for name, texts in words.items() if texts is not None}
        dtype = self.pipe.transformer.dtype
        keys = [PromptKey(self._model, text, length, dtype) for texts in given.values() for text in texts]
        embeddings = self._prompts.encode(keys, lambda texts: self._encode(texts, length))  # (B or 2B, T, D_text)
        parts = embeddings.split([len(texts) for texts in given.values()])
        return dict(zip(given, parts, strict=True))

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Have the room for decoding a clip that the plan counts on, while the context lasts.

        Raises:
            torch.OutOfMemoryError: behind the block, the transformer did not fit any more; prepare another plan.
        """
        with nullcontext() if self._placement is None else self._placement.transformer_waiting():
            yield

    def can_clear(self) -> bool:
        """Say whether `clear` is possible; where not, the pipeline has to be loaded again."""
        return self._placement is None or self._placement.can_be_undone

    def clear(self) -> None:
        """Take everything off the device, before modules of the transformer come or go; then `prepare` again.

        Raises:
            PlanNotPossible: weights were stored in 8 bits; ask `can_clear` first.
        """
        reset_quality(self.pipe)
        uncompile_blocks(self.pipe.transformer)
        if self._placement is not None:
            self._placement.undo()
        self._placement, self.run = None, None

    def measured_peak_bytes(self) -> int | None:
        """Return the memory in use at the worst moment since `prepare`; None where the system does not tell.

        On a GPU what was allocated there, on a processor the resident size of the process.
        """
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return host_memory.peak_bytes() if self._measures_host else None

    def describe(self) -> dict[str, Any]:
        """Return what a job's `execution` says about this."""
        if self.run is None or self.kernels is None:
            return {}
        report = compile_report(self.pipe.transformer)
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"
        return {
            "device": name,
            "plan": self.run.plan.name,
            "plan_summary": self.run.plan.summary,
            "attention": self._attention(self.kernels),
            "compiled_share": None if report is None else report.share,
            "quality": self._quality,
            "predicted_peak_bytes": self.run.predicted_peak_bytes,
            "measured_peak_bytes": self.measured_peak_bytes(),
        }

    def release(self) -> None:
        """Forget what a clip left behind, after an error in the middle of it too."""
        reset_quality(self.pipe)
        self.pipe.maybe_free_model_hooks()
        free_unused_memory(self.device)

    def _place(self, plan: Plan) -> None:
        if self._placement is not None and self._placement.plan == plan:
            return
        if self._placement is not None:
            uncompile_blocks(self.pipe.transformer)
            self._placement.undo()
            self._placement = None
        if plan.text_encoder == "resident" and self.pipe.text_encoder is None:
            self.pipe.text_encoder = self._load_text_encoder(self.device)
        self._are_copies = True
        self._placement = Placement(self.pipe, plan, self.device)

    def _is_compilable(self, plan: Plan) -> bool:
        # Blocks that come and go, or are cast layer by layer, are hooked inside of what would be compiled.
        return plan.transformer != "group_offload" and plan.storage == "full"

    @property
    def _processor(self) -> RGBAAttnProcessor:
        return self.pipe.transformer.transformer_blocks[0].attn1.processor

    def _attention(self, kernels: KernelReport) -> str:
        """Name the kernel at work, which is not the one chosen if that failed in the clip."""
        return kernels.chosen.title if kernels.chosen.backend not in self._processor.failed else KERNELS[-1].title

    def _lengths(self, clip: ClipSize) -> tuple[int, int]:
        """Return the numbers of text tokens T and of tokens of one stream L."""
        config, vae = self.pipe.transformer.config, self.pipe.vae.config
        latents = LatentSize.of_clip(vae, width=clip.width, height=clip.height, num_frames=clip.num_frames)
        return config.max_text_seq_length, stream_tokens(config, latents)

    def _flops(self, clip: ClipSize, num_steps: int) -> float:
        """Count the operations of sampling a clip, with guidance."""
        config, vae = self.pipe.transformer.config, self.pipe.vae.config
        latents = LatentSize.of_clip(vae, width=clip.width, height=clip.height, num_frames=clip.num_frames)
        rank = self.pipe.transformer.peft_config[RGBA_ADAPTER].r
        return 2 * num_steps * clip.clips * transformer_flops(config, latents, rank=rank).total

    def _encode(self, texts: list[str], length: int) -> list[torch.Tensor]:
        """Encode prompts one by one to ``(T, D_text)`` each."""
        with self._text_encoder() as device:
            return [self._encode_one(text, length, device) for text in texts]

    def _encode_one(self, text: str, length: int, device: torch.device) -> torch.Tensor:
        embeds, _ = self.pipe.encode_prompt(
            [text],
            do_classifier_free_guidance=False,
            max_sequence_length=length,
            device=device,
            dtype=self.pipe.transformer.dtype,
        )
        return embeds[0].cpu()  # (1, T, D_text) -> (T, D_text)

    @contextmanager
    def _text_encoder(self) -> Iterator[torch.device]:
        """Have the text encoder in the pipeline while the context lasts; yields the device that it is on."""
        if self.run is None or self._placement is None:
            raise RuntimeError("Call prepare before encode: the plan says where the text encoder runs.")
        if self.run.plan.text_encoder == "resident":
            yield self.device
            return
        device = torch.device("cpu") if self.run.plan.text_encoder == "cpu" else self.device
        with self._placement.others_waiting() if self.run.others_wait else nullcontext():
            self.pipe.text_encoder = self._load_text_encoder(device)
            try:
                yield device
            finally:
                self.pipe.text_encoder = None
                free_unused_memory(self.device)
