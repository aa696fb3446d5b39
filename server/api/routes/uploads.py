"""Routes for uploads: the images and videos that clips are made from."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.requests import ClientDisconnect

from server.api.bodies import declared_length, too_large
from server.api.dependencies import ServicesDependency
from server.api.errors import ApiError
from server.api.schemas import UploadBody
from server.api.services import Services
from server.jobs.removal import remove_upload
from server.jobs.uploads import UploadInfo
from server.media.inspection import UploadNotUsable
from server.media.uploads import Incoming

PATH = "/v1/uploads"
router = APIRouter(prefix=PATH, tags=["uploads"])

_MB = 10**6
# Handing a piece to the disk's thread costs more than writing a small one.
_PIECE = 1 << 20
# Decoding takes all of a core and up to some 300 MB.
_MOST_INSPECTIONS = 2
_inspections = asyncio.Semaphore(_MOST_INSPECTIONS)
_BODY = {"requestBody": {"required": True, "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}}


@router.post("", status_code=201, openapi_extra=_BODY, responses={200: {"model": UploadBody}})
async def create_upload(request: Request, response: Response, services: ServicesDependency) -> UploadBody:
    """Take an image or a video. What was there before is answered with 200."""
    length = declared_length(request.headers)
    limit = round(services.settings.max_upload_mb * _MB)
    _check_room(services, length or 0, limit)
    try:
        with services.uploads.receive() as incoming:
            await _receive(request, incoming, limit)
            async with _inspections:
                upload, new = await asyncio.to_thread(incoming.keep)
    except UploadNotUsable as error:
        raise ApiError(422, "upload_not_usable", str(error)) from None
    except ClientDisconnect:
        raise ApiError(422, "upload_not_usable", "The upload was broken off; send it again.") from None
    response.status_code = 201 if new else 200
    return UploadBody.of(upload)


async def existing_upload(upload_id: str, services: ServicesDependency) -> UploadInfo:
    """The upload in the path. Raises ApiError (404) when there is none."""
    upload = services.uploads.get(upload_id)
    if upload is None:
        raise ApiError(404, "not_found", "There is no such upload on this server; send the file again.")
    return upload


ExistingUpload = Annotated[UploadInfo, Depends(existing_upload)]


@router.get("/{upload_id}")
async def get_upload(upload: ExistingUpload) -> UploadBody:
    """What was found in an uploaded file."""
    return UploadBody.of(upload)


@router.delete("/{upload_id}", status_code=204)
async def delete_upload(upload: ExistingUpload, services: ServicesDependency) -> None:
    """Remove an upload that no unfinished job needs."""
    remove_upload(services.feed, services.uploads, upload.id)


def _check_room(services: Services, length: int, limit: int) -> None:
    if length > limit:
        raise _above(limit)
    if services.admission.free_bytes() - length < services.admission.limits.disk_floor:
        message = "The server's disk has no room for this file; make room on it or remove old videos."
        raise ApiError(503, "disk_low", message, headers={"Retry-After": "60", "Connection": "close"})


async def _receive(request: Request, incoming: Incoming, limit: int) -> None:
    """Write the body to disk as it comes. Raises ApiError (413) as soon as it is above the limit."""
    piece = bytearray()
    async for data in request.stream():
        piece += data
        if incoming.size + len(piece) > limit:
            raise _above(limit)
        if len(piece) >= _PIECE:
            await asyncio.to_thread(incoming.write, bytes(piece))
            piece.clear()
    await asyncio.to_thread(incoming.write, bytes(piece))


def _above(limit: int) -> ApiError:
    return too_large(f"{limit / _MB:.0f} MB")
