"""Makes a clip: loads the model on demand, samples, decodes and writes the files. Runs in the worker process."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers

from server import __version__
from server.media.clip import write_clip
from server.media.png import encode_png, replace_file
from server.media.sidecar import SidecarModel
from server.media.straight import straight_frames
from server.models import ModelDescription
from server.transpixar import GenerationCancelled, TransPixarPipeline
from server.workers.messages import ClipReady, Generate, JobReport, Load, Phase, Preview, Step

log = logging.getLogger(__name__)

ReportTo = Callable[[JobReport], None]
ShouldStop = Callable[[], bool]

# The first preview comes after the first step; from then on they take at most this share of the sampling time, and come
# at most this often.
_PREVIEW_SHARE = 0.15
_PREVIEW_SECONDS = 0.5


class ModelNotLoaded(Exception):
    """The model's folder cannot be loaded; the message says which."""


class ClipGenerator:
    """Makes clips on torch's `device` with the model that was used last, which stays in memory."""

    def __init__(self, device: str = "cpu") -> None:
        diffusers.utils.logging.disable_progress_bar()
        transformers.utils.logging.disable_progress_bar()
        self._folder: Path | None = None
        self._pipe: Any = None
        self._device = device
        self._loaded_model: str | None = None

    @property
    def loaded_model(self) -> str | None:
        """The name of the model in memory."""
        return self._loaded_model

    def load(self, task: Load, report: ReportTo, should_stop: ShouldStop) -> None:
        """Bring a model into memory. Raises as `generate` does."""
        report(Phase(job=task.job, phase="loading"))
        self._load(task.model_folder, ModelDescription.read(task.model_folder))
        _check(should_stop)

    def generate(self, task: Generate, report: ReportTo, should_stop: ShouldStop) -> None:
        """Make the clips of `task` and tell `report` about it on the way.

        `should_stop` is asked within every transformer block. Raises GenerationCancelled when it says so,
        ModelNotLoaded, MemoryError or torch.OutOfMemoryError, OSError when the clip cannot be written, and whatever
        the model raises.
        """
        report(Phase(job=task.job, phase="loading"))
        model = ModelDescription.read(task.model_folder)
        self._load(task.model_folder, model)
        _check(should_stop)

        report(Phase(job=task.job, phase="running"))
        self._pipe.should_stop = should_stop
        self._pipe.text_to_alpha = task.request.text_to_alpha
        decoded = self._sample(task, model, report)  # (F, H, W, 4), float32 in 0..1
        _check(should_stop)

        report(Phase(job=task.job, phase="encoding"))
        frames = straight_frames(decoded, premultiplied=model.rgb == "premultiplied")
        clip = write_clip(
            task.clips_folder,
            task.job,
            task.request,
            frames,
            fps=model.defaults.fps,
            model=SidecarModel(name=model.name, title=model.title, licence=model.licence),
            versions={"transpixar": __version__, "torch": torch.__version__, "diffusers": diffusers.__version__},
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
        report(ClipReady(job=task.job, clip=clip))

    def unload(self) -> None:
        """Give the model's memory back."""
        self._folder, self._pipe, self._loaded_model = None, None, None
        gc.collect()
        if self._device == "cuda":
            torch.cuda.empty_cache()

    def _load(self, folder: Path, model: ModelDescription) -> None:
        if folder == self._folder:
            return
        self.unload()
        started = time.monotonic()
        try:
            self._pipe = TransPixarPipeline.from_pretrained(
                folder,
                rgba_lora=folder / model.rgba_lora.file,
                lora_alpha=model.rgba_lora.lora_alpha,
                dtype=torch.float32,
            ).to(self._device)
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            raise ModelNotLoaded(f"The model '{model.name}' cannot be loaded from {folder}") from error
        self._pipe.set_progress_bar_config(disable=True)
        self._folder, self._loaded_model = folder, model.name
        log.info("model %s loaded on %s in %.1f s", model.name, self._device, time.monotonic() - started)

    def _sample(self, task: Generate, model: ModelDescription, report: ReportTo) -> np.ndarray:
        """The decoded frames (F, H, W, 4) of the task's clip, float32 in 0..1."""
        request = task.request
        previews = _PreviewBudget()

        def on_step_end(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            report(Step(job=task.job, clip=1, step=min(index + 1, request.steps)))
            if index + 1 == pipe.num_timesteps:
                report(Phase(job=task.job, phase="decoding"))
            elif previews.due():
                with previews:
                    self._write_preview(task.preview_file, model)
                report(Preview(job=task.job, clip=1, step=index + 1))
            return {}

        output = self._pipe(
            request.prompt,
            negative_prompt=request.negative_prompt,
            height=request.height,
            width=request.width,
            num_frames=request.num_frames,
            num_inference_steps=request.steps,
            guidance_scale=request.guidance,
            cfg_schedule=request.cfg_schedule,
            # Drawn on the CPU, so that a seed gives the same noise on every device.
            generator=torch.Generator("cpu").manual_seed(request.seed),
            max_sequence_length=model.max_sequence_length,
            output_type="np",
            callback_on_step_end=on_step_end,
        )
        frames: np.ndarray = output.frames[0]
        return frames

    def _write_preview(self, file: Path, model: ModelDescription) -> None:
        """Write the sampler's present estimate of the clean clip, one frame of it."""
        decoded = self._pipe.decode_preview(self._pipe.predicted_clean_latents)  # (H, W, 4)
        frame = straight_frames(decoded[None], premultiplied=model.rgb == "premultiplied")[0]
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, encode_png(frame))


class _PreviewBudget:
    """Says when the next preview may be made; a context manager around making one."""

    def __init__(self) -> None:
        self._next = time.monotonic()
        self._began = 0.0

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        now = time.monotonic()
        self._next = now + max(_PREVIEW_SECONDS, (now - self._began) * (1 / _PREVIEW_SHARE - 1))


def _check(should_stop: ShouldStop) -> None:
    if should_stop():
        raise GenerationCancelled("The generation was cancelled.")
