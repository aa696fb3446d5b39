"""Writes a procedural effect as a clip folder (docs/api.md), whose sidecar says that no model made it."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np

from server import __version__
from server.jobs.job import Clip
from server.jobs.request import VideoRequest
from server.media.clip import write_clip
from server.media.sidecar import SidecarModel
from server.media.straight import to_bytes
from server.media.stream import ClipStream

PROCEDURAL = SidecarModel(
    name="procedural",
    title="procedural effect (drawn by a program, no model)",
    licence="none: no model made this clip, use it as you like",
)


def write_clip_folder(stream: ClipStream, folder: Path, *, prompt: str, seed: int) -> Path:
    """Write a procedural clip into a new folder in `folder`, and return it. Raises OSError, ValueError.

    The request in the sidecar names the model `procedural`, which no server has: it says what was drawn and cannot be
    mistaken for something that was sampled (it has no steps).
    """
    info = stream.info
    if info.fps.denominator != 1:
        raise ValueError("A clip folder has a whole number of frames a second.")
    frames = np.empty((info.frame_count, info.height, info.width, 4), np.uint8)
    for i, frame in enumerate(stream.frames()):
        frames[i] = to_bytes(frame)
    request = VideoRequest(
        prompt=prompt,
        negative_prompt="",
        seed=seed,
        width=info.width,
        height=info.height,
        num_frames=info.frame_count,
        steps=0,
        guidance=0.0,
        cfg_schedule="constant",
        text_to_alpha="strict",
        model=PROCEDURAL.name,
    )
    clip: Clip = write_clip(
        folder,
        uuid4().hex,
        request,
        frames,
        fps=int(info.fps),
        model=PROCEDURAL,
        versions={"transpixar": __version__},
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        notes=("Drawn procedurally, without a model.", *info.notes),
    )
    return Path(clip.folder)
