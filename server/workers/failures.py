"""What an artist is told when a clip cannot be made. The traceback goes to the log only."""

from __future__ import annotations

import errno

import torch

from server.jobs.job import JobError
from server.models import ModelFolderError
from server.workers.generator import ModelNotLoaded

# How PyTorch's CPU allocators say it; they raise a plain RuntimeError.
_NO_MEMORY_WORDS = ("can't allocate memory", "not enough memory", "out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory has run out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY_WORDS)


def describe_failure(error: Exception) -> JobError:
    """The typed error of a job for what has gone wrong with it."""
    if is_out_of_memory(error):
        message = "The memory is not enough for this clip; use a smaller size or fewer frames, or close other programs."
        return JobError(code="out_of_memory", message=message)
    if isinstance(error, ModelNotLoaded):
        reason = _first_line(error.__cause__)
        return JobError(code="model_failed", message=f"{error} ({reason}). Install the model again.")
    if isinstance(error, ModelFolderError):
        return JobError(code="model_failed", message=str(error))
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return JobError(code="disk_full", message="The disk is full; make room and generate the clip again.")
    if isinstance(error, OSError):
        message = f"The clip cannot be written ({_first_line(error)}); check the server's data folder."
        return JobError(code="write_failed", message=message)
    message = f"The model failed ({_first_line(error)}); try another seed or fewer frames, and see the server's log."
    return JobError(code="model_failed", message=message)


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0][:200] if lines else type(error).__name__).rstrip(".")
