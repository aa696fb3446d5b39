"""Names of clips and of their files."""

from __future__ import annotations

import os
import re
import unicodedata

FRAME_PATTERN = "%04d.png"
SIDECAR_SUFFIX = ".transpixar"
_LONGEST_SLUG = 40
# Windows takes these for devices, whatever suffix follows.
_FORBIDDEN_ON_WINDOWS = re.compile(r'[<>:"/\\|?*\x00-\x1f]|[. ]$')
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def slug(prompt: str) -> str:
    """A prompt as a file name: lower-case ASCII letters, digits, hyphens, at most 40, or `clip`."""
    ascii_only = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
    words = re.findall("[a-z0-9]+", ascii_only)
    short = "-".join(words)
    if len(short) > _LONGEST_SLUG:
        # Whole words when there is a hyphen to cut at.
        short = short[: _LONGEST_SLUG + 1].rpartition("-")[0] or short[:_LONGEST_SLUG]
    return f"{short}-clip" if short in _DEVICES else short or "clip"


def can_be_named(name: str, *, on_windows: bool = os.name == "nt") -> bool:
    """Whether a file or folder can have a name; Windows takes some for devices, and others it changes silently."""
    is_device = name.partition(".")[0].rstrip(" ").lower() in _DEVICES
    return not on_windows or not (is_device or _FORBIDDEN_ON_WINDOWS.search(name))


def clip_name(prompt: str, seed: int, job_id: str) -> str:
    """The name of a clip's folder: `<slug>_<seed>_<id8>`."""
    return f"{slug(prompt)}_{seed}_{job_id[:8]}"


def sidecar_name(prompt: str) -> str:
    """The name of a clip's sidecar: `<slug>.transpixar`."""
    return slug(prompt) + SIDECAR_SUFFIX


def frame_name(number: int) -> str:
    """The file name of frame `number` (1-based)."""
    return FRAME_PATTERN % number


def partial_name(job_id: str) -> str:
    """The name of a clip's folder while it is written, beside its final place: renaming is then one step."""
    return f".partial-{job_id}"
