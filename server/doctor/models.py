"""Checks of the models: which are there, what plan a default clip would get, and about how long it would take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from server.models import ModelDescription, ModelFolderError, ModelRegistry
from server.models.files import ModelFiles, ModelState, ModelStatus, locate, model_state
from server.models.headers import read_header
from server.models.licences import Acceptances
from server.models.places import ModelPlaces

from .finding import Finding, Level, gigabytes, note, ok, problem

# Measured times over their floors (docs/benchmarks.md): sampling is bound by matrix products, decoding by memory.
_SAMPLING_OVER_FLOOR = 1.5
_DECODING_OVER_FLOOR = 10.0
_PROBE_SECONDS = 1.0
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass
class Models:
    """The models of a data folder, and the device that they would run on.

    Attributes:
        registry: the models on offer.
        places: where downloads and accepted licences lie.
        on_gpu: clips are made on a GPU.
        free_bytes: memory of that device which can be filled; None asks it, and for main memory too.
        host_free_bytes: main memory that can be filled, where free_bytes is given; None where that is no concern.
        measure_rate: measures the device's matmul rate in operations a second; None measures it here.
    """

    registry: ModelRegistry
    places: ModelPlaces
    on_gpu: bool
    free_bytes: int | None = None
    host_free_bytes: int | None = None
    measure_rate: Callable[[], float] | None = None

    def check(self) -> Iterator[Finding]:
        """Yield a finding for each model, and one where none can be used."""
        for said in self.registry.problems:
            yield problem("Models", said, "Correct the folder, or remove it.")
        usable = False
        for model in self.registry:
            state = self.states[model.name]
            finding = self._ready(model) if state.state is ModelStatus.READY else _not_ready(model, state)
            usable = usable or finding.level is Level.OK
            yield finding
        if not usable:
            yield problem(
                "Models",
                "None can be used.",
                "Install the program again: the embedded model `mini` is part of it.",
                prevents_clips=True,
            )

    @cached_property
    def states(self) -> dict[str, ModelState]:
        """The state of each model, by name."""
        accepted = Acceptances.load(self.places.licences)
        return {
            model.name: model_state(model, self.registry.folder(model.name), self.places.hub, accepted)
            for model in self.registry
        }

    @property
    def missing_bytes(self) -> dict[str, int]:
        """What each model that is not downloaded still needs, by name."""
        return {
            name: state.bytes_total - state.bytes_present
            for name, state in self.states.items()
            if state.state is not ModelStatus.READY and state.bytes_total is not None
        }

    @cached_property
    def _rate(self) -> float:
        if self.measure_rate is not None:
            return self.measure_rate()
        import torch

        from server.bench.device import measure_matmul_rate

        device = torch.device("cuda" if self.on_gpu else "cpu")
        return measure_matmul_rate(device, torch.bfloat16 if self.on_gpu else torch.float32, _PROBE_SECONDS)

    def _ready(self, model: ModelDescription) -> Finding:
        """What a default clip of a usable model would get."""
        from server.transpixar.planner import DoesNotFit

        about = f"Model {model.name}"
        try:
            facts = self._predict(model, locate(model, self.registry.folder(model.name), self.places.hub))
        except DoesNotFit as error:
            return Finding(about, Level.PROBLEM, f"It is here, but a default clip does not fit. {error}")
        except (OSError, ValueError, KeyError, ModelFolderError) as error:
            return problem(about, f"It cannot be read: {error}.", "Install the model again.")
        clip = model.defaults
        said = (
            f"Ready. A default clip ({clip.width}x{clip.height}, {clip.num_frames} frames, {clip.steps} steps) takes "
            f"about {duration(facts['about_seconds'])} and {gigabytes(facts['predicted_peak_bytes'])} of memory"
            f"{_on_top(facts['predicted_host_bytes'])}. Plan '{facts['plan']}': {facts['plan_summary']}"
        )
        return ok(about, said, **facts)

    def _predict(self, model: ModelDescription, files: ModelFiles) -> dict[str, Any]:
        """Plan a default clip and estimate its time.

        Raises DoesNotFit, and OSError, ValueError, KeyError or ModelFolderError where the files are not as they should.
        """
        from server.transpixar.flops import LatentSize, clip_flops
        from server.transpixar.memory import ClipSize, ModelMemory
        from server.transpixar.planner import Planner

        clip, guided = model.defaults, model.defaults.guidance > 1
        rank = _rank(files.rgba_lora)
        # On a processor everything is computed in float32 but what the model says.
        memory = ModelMemory.from_folder(
            files.base, lora_rank=rank, text_length=model.max_sequence_length, dtype_bytes=_BYTES[model.dtype]
        )
        size = ClipSize(clip.width, clip.height, clip.num_frames)
        if self.free_bytes is None:
            device = "cuda" if self.on_gpu else "cpu"
            planner = Planner.of_device(device, memory, size, quality=clip.quality, guided=guided)
        else:
            planner = Planner(
                memory,
                size,
                self.free_bytes,
                self.host_free_bytes,
                on_cpu=not self.on_gpu,
                quality=clip.quality,
                guided=guided,
            )
        run = planner.choose()

        latents = LatentSize.of_clip(memory.vae, width=clip.width, height=clip.height, num_frames=clip.num_frames)
        passes = clip.steps * (2 if guided else 1)
        flops = clip_flops(memory.transformer, memory.vae, latents, rank=rank, passes=passes)
        seconds = (flops.sampling * _SAMPLING_OVER_FLOOR + flops.decoding * _DECODING_OVER_FLOOR) / self._rate
        return {
            "plan": run.plan.name,
            "plan_summary": run.plan.summary,
            "predicted_peak_bytes": run.predicted_peak_bytes,
            "predicted_host_bytes": run.predicted_host_bytes,
            "about_seconds": seconds,
            "floor_seconds": flops.floor_seconds(self._rate),
        }


def _on_top(host_bytes: int) -> str:
    return f" on the graphics card, and {gigabytes(host_bytes)} of main memory" if host_bytes else ""


def duration(seconds: float) -> str:
    """Return a rough time for people."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} minutes"
    if seconds < 48 * 3600:
        return f"{round(seconds / 3600)} hours"
    return f"{round(seconds / 86400)} days"


def _not_ready(model: ModelDescription, state: ModelState) -> Finding:
    about = f"Model {model.name}"
    facts = {"state": state.state.value, "bytes_total": state.bytes_total, "bytes_present": state.bytes_present}
    if state.state is ModelStatus.UNUSABLE:
        # The state's own sentence says what to do. A model that nobody has begun to fetch is no cause for alarm.
        level = Level.PROBLEM if state.bytes_present or not state.bytes_total else Level.NOTE
        return Finding(about, level, str(state.problem), facts=facts)
    is_here = state.bytes_total is not None and state.bytes_present >= state.bytes_total
    if is_here:
        accept = f"`python -m server models accept {model.name}`"
        return note(about, "Here, but its licences are not accepted.", f"Read and accept them: {accept}.", **facts)
    size = gigabytes(state.bytes_total) if state.bytes_total else "its size is not known yet"
    begun = f", of which {gigabytes(state.bytes_present)} are here" if state.bytes_present else ""
    unread = " Its licences are not accepted yet." if state.state is ModelStatus.LICENCE_NOT_ACCEPTED else ""
    download = f"`python -m server models download {model.name}`"
    return note(about, f"Not downloaded ({size}{begun}).{unread}", f"If you want it: {download}.", **facts)


def _rank(rgba_lora: Path) -> int:
    """The rank of an RGBA LoRA, from the header of its file."""
    return next(shape[0] for name, shape in read_header(rgba_lora).shapes.items() if ".lora_A." in name)
