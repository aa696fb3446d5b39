"""The files that a clip begins with: a first frame, or footage that gets an alpha."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy


@dataclass(frozen=True, slots=True)
class RequestFiles:
    """Files on this computer to upload before the request; at most one of them is given."""

    first_frame: Path | None = None
    footage: Path | None = None


def inputs_for(context: bpy.types.Context, values: Any) -> RequestFiles:
    """The files for RequestProperties (an operator's, or the scene's settings). Raises InvalidRequestError."""
    return RequestFiles()
