"""Checks of what is around the server: the data folder, the disk, ffmpeg and the port."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from server import __version__
from server.media.errors import MediaError
from server.media.ffmpeg import executable, output_of

from .finding import Finding, gigabytes, note, ok, problem

_STATUS_SECONDS = 3


def check_data_folder(folder: Path) -> Finding:
    """Say whether clips can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"doctor")
    except OSError as error:
        return problem(
            "Data folder",
            f"{folder} cannot be written ({error.strerror}).",
            "Change its permissions, or choose another folder with --data-dir.",
            prevents_clips=True,
            folder=str(folder),
        )
    return ok("Data folder", f"{folder} can be written.", folder=str(folder))


def check_disk(folder: Path, floor_bytes: int, missing_bytes: dict[str, int], free: int | None = None) -> Finding:
    """Say whether the disk has room for clips, and for the models that are still to come.

    Args:
        folder: the data folder.
        floor_bytes: what must be free for the server to take jobs in.
        missing_bytes: what each model that is not downloaded still needs.
        free: in place of what the disk says.
    """
    if free is None:
        free = shutil.disk_usage(_existing(folder)).free
    facts = {"free_bytes": free, "missing_bytes": missing_bytes}
    if free < floor_bytes:
        return problem(
            "Disk",
            f"{gigabytes(free)} are free, less than the {gigabytes(floor_bytes)} that the server leaves free.",
            "Delete something, or choose a data folder on another disk with --data-dir.",
            prevents_clips=True,
            **facts,
        )
    too_large = {name: size for name, size in missing_bytes.items() if size + floor_bytes > free}
    if too_large:
        wanted = ", ".join(f"{name} {gigabytes(size)}" for name, size in too_large.items())
        return note(
            "Disk",
            f"{gigabytes(free)} are free, which is too little for the download of: {wanted}.",
            "Make room before you download, or choose a data folder on another disk with --data-dir.",
            **facts,
        )
    return ok("Disk", f"{gigabytes(free)} are free.", **facts)


def check_ffmpeg() -> Finding:
    """Say whether ffmpeg is there and runs."""
    try:
        said, complaint, status = output_of(["-hide_banner", "-version"])
    except MediaError as error:
        what, _, to_do = str(error).partition("; ")
        return problem("ffmpeg", f"{what}. PNG clips do without.", to_do[:1].upper() + to_do[1:])
    if status != 0:
        return problem(
            "ffmpeg",
            f"{executable()} does not run ({complaint.strip() or f'status {status}'}). PNG clips do without.",
            "Install the Python package imageio-ffmpeg again.",
        )
    version = said.decode("utf-8", "replace").partition("\n")[0].split(" Copyright")[0]
    return ok("ffmpeg", f"{version}.", version=version, path=executable())


def check_port(host: str, port: int) -> Finding:
    """Say whether the server's port is free, or who answers there."""
    address = f"{host}:{port}"
    if port == 0 or _is_free(host, port):
        return ok("Port", f"{port} is free." if port else "Any free one is taken.", port=port)
    running = _ask_server(host, port)
    if running is None:
        return problem(
            "Port",
            f"Another program uses port {port}.",
            f"Close it, or start the server with another port (--port {port + 1}) and set it in Blender.",
            prevents_clips=True,
            port=port,
        )
    version = running.get("version")
    if version is None:
        return ok("Port", f"A TransPixar server that needs its token answers at {address}.", port=port)
    if version != __version__:
        return note(
            "Port",
            f"A TransPixar server answers at {address}, of version {version}; this one is {__version__}.",
            "Stop it, and start this one.",
            port=port,
            version=version,
        )
    return ok("Port", f"A TransPixar server, version {version}, answers at {address}.", port=port, version=version)


def _is_free(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port)):
            return True
    except OSError:
        return False


def _ask_server(host: str, port: int) -> dict[str, Any] | None:
    """What a TransPixar server says about itself, empty without its token; None where another program answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{host}:{port}/v1/status", timeout=_STATUS_SECONDS) as answer:
            said = json.load(answer)
            return said if said.get("name") == "transpixar" else None
    except urllib.error.HTTPError as error:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if error.code == 401 and json.load(error)["error"]["code"].startswith("token_"):
                return {}
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        pass
    return None


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
