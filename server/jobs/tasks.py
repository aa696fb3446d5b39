"""Turns jobs and wishes into what an engine is told."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from server.jobs.folders import DataFolders
from server.jobs.job import Job
from server.jobs.style_loras import StyleLoras
from server.jobs.uploads import UploadLookup
from server.models import ModelRegistry
from server.workers.messages import Generate, Load


class InputMissing(Exception):
    """Something that a job needs was there when it was accepted and is gone; the message is a sentence."""


class TaskMaker:
    """Knows where everything lies that a job names."""

    def __init__(self, models: ModelRegistry, folders: DataFolders, uploads: UploadLookup, loras: StyleLoras) -> None:
        self._models = models
        self._folders = folders
        self._uploads = uploads
        self._loras = loras

    def generate(self, job: Job) -> Generate:
        """The engine's task for the clips that a job has not yet. Raises InputMissing."""
        request = job.request
        return Generate(
            job=job.id,
            request=request,
            model_folder=self._model_folder(request.model),
            data_folder=self._folders.root,
            clips_folder=self._folders.clips,
            preview_file=self._folders.preview(job.id),
            first_clip=len(job.clips) + 1,
            first_frame=self._upload(request.first_frame, "first frame"),
            footage=self._upload(request.footage, "footage"),
            style_loras=tuple(self._lora(lora.name) for lora in request.style_loras),
        )

    def load(self, model: str) -> Load:
        """The engine's task to bring a model into memory. Raises InputMissing when there is no such model."""
        return Load(job=uuid4().hex, model_folder=self._model_folder(model), data_folder=self._folders.root)

    def _model_folder(self, name: str) -> Path:
        # A job may have waited while the server was started again with other models.
        if self._models.get(name) is None:
            raise InputMissing(f"There is no model '{name}' on this server any more; choose another one.")
        return self._models.folder(name)

    def _upload(self, upload_id: str | None, label: str) -> Path | None:
        if upload_id is None:
            return None
        upload = self._uploads.get(upload_id)
        if upload is None:
            raise InputMissing(f"The file of the {label} is not on the server any more; upload it again.")
        return upload.path

    def _lora(self, name: str) -> Path:
        path = self._loras.path(name)
        if path is None:
            raise InputMissing(f"There is no style LoRA '{name}' on this server any more; leave it out.")
        return path
