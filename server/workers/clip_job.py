"""Makes the clips of one job with a loaded model: plan, sample, decode, write; and once more under a leaner plan where
memory has run out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import diffusers
import numpy as np
import numpy.typing as npt
import torch

from server import __version__
from server.files import write_file
from server.jobs.job import Execution
from server.media.clean_up import cleaned
from server.media.clip import write_clip
from server.media.inputs import read_first_frame, read_footage
from server.media.png import encode_png
from server.media.sidecar import SidecarModel
from server.media.straight import straight, to_bytes
from server.transpixar import RGBA_ADAPTER
from server.transpixar.cancellation import check_stop
from server.transpixar.flops import LatentSize, transformer_flops, vae_decode_flops
from server.transpixar.looping import decode_loop
from server.transpixar.memory import ClipSize
from server.transpixar.placement import is_out_of_memory
from server.transpixar.planner import PlannedRun, Planner
from server.workers.estimate import RemainingTime
from server.workers.loaded_model import LoadedModel
from server.workers.messages import ClipReady, Generate, JobReport, Phase, Planned, Preview, Step, Warned
from server.workers.previews import PreviewBudget
from server.workers.stopwatch import Stopwatch

log = logging.getLogger(__name__)

Frames = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
_Result = TypeVar("_Result")


class MemoryRanOut(Exception):
    """No plan that was tried fitted; the message says what to ask for instead."""


class ClipJob:
    """One job on its way through a loaded model; `make` is to be called once."""

    def __init__(
        self,
        task: Generate,
        model: LoadedModel,
        stopwatch: Stopwatch,
        report: Callable[[JobReport], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self._task, self._request, self._model = task, task.request, model
        self._stopwatch, self._report, self._should_stop = stopwatch, report, should_stop
        request = self._request
        self._planner: Planner = model.planner(
            ClipSize(request.width, request.height, request.num_frames),
            quality=request.quality,
            guided=request.guidance > 1,
        )
        self._run: PlannedRun
        self._climbed = False
        self._measured_peak: int | None = None
        self._remaining = RemainingTime(
            steps=request.steps, clips=request.num_clips - task.first_clip + 1, decoding_steps=self._decoding_steps()
        )

    def make(self) -> None:
        """Make the job's clips, from the task's first one on.

        Raises:
            GenerationCancelled: it was stopped.
            InputUnusable, StyleLoraError: something given cannot be used.
            DoesNotFit, PlanNotPossible: the clip is too large for the memory, or the plan asked for not to be had.
            MemoryRanOut: the memory was not enough after all, under two plans.
            OSError: a clip cannot be written.
        """
        request = self._request
        strengths = [lora.strength for lora in request.style_loras]
        given = self._read_inputs()
        self._model.use_styles(list(zip(self._task.style_loras, strengths, strict=True)))
        self._run = self._planner.choose(request.memory_plan)
        try:
            self._within_memory(self._prepare)
            self._warn_of_unknown_prompt()
            self._warn_of_cut_prompts()
            for index in range(self._task.first_clip, request.num_clips + 1):
                self._make_clip(index, given)
        finally:
            self._model.execution.release()
            self._model.pipe.should_stop = None
        self._report_execution()

    # ---- one clip ----

    def _make_clip(self, index: int, given: dict[str, Frames]) -> None:
        request = self._request.of_clip(index)
        latents = self._within_memory(lambda: self._sample(index, request.seed, given))
        check_stop(self._should_stop)
        self._report(Phase(job=self._task.job, phase="decoding"))
        self._remaining.sampled()
        with self._stopwatch.phase("decoding"):
            decoded = self._within_memory(lambda: self._decode(latents, given))
        check_stop(self._should_stop)
        self._report(Phase(job=self._task.job, phase="encoding"))
        with self._stopwatch.phase("encoding"):
            description = self._model.description
            clip = write_clip(
                self._task.clips_folder,
                self._task.job,
                request,
                self._finished(decoded, is_footage="rgb_video" in given),
                fps=description.defaults.fps,
                index=index,
                model=SidecarModel(name=description.name, title=description.title, licence=description.licence),
                execution=self._execution(),
                versions={
                    "transpixar": __version__,
                    "torch": torch.__version__,
                    "diffusers": diffusers.__version__,
                },
                created_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            )
        self._report(ClipReady(job=self._task.job, clip=clip))
        self._remaining.clip_ready()

    def _sample(self, index: int, seed: int, given: dict[str, Frames]) -> torch.Tensor:
        """The latents of a clip, (1, 2F, C, H, W)."""
        request, pipe = self._request, self._model.pipe
        self._report(Phase(job=self._task.job, phase="running"))
        self._report(Step(job=self._task.job, clip=index, step=0))
        with self._stopwatch.phase("encoding_text"):
            words = self._model.execution.encode(
                [request.prompt],
                [request.negative_prompt] if request.guidance > 1 else None,
                length=self._model.description.max_sequence_length,
            )
        check_stop(self._should_stop)
        previews = PreviewBudget()

        def on_step_end(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            eta = self._remaining.after_step(step + 1)
            self._report(Step(job=self._task.job, clip=index, step=step + 1, eta_seconds=round(eta, 1)))
            if previews.due() and step + 1 < request.steps:
                with previews:
                    self._write_preview()
                self._report(Preview(job=self._task.job, clip=index, step=step + 1))
            return {}

        self._remaining.begin_sampling()
        with self._stopwatch.phase("sampling"):
            pipe.text_to_alpha = request.text_to_alpha
            latents: torch.Tensor = pipe(
                **words,
                **given,
                height=request.height,
                width=request.width,
                num_frames=request.num_frames,
                num_inference_steps=request.steps,
                guidance_scale=request.guidance,
                cfg_schedule=request.cfg_schedule,
                loop=request.loop,
                # Drawn on the CPU, so that a seed gives the same noise on every device.
                generator=torch.Generator("cpu").manual_seed(seed),
                output_type="latent",
                callback_on_step_end=on_step_end,
            ).frames
        return latents

    def _decode(self, latents: torch.Tensor, given: dict[str, Frames]) -> Frames:
        """The frames (F, H, W, 4) of latents (1, 2F, C, H, W), float32 in 0..1; given footage keeps its own colour."""
        footage, pipe = given.get("rgb_video"), self._model.pipe
        with self._model.execution.decoding():
            if self._request.loop:
                loop: Frames = decode_loop(pipe.decode_frames, latents, pipe.vae.config.temporal_compression_ratio)[0]
                return loop
            frames: Frames = pipe.decode_frames(latents, alpha_only=footage is not None)[0]
        return frames if footage is None else np.concatenate([footage, frames], axis=-1)

    def _finished(self, decoded: Frames, *, is_footage: bool) -> Bytes:
        """Decoded frames (F, H, W, 4) as those of the clip: straight, 8 bits, and cleaned if asked for."""
        premultiplied = self._model.description.rgb == "premultiplied" and not is_footage
        frames = straight(decoded, premultiplied=premultiplied)
        # What leaves the frame of a footage is cut off in the footage itself, where the alpha has to fit.
        return to_bytes(cleaned(frames, fade_edges=not is_footage) if self._request.clean_up else frames)

    def _write_preview(self) -> None:
        """Write the sampler's present estimate of the clean clip, one frame of it."""
        pipe = self._model.pipe
        decoded = pipe.decode_preview(pipe.predicted_clean_latents)  # (H, W, 4)
        frame = self._finished(decoded[None], is_footage=self._task.footage is not None)[0]
        self._task.preview_file.parent.mkdir(parents=True, exist_ok=True)
        write_file(self._task.preview_file, encode_png(frame))

    # ---- memory ----

    def _prepare(self) -> None:
        """Get ready for the present plan. Raises PlanNotPossible, torch.OutOfMemoryError."""
        self._model.prepare(self._run, self._request.quality, self._request.steps)
        self._model.pipe.should_stop = self._should_stop
        self._report_execution()

    def _within_memory(self, work: Callable[[], _Result]) -> _Result:
        """Do some work; where memory runs out, once more under the next plan.

        Raises:
            MemoryRanOut: the second time, or when no plan needs less, or a plan was asked for by name.
        """
        try:
            return work()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            failed = self._run
            log.warning("job %s: memory has run out under the plan %s", self._task.job, failed.plan.name)
        # Outside of the handler: the exception's frames hold tensors.
        following = None if self._climbed or self._request.memory_plan != "auto" else self._planner.after(failed)
        self._model.execution.release()
        if following is None:
            raise MemoryRanOut(self._planner.advise_after(failed))
        self._climbed, self._run = True, following
        self._note_peak()
        try:
            self._prepare()
            warning = f"Memory ran out; made with the memory plan {following.plan.name}. {following.plan.summary}"
            self._report(Warned(job=self._task.job, warning=warning))
            return work()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        self._model.execution.release()
        raise MemoryRanOut(self._planner.advise_after(following))

    def _execution(self) -> Execution:
        self._note_peak()
        facts = self._model.execution.describe() | {"measured_peak_bytes": self._measured_peak}
        return Execution(**facts, seconds=self._stopwatch.seconds)

    def _report_execution(self) -> None:
        self._report(Planned(job=self._task.job, execution=self._execution()))

    def _note_peak(self) -> None:
        """Remember the highest peak: another plan starts measuring anew."""
        peak = self._model.execution.measured_peak_bytes()
        if peak is not None:
            self._measured_peak = max(peak, self._measured_peak or 0)

    # ---- what is given ----

    def _read_inputs(self) -> dict[str, Frames]:
        """The pipeline's arguments for a first frame or footage. Raises InputUnusable."""
        request = self._request
        given: dict[str, Frames] = {}
        if self._task.first_frame is not None:
            image = read_first_frame(self._task.first_frame, request.width, request.height)
            if self._model.description.rgb == "premultiplied":  # as the model was taught: colour on black
                image[..., :3] *= image[..., 3:] if image.shape[-1] == 4 else 1
            given["image"] = image
        if self._task.footage is not None:
            given["rgb_video"] = read_footage(
                self._task.footage, request.width, request.height, request.num_frames, start=request.footage_start
            )
        return given

    def _warn_of_unknown_prompt(self) -> None:
        # Footage shows by itself what it is.
        known_words = self._model.known_words if self._task.footage is None else None
        warning = known_words.warning(self._request.prompt) if known_words is not None else None
        if warning is not None:
            self._report(Warned(job=self._task.job, warning=warning))

    def _warn_of_cut_prompts(self) -> None:
        tokenizer, length = self._model.pipe.tokenizer, self._model.description.max_sequence_length
        for label, prompt in (("prompt", self._request.prompt), ("negative prompt", self._request.negative_prompt)):
            ids = tokenizer(prompt, add_special_tokens=True).input_ids
            if len(ids) > length:
                lost = tokenizer.decode(ids[length - 1 :], skip_special_tokens=True)
                warning = f'The model reads {length} tokens; the end of the {label} was left out: "{lost}".'
                self._report(Warned(job=self._task.job, warning=warning))

    def _decoding_steps(self) -> float:
        """How many sampling steps decoding is about as long as, by the operations of both."""
        pipe, request = self._model.pipe, self._request
        latents = LatentSize.of_clip(
            pipe.vae.config, width=request.width, height=request.height, num_frames=request.num_frames
        )
        rank = pipe.transformer.peft_config[RGBA_ADAPTER].r
        step = transformer_flops(pipe.transformer.config, latents, rank=rank).total * (2 if request.guidance > 1 else 1)
        return 2 * vae_decode_flops(pipe.vae.config, latents) / step
