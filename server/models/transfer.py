"""Fetches one large file from the Hugging Face hub, continuing where an earlier attempt stopped.

Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import HfFileMetadata, constants, get_hf_file_metadata
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from server.models.cache import INCOMPLETE
from server.models.hub_errors import DownloadError, hub_errors

_BUFFER_BYTES = 1 << 20
# Attempts in a row that bring not one byte.
_ATTEMPTS = 5
_LONGEST_PAUSE_SECONDS = 10.0
_BUSY = (408, 429, 500, 502, 503, 504)


class DownloadCancelled(Exception):
    """The download was told to stop; what has come stays for the next time."""


@dataclass(frozen=True)
class Transfer:
    """A file to fetch: from where, and the path it gets once it is whole."""

    repo: str
    url: str
    target: Path


class _Busy(Exception):
    """The hub asks to come back later."""


def fetch(transfer: Transfer, stop: threading.Event) -> None:
    """Fetch a file; it appears under its own name only when it is whole and its checksum is right.

    Raises DownloadError, and DownloadCancelled when `stop` is set.
    """
    with hub_errors(transfer.repo):
        metadata = get_hf_file_metadata(transfer.url, retry_on_errors=True)
        if metadata.size is None:
            raise DownloadError(f"The hub does not say how long {transfer.url} is; start the download again later.")
        transfer.target.parent.mkdir(parents=True, exist_ok=True)
        partial = transfer.target.with_name(transfer.target.name + INCOMPLETE)
        _complete(partial, transfer.url, metadata.size, stop)
        _check(partial, transfer, metadata, stop)
        partial.replace(transfer.target)


def _complete(partial: Path, url: str, size: int, stop: threading.Event) -> None:
    """Fetch what is missing of a file, over as many connections as it takes."""
    fruitless = 0
    while (have := _size(partial)) < size:
        try:
            _stream(partial, url, have, stop)
            problem: Exception = httpx2.RemoteProtocolError("the file ended too early")
        except (httpx2.TransportError, _Busy) as error:
            problem = error
        fruitless = 0 if _size(partial) > have else fruitless + 1
        if fruitless == _ATTEMPTS:
            raise problem.__cause__ or problem
        if fruitless and stop.wait(min(2.0 ** (fruitless - 2), _LONGEST_PAUSE_SECONDS)):
            raise DownloadCancelled


def _stream(partial: Path, url: str, have: int, stop: threading.Event) -> None:
    """Append what one connection brings, from byte `have` on."""
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as response:
        if response.status_code in _BUSY:
            try:
                hf_raise_for_status(response)
            except httpx2.HTTPError as error:
                raise _Busy from error
        hf_raise_for_status(response)
        # A server that knows no ranges sends everything.
        mode = "ab" if response.status_code == httpx2.codes.PARTIAL_CONTENT else "wb"
        with partial.open(mode, _BUFFER_BYTES) as file:
            # Of no fixed length: such chunks would be lost when the connection breaks.
            for chunk in response.iter_bytes():
                file.write(chunk)
                if stop.is_set():
                    raise DownloadCancelled
            file.flush()
            os.fsync(file.fileno())


def _check(partial: Path, transfer: Transfer, metadata: HfFileMetadata, stop: threading.Event) -> None:
    """Check the length, and the checksum where the hub has one: for every file in LFS, so for all weights."""
    problem = None
    if _size(partial) != metadata.size:
        problem = f"it has {_size(partial)} bytes in place of {metadata.size}"
    elif re.fullmatch(r"[0-9a-f]{64}", metadata.etag or "") and _sha256(partial, stop) != metadata.etag:
        problem = "its checksum is wrong"
    if problem is not None:
        partial.unlink()
        raise DownloadError(
            f"{transfer.target.name} of {transfer.repo} arrived damaged ({problem}) and was removed; start "
            "the download again."
        )


def _sha256(path: Path, stop: threading.Event) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
            if stop.is_set():
                raise DownloadCancelled
    return digest.hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
