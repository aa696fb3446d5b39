"""What is written into a file about its clip: short texts under the same names in every format."""

from __future__ import annotations

from server.media.stream import AlphaMode, ClipInfo

# The name under which this program signs a file, where the format has a place for it.
SOFTWARE = "TransPixar"


def tags_of(info: ClipInfo, alpha_mode: AlphaMode) -> dict[str, str]:
    """Names and values: the clip's metadata (`prompt`, `seed`), `frame_rate` as a fraction, and `alpha_mode`."""
    about = {key: value.replace("\0", "") for key, value in info.metadata.items()}
    return {**about, "frame_rate": str(info.fps), "alpha_mode": alpha_mode}
