"""The files that come of jobs. Callers name a job and numbers; no part of a path ever comes from them."""

from __future__ import annotations

from pathlib import Path

from fastapi.responses import FileResponse

from server.api.errors import ApiError
from server.jobs.folders import DataFolders
from server.jobs.job import Clip, Job
from server.jobs.states import JobState
from server.media.naming import frame_name


def clip_of(job: Job, index: int) -> Clip:
    """Clip `index` (from 1) of a job. Raises ApiError: 404 when it will never be there, 409 when not yet."""
    if index <= len(job.clips):
        return job.clips[index - 1]
    if index > job.request.num_clips:
        raise ApiError(404, "not_found", f"This video has no clip {index}; ask for 1 to {job.request.num_clips}.")
    if job.finished:
        outcome = "has failed" if job.state is JobState.FAILED else f"was {job.state}"
        raise ApiError(409, "not_ready", f"This video {outcome} and has no clip {index}; generate it again.")
    raise ApiError(409, "not_ready", f"Clip {index} is not finished yet ({job.state}); ask again later.")


def frame_file(folders: DataFolders, clip: Clip, number: str) -> FileResponse:
    """Frame `number` (from 1) of a clip, as the caller has written it. Raises ApiError (404)."""
    if not (number.isascii() and number.isdigit() and len(number) < 10 and 1 <= int(number) <= clip.frame_count):
        raise ApiError(404, "not_found", f"This clip has no frame '{number[:20]}'; ask for 1 to {clip.frame_count}.")
    return _file(folders.clips, Path(clip.name, frame_name(int(number))), "image/png")


def sidecar_file(folders: DataFolders, clip: Clip) -> FileResponse:
    """The sidecar of a clip. Raises ApiError (404)."""
    return _file(folders.clips, Path(clip.name, clip.sidecar), "application/json")


def preview_file(folders: DataFolders, job: Job) -> FileResponse:
    """The latest preview of a job. Raises ApiError (404)."""
    if job.preview is None:
        raise ApiError(404, "not_found", "This video has no preview yet; ask again when its job has one.")
    preview = folders.preview(job.id)
    return _file(folders.jobs, preview.relative_to(folders.jobs), "image/png")


def _file(folder: Path, name: Path, media_type: str) -> FileResponse:
    """The answer with a file in `folder`. Raises ApiError when it is gone, or is a link that leads elsewhere."""
    try:
        inside = folder.resolve(strict=True)
        path = (inside / name).resolve(strict=True)
    except OSError:
        path = None
    if path is None or not path.is_relative_to(inside) or not path.is_file():
        message = f"The file {name.name} is not on the server's disk any more; generate it again."
        raise ApiError(404, "not_found", message)
    return FileResponse(path, media_type=media_type)
