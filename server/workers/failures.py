"""What an artist is told when a clip cannot be made. The traceback goes to the log only."""

from __future__ import annotations

from server.files import is_full
from server.jobs.job import JobError
from server.jobs.room import DISK_FULL
from server.media.inputs import InputUnusable
from server.models import ModelFolderError
from server.models.hub_errors import DownloadError
from server.models.licences import LicenceError
from server.models.transfer import DownloadCancelled
from server.transpixar import GenerationCancelled, RGBAWeightsError
from server.transpixar.placement import PlanNotPossible, is_out_of_memory
from server.transpixar.planner import DoesNotFit
from server.transpixar.style import StyleLoraError
from server.workers.clip_job import MemoryRanOut
from server.workers.loaded_model import ModelNotLoaded

# Errors whose message is a sentence for people already.
_CODES: dict[type[Exception], str] = {
    ModelFolderError: "model_unusable",
    RGBAWeightsError: "model_unusable",
    LicenceError: "model_unusable",
    DownloadError: "download_failed",
    InputUnusable: "input_unusable",
    StyleLoraError: "input_unusable",
    DoesNotFit: "does_not_fit",
    MemoryRanOut: "out_of_memory",
    PlanNotPossible: "model_failed",
}


def is_cancel(error: Exception) -> bool:
    """Whether an error only means that the job was cancelled."""
    return isinstance(error, GenerationCancelled | DownloadCancelled)


def describe_failure(error: Exception) -> JobError:
    """The typed error of a job for what has gone wrong with it."""
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return JobError(code=code, message=str(error))
    if is_out_of_memory(error):
        message = "The memory is not enough for this clip; use a smaller size or fewer frames, or close other programs."
        return JobError(code="out_of_memory", message=message)
    if isinstance(error, ModelNotLoaded):
        reason = _first_line(error.__cause__)
        return JobError(code="model_failed", message=f"{error} ({reason}). Install the model again.")
    if is_full(error):
        return DISK_FULL
    if isinstance(error, OSError):
        message = f"The clip cannot be written ({_first_line(error)}); check the server's data folder."
        return JobError(code="write_failed", message=message)
    message = f"The model failed ({_first_line(error)}); try another seed or fewer frames, and see the server's log."
    return JobError(code="model_failed", message=message)


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0][:200] if lines else type(error).__name__).rstrip(".")
