"""Finished clips and the raw ones they were made from, side by side in one folder."""

import hashlib
from pathlib import Path

from .clip import Clip
from .errors import InvalidClipError


def raw_clip_of(clip: Clip) -> Clip:
    """The clip that a finished one was made from; a raw clip is its own. Raises InvalidClipError when it is gone."""
    source = clip.sidecar.source
    if source is None:
        return clip
    beside = clip.folder.parent
    # A clip that came when its name was taken has a number behind it.
    for folder in (beside / source.name, *sorted(beside.glob(f"{source.name}-*"))):
        if _sha256_of(folder / source.sidecar) == source.sha256:
            return Clip.open(folder)
    raise InvalidClipError(
        f"The raw clip {source.name} is not in {beside} any more, or was changed. "
        "Put its folder back there, or generate the clip again."
    )


def is_same_clip(one: Clip, other: Clip) -> bool:
    """Whether two clips are the same one of the same job, finished or not."""
    return _identity(one) == _identity(other)


def _identity(clip: Clip) -> tuple[str, int | None]:
    return clip.sidecar.job, clip.sidecar.seed


def _sha256_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
