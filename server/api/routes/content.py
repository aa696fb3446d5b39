"""Routes for clips in other formats, finished or as they are."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import FileResponse

from server.api.artifacts import clip_of
from server.api.bodies import require_json
from server.api.content_schemas import FORMAT_NAMES, ContentRequest, ExportBody, FormatBody, FormatList
from server.api.dependencies import ExistingClip, ExistingJob, ServicesDependency
from server.api.errors import ApiError
from server.api.services import Services
from server.exports.exports import ExportFailed, ExportKeyTaken, ExportsBusy, ExportsStopping
from server.exports.messages import ExportOrder
from server.jobs.job import Clip, Job
from server.media.hand_off_formats import HAND_OFFS
from server.media.steps.recipe import Recipe

router = APIRouter(prefix="/v1", tags=["content"])

_BUSY_SECONDS = 5
# It goes into a path.
_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
_MEDIA_TYPES = {
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".zip": "application/zip",
}
_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {kind: {} for kind in _MEDIA_TYPES.values()}}}


async def export_folder(job: ExistingJob, services: ServicesDependency) -> AsyncIterator[Path]:
    """A folder for one export to make, which is removed when the answer was sent or was not."""
    folder = services.folders.export(job.id, uuid4().hex)
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        if services.store.get(job.id) is None:
            # The job was removed meanwhile, and the export may have made its folder again.
            services.folders.remove_job(job.id)


async def usable_key(export_key: Annotated[str | None, Header()] = None) -> str | None:
    """The key by which the caller will ask for progress. Raises ApiError (400)."""
    if export_key is not None and not _KEY.fullmatch(export_key):
        message = "The Export-Key must be 1 to 128 letters, digits, hyphens and underscores; a UUID is a good one."
        raise ApiError(400, "bad_export_key", message)
    return export_key


ExportFolder = Annotated[Path, Depends(export_folder)]
ExportKey = Annotated[str | None, Depends(usable_key)]


@router.get("/videos/{job_id}/content", response_class=FileResponse, responses=_FILE)
async def get_content(
    job: ExistingJob,
    clip: ExistingClip,
    format: Annotated[str, Query(json_schema_extra={"enum": FORMAT_NAMES})],
    key: ExportKey,
    folder: ExportFolder,
    request: Request,
    services: ServicesDependency,
) -> FileResponse:
    """A clip in a format; of one of several files a zip."""
    return await _exported(request, services, job, clip, format, Recipe(), folder, key)


@router.post(
    "/videos/{job_id}/content", response_class=FileResponse, responses=_FILE, dependencies=[Depends(require_json)]
)
async def finish_content(
    job: ExistingJob,
    content: ContentRequest,
    key: ExportKey,
    folder: ExportFolder,
    request: Request,
    services: ServicesDependency,
) -> FileResponse:
    """A clip in a format, after the steps of a recipe."""
    clip = clip_of(job, content.clip or 1)
    recipe = content.finishing or Recipe()
    return await _exported(request, services, job, clip, content.format, recipe, folder, key)


@router.get("/exports/{key}")
async def get_export(key: str, services: ServicesDependency) -> ExportBody:
    """How far the export is that was asked for with this `Export-Key`, while the server is at work on it."""
    try:
        progress = services.exports.progress_of(key)
    except KeyError:
        raise ApiError(404, "not_found", "No export with this key is at work.") from None
    if progress is None:
        return ExportBody(key=key, frames_done=0, frames_total=None)
    return ExportBody(key=key, frames_done=progress.frames_done, frames_total=progress.frames_total)


@router.get("/formats")
async def list_formats() -> FormatList:
    """The formats on offer, and what a recipe may hold."""
    formats = [FormatBody(**asdict(format)) for format in HAND_OFFS.values()]
    return FormatList(formats=formats, finishing=Recipe.model_json_schema())


async def _exported(
    request: Request,
    services: Services,
    job: Job,
    clip: Clip,
    format: str,
    recipe: Recipe,
    folder: Path,
    key: str | None,
) -> FileResponse:
    """The answer with the exported clip. Raises ApiError."""
    if format not in HAND_OFFS:
        message = f"There is no format '{format[:40]}'; use one of {', '.join(HAND_OFFS)}."
        raise ApiError(422, "unknown_format", message, "format")
    if not services.files.has(clip):
        raise ApiError(404, "not_found", "Files of this clip are not on the server's disk any more; generate it again.")
    _check_disk(services)
    order = ExportOrder(
        clip_folder=services.folders.clips / clip.name,
        format=format,
        recipe=recipe,
        folder=folder,
        max_pixels=services.admission.limits.max_pixels,
    )
    try:
        file = await _while_wanted(request, services, job, order, key)
        found = await asyncio.to_thread(file.stat)
    except ExportsBusy:
        message = "The server is at work on other exports; try again in a moment."
        raise ApiError(429, "busy", message, headers={"Retry-After": str(_BUSY_SECONDS)}) from None
    except ExportKeyTaken:
        message = "Another export with this Export-Key is at work; use a new key for every export."
        raise ApiError(409, "in_use", message) from None
    except ExportsStopping:
        message = "The server is stopping; try again when it runs again."
        raise ApiError(503, "stopping", message, headers={"Retry-After": "5"}) from None
    except (ExportFailed, FileNotFoundError) as error:
        _check_disk(services)
        raise _failure(error) from None
    return FileResponse(file, media_type=_MEDIA_TYPES[file.suffix], filename=file.name, stat_result=found)


def _failure(error: ExportFailed | FileNotFoundError) -> ApiError:
    if isinstance(error, ExportFailed):
        problem = error.problem
        return ApiError(422, problem.code, problem.message, "finishing" if problem.code == "clip_too_large" else None)
    return ApiError(422, "not_convertible", "The exported file has gone from the server's disk; export it again.")


async def _while_wanted(request: Request, services: Services, job: Job, order: ExportOrder, key: str | None) -> Path:
    """Export, unless the caller goes or the video is removed. Raises ApiError, and as `Exports.run`."""
    export = asyncio.create_task(services.exports.run(order, key), name="export")
    gone = asyncio.create_task(_disconnected(request), name="export caller")
    removed = asyncio.create_task(services.feed.removal(job.id), name="export removal")
    tasks = (export, gone, removed)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            # Nobody reads this answer; the metrics tell it from success.
            raise ApiError(499, "caller_gone", "The caller has gone while the clip was exported.")
        # What was written while files vanished may lack some of them, whatever the export says.
        if services.store.get(job.id) is None:
            raise ApiError(404, "not_found", "This video was removed while it was exported.")
        return await export
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    """Return when the caller has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _check_disk(services: Services) -> None:
    if services.admission.disk_is_low:
        message = "The server's disk is nearly full; make room on it or remove old videos."
        raise ApiError(503, "disk_low", message, headers={"Retry-After": "60"})
