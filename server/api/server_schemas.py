"""What the API answers about the server itself: models, workers, status, health."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from server.jobs.job import JobError
from server.models import ModelDescription, RequestDefaults, RequestLimits, Task
from server.models.files import ModelState, ModelStatus
from server.workers.engine import Engine, EngineState
from server.workers.messages import Memory


class LicenceBody(BaseModel):
    """A licence that a person must accept before a part of a model is used."""

    id: str
    part: Literal["base", "rgba_lora"]
    name: str
    url: str
    notice: str


class DownloadBody(BaseModel):
    """How much of a model's files on the hub is on disk."""

    bytes_total: int
    bytes_present: int


class ModelBody(BaseModel):
    """A model: whether it can be used, what requests get by default and what they may ask.

    `effects` names the kinds of clips that a small model knows; it is empty for a model that takes any prompt.
    """

    name: str
    title: str
    description: str
    licence: str
    tasks: tuple[Task, ...]
    effects: tuple[str, ...]
    state: ModelStatus
    problem: str | None
    loaded: bool
    licences: list[LicenceBody]
    download: DownloadBody | None
    defaults: RequestDefaults
    limits: RequestLimits

    @classmethod
    def of(cls, model: ModelDescription, state: ModelState, *, loaded: bool, load_error: JobError | None) -> Self:
        """The model as the API shows it. `load_error` is why it could not be loaded when that was last asked for."""
        download = None
        if state.bytes_total is not None:
            download = DownloadBody(bytes_total=state.bytes_total, bytes_present=state.bytes_present)
        return cls(
            name=model.name,
            title=model.title,
            description=model.description,
            licence=model.licence,
            tasks=model.tasks,
            effects=model.effects,
            state=state.state,
            problem=state.problem or (load_error.message if load_error else None),
            loaded=loaded,
            licences=[LicenceBody(**licence.model_dump()) for licence in model.licences],
            download=download,
            defaults=model.defaults,
            limits=model.limits,
        )


class ModelList(BaseModel):
    """The models on offer."""

    models: list[ModelBody]


class AcceptedLicences(BaseModel):
    """The ids of the licences that a person accepts: all that the model lists."""

    model_config = ConfigDict(extra="forbid", strict=True)

    licences: list[str]


class StyleLoraBody(BaseModel):
    """A style LoRA on offer."""

    name: str


class StyleLoraList(BaseModel):
    """The style LoRAs on offer."""

    style_loras: list[StyleLoraBody]


class QueueBody(BaseModel):
    """How many jobs wait, how many are at work, and how many may wait."""

    queued: int
    running: int
    limit: int


class WorkerBody(BaseModel):
    """What a worker process does, and on which device."""

    index: int
    state: EngineState
    pid: int | None
    device: str
    device_name: str | None
    loaded_model: str | None
    restarts: int
    memory: Memory | None

    @classmethod
    def of(cls, index: int, engine: Engine) -> Self:
        """The worker as the API shows it."""
        return cls(index=index, **{name: getattr(engine, name) for name in cls.model_fields if name != "index"})


class DiskBody(BaseModel):
    """The disk of the clips."""

    free_bytes: int


class StatusBody(BaseModel):
    """What this server is and does; `state` is `ready` or the code of what keeps it from work, `reason` says it."""

    name: str
    version: str
    api: int
    state: str
    reason: str | None
    models: list[str]
    queue: QueueBody
    workers: list[WorkerBody]
    disk: DiskBody
    versions: dict[str, str]


class HealthBody(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ReadyBody(BaseModel):
    """The server can take work."""

    status: Literal["ready"] = "ready"
