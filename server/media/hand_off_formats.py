"""What a clip can be handed on as, for whoever offers it; `server.media.hand_off` does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from server.media.formats import FORMATS

CLIP_FOLDER = "clip"
ARCHIVE_SUFFIX = ".zip"


@dataclass(frozen=True)
class HandOff:
    """One file with this suffix, or, with none, `many` files in a zip."""

    name: str
    title: str
    suffix: str
    files: Literal["one", "many"]


HAND_OFFS = {
    CLIP_FOLDER: HandOff(CLIP_FOLDER, "clip folder, 8-bit PNG and sidecar", "", "many"),
    **{
        name: HandOff(name, format.title, format.suffix, "one" if format.suffix else "many")
        for name, format in FORMATS.items()
    },
}
