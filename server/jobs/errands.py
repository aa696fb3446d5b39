"""What a lane can be given to do."""

from __future__ import annotations

from dataclasses import dataclass

from server.jobs.job import Job


@dataclass(frozen=True)
class LoadModel:
    """The wish to have a model in memory."""

    model: str


@dataclass(frozen=True)
class UnloadModel:
    """The wish to have a model, or whichever it is, out of memory."""

    model: str | None = None


@dataclass(frozen=True)
class GetReady:
    """The wish to have a worker that can be given a job."""


Errand = Job | LoadModel | UnloadModel | GetReady
