"""Contact sheets: clips as rows of frames, to be looked at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from server.files import new_file


def checkerboard(height: int, width: int, cell: int = 8) -> NDArray[np.float32]:
    """The dark board that transparency is shown over: (H, W, 3)."""
    rows, columns = np.indices((height, width)) // cell
    return np.where(((rows + columns) % 2)[..., None], 0.27, 0.2).astype(np.float32) * np.ones(3, np.float32)


def over(rgba: NDArray[np.float32], background: NDArray[np.float32] | float) -> NDArray[np.float32]:
    """Straight RGBA (..., 4) over a background, in display-encoded values, as a viewer shows it."""
    alpha = rgba[..., 3:]
    return rgba[..., :3] * alpha + background * (1 - alpha)


def write(
    path: Path, clips: Sequence[NDArray[np.float32]], labels: Sequence[str], *, scale: int = 1, columns: int = 2
) -> None:
    """Write a PNG: of each straight RGBA clip (F, H, W, 4) five frames over a checkerboard, then RGB and alpha.

    Raises OSError; nothing is left then.
    """
    rows = []
    for clip in clips:
        frames, height, width, _ = clip.shape
        board = checkerboard(height, width)
        picks = np.linspace(0, frames - 1, 5).round().astype(int)
        tiles = [over(clip[i], board) for i in picks]
        middle = clip[frames // 2]
        tiles += [over(middle, 0.0), np.repeat(middle[..., 3:], 3, axis=-1)]
        row = np.concatenate(tiles, axis=1)
        rows.append(Image.fromarray((np.clip(row, 0, 1) * 255).round().astype(np.uint8)))
    w, h = rows[0].width * scale, rows[0].height * scale
    lines = -(-len(rows) // columns)
    sheet = Image.new("RGB", (w * columns + 8 * (columns - 1), (h + 14) * lines))
    pen = ImageDraw.Draw(sheet)
    for i, (row_image, label) in enumerate(zip(rows, labels, strict=True)):
        left, top = (i % columns) * (w + 8), (i // columns) * (h + 14)
        pen.text((left + 2, top + 1), label, fill=(255, 255, 120))
        sheet.paste(row_image.resize((w, h), Image.Resampling.NEAREST), (left, top + 14))
    with new_file(path) as partial:
        sheet.save(partial, "PNG")
