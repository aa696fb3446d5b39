"""Writes a clip's folder. One that exists under its name is complete."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from server.files import new_folder
from server.jobs.job import Clip
from server.jobs.request import VideoRequest
from server.media.naming import clip_name, frame_name, partial_name, sidecar_name
from server.media.png import encode_png
from server.media.sidecar import Sidecar


def write_clip(
    clips_folder: Path,
    job_id: str,
    request: VideoRequest,
    frames: npt.NDArray[np.uint8],
    *,
    fps: int,
    index: int = 1,
    **origin: Any,
) -> Clip:
    """Write straight-alpha frames (F, H, W, 4) and their sidecar into a new folder in `clips_folder`.

    `request` makes this clip alone; it is clip `index` of its job. `origin` holds the rest of the sidecar: `model`,
    `execution`, `versions` and `created_at`. Raises OSError when it cannot be
    written; nothing is left of the folder then.
    """
    frame_count, height, width, _ = frames.shape
    name = clip_name(request.prompt, request.seed, job_id)
    sidecar_file = sidecar_name(request.prompt)
    with new_folder(clips_folder / name, clips_folder / partial_name(job_id)) as folder:
        sha256: dict[str, str] = {}
        for number, frame in enumerate(frames, start=1):
            data = encode_png(frame)
            sha256[frame_name(number)] = hashlib.sha256(data).hexdigest()
            (folder / frame_name(number)).write_bytes(data)
        sidecar = Sidecar(
            job=job_id,
            request=request,
            fps=fps,
            frame_count=frame_count,
            width=width,
            height=height,
            sha256=sha256,
            **origin,
        )
        (folder / sidecar_file).write_bytes(sidecar.to_json())
    return Clip(
        index=index,
        name=name,
        sidecar=sidecar_file,
        seed=request.seed,
        frame_count=frame_count,
        fps=fps,
        width=width,
        height=height,
        folder=str(clips_folder / name),
    )
