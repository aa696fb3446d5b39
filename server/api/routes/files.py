"""Routes for the files that come of a video."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse

from server.api import artifacts
from server.api.dependencies import ExistingClip, ExistingJob, ServicesDependency

router = APIRouter(prefix="/v1/videos/{job_id}", tags=["files"])

_Responses = dict[int | str, dict[str, Any]]
_PNG: _Responses = {200: {"content": {"image/png": {}}}}
_JSON: _Responses = {200: {"content": {"application/json": {}}}}


@router.get("/preview", response_class=FileResponse, responses=_PNG)
async def get_preview(job: ExistingJob, services: ServicesDependency) -> FileResponse:
    """The latest preview of a job, a small straight-alpha PNG."""
    return artifacts.preview_file(services.folders, job)


@router.get("/frames/{number}", response_class=FileResponse, responses=_PNG)
async def get_frame(clip: ExistingClip, number: str, services: ServicesDependency) -> FileResponse:
    """Frame `number` (from 1) of a clip, a straight-alpha sRGB PNG."""
    return artifacts.frame_file(services.folders, clip, number)


@router.get("/sidecar", response_class=FileResponse, responses=_JSON)
async def get_sidecar(clip: ExistingClip, services: ServicesDependency) -> FileResponse:
    """The sidecar of a clip, JSON."""
    return artifacts.sidecar_file(services.folders, clip)
