"""Makes clips: brings the model into memory and hands jobs to it. Runs in the worker process."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import diffusers
import torch
import transformers

from server.models import ModelDescription
from server.models.files import FileIdentity, identity_of_model
from server.models.places import ModelPlaces
from server.workers.clip_job import ClipJob
from server.workers.loaded_model import LoadedModel, find_files
from server.workers.messages import Downloading, Generate, JobReport, Load, Phase
from server.workers.stopwatch import Stopwatch

ReportTo = Callable[[JobReport], None]
ShouldStop = Callable[[], bool]


class ClipGenerator:
    """Makes clips on one device with the model that was used last, which stays in memory."""

    def __init__(self, device: str) -> None:
        diffusers.utils.logging.disable_progress_bar()
        transformers.utils.logging.disable_progress_bar()
        self._device = device
        self._model: LoadedModel | None = None
        self._identity: frozenset[FileIdentity] = frozenset()

    @property
    def loaded_model(self) -> str | None:
        """The name of the model in memory. May be asked from any thread."""
        model = self._model
        return None if model is None else model.description.name

    def generate(self, task: Generate, report: ReportTo, should_stop: ShouldStop) -> None:
        """Make the clips of `task` from its first one on, and tell `report` about them on the way.

        `should_stop` is asked within every transformer block, decoded piece and downloaded chunk. Raises
        GenerationCancelled or DownloadCancelled when it says so, and otherwise what `failures` explains.
        """
        stopwatch = Stopwatch()
        report(Phase(job=task.job, phase="loading"))
        with stopwatch.phase("loading"):
            model = self._bring(task.job, task.model_folder, task.data_folder, report, should_stop)
        ClipJob(task, model, stopwatch, report, should_stop).make()

    def load(self, task: Load, report: ReportTo, should_stop: ShouldStop) -> None:
        """Bring a model into memory, likewise."""
        report(Phase(job=task.job, phase="loading"))
        self._bring(task.job, task.model_folder, task.data_folder, report, should_stop)

    def unload(self) -> None:
        """Drop the model."""
        self._model = None
        gc.collect()
        if self._device != "cpu":
            torch.cuda.empty_cache()

    def _bring(
        self, job: str, folder: Path, data_folder: Path, report: ReportTo, should_stop: ShouldStop
    ) -> LoadedModel:
        """The model of a folder, loaded now unless it is the one in memory and its files are those of then."""

        def progress(done: int, total: int) -> None:
            report(Downloading(job=job, bytes_done=done, bytes_total=total))

        description = ModelDescription.read(folder)
        files = find_files(description, folder, ModelPlaces(data_folder), progress, should_stop)
        # Before they are read: what changes meanwhile is loaded anew for the next clip.
        identity = identity_of_model(folder, files)
        if self._model is not None and self._identity == identity:
            return self._model
        self.unload()
        self._model = LoadedModel(folder, description, files, self._device)
        self._identity = identity
        return self._model
