"""A picture of a clip over the backdrops that show what is wrong with an alpha."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction

import numpy as np
from PIL import Image, ImageDraw

from server.media.colour import Frame, linear_from_srgb, quantised, srgb_from_linear
from server.media.stream import ClipStream

_COLUMNS = 6
_TALLEST_TILE = 240
_WIDEST_TILE = 320
_LABEL = 16
_GAP = 4


class ContactSheet:
    """Collects evenly spaced frames of a clip and draws them in rows.

    The rows: the frames over a checkerboard, black, white and a photograph-like gradient (blended in linear light, as
    Blender does), their alpha as grey, and their colour without alpha.
    """

    def __init__(self, stream: ClipStream) -> None:
        info = stream.info
        self._fps: Fraction = info.fps
        picks = np.linspace(0, info.frame_count - 1, min(_COLUMNS, info.frame_count)).round()
        self._picks = {int(pick) for pick in picks}
        factor = min(_TALLEST_TILE / info.height, _WIDEST_TILE / info.width)
        # Small clips are enlarged by whole factors, so that their pixels stay what they are.
        factor = max(int(factor), 1) if factor >= 1 else factor
        self._size = max(round(info.width * factor), 1), max(round(info.height * factor), 1)
        self._tiles: list[tuple[int, Frame]] = []
        self._seen = 0

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        if self._seen in self._picks:
            self._tiles.append((self._seen, _resized(frame, self._size)))
        self._seen += 1

    def draw(self) -> Image.Image:
        """The sheet, an RGB image. A mark left of each row and above each column says what it is."""
        width, height = self._size
        backdrops = {
            "checkerboard": checkerboard(height, width),
            "black": np.zeros((height, width, 3), np.float32),
            "white": np.ones((height, width, 3), np.float32),
            "photograph": photograph(height, width),
        }
        rows = {name: [over(tile, board) for _, tile in self._tiles] for name, board in backdrops.items()}
        rows["alpha"] = [np.repeat(tile[..., 3:], 3, axis=-1) for _, tile in self._tiles]
        rows["colour"] = [tile[..., :3] for _, tile in self._tiles]
        left = 84
        size = left + (width + _GAP) * len(self._tiles), _LABEL + (height + _GAP) * len(rows)
        sheet = Image.new("RGB", size, (40, 40, 40))
        pen = ImageDraw.Draw(sheet)
        for column, (number, _) in enumerate(self._tiles):
            text = f"frame {number + 1}, {float(number / self._fps):.2f} s"
            pen.text((left + column * (width + _GAP) + 2, 2), text, fill=(230, 230, 230))
        for row, (name, tiles) in enumerate(rows.items()):
            top = _LABEL + row * (height + _GAP)
            pen.text((4, top + 2), name, fill=(230, 230, 230))
            for column, tile in enumerate(tiles):
                sheet.paste(Image.fromarray(quantised(tile, 8)), (left + column * (width + _GAP), top))
        return sheet


def contact_sheet(stream: ClipStream) -> Image.Image:
    """The sheet of a clip. Raises MediaError."""
    sheet = ContactSheet(stream)
    with closing(stream.frames()) as frames:
        for frame in frames:
            sheet.add(frame)
    return sheet.draw()


def over(frame: Frame, backdrop: Frame) -> Frame:
    """A frame (H, W, 4) over an opaque backdrop (H, W, 3), blended in linear light, display-encoded as both are."""
    alpha = frame[..., 3:]
    return srgb_from_linear(linear_from_srgb(frame[..., :3]) * alpha + linear_from_srgb(backdrop) * (1 - alpha))


def checkerboard(height: int, width: int, cell: int = 8) -> Frame:
    """Two greys in squares of `cell` pixels: (H, W, 3)."""
    rows, columns = np.indices((height, width)) // cell
    return np.repeat(np.where((rows + columns) % 2, 0.78, 0.6)[..., None], 3, axis=-1).astype(np.float32)


def photograph(height: int, width: int) -> Frame:
    """A sky over a darkening ground with some grain, as a photograph would have them: (H, W, 3)."""
    stops = np.array([[0.25, 0.45, 0.75], [0.75, 0.82, 0.88], [0.45, 0.40, 0.30], [0.15, 0.17, 0.10]])
    position = np.linspace(0, 1, height)
    column = np.stack([np.interp(position, [0, 0.55, 0.6, 1], stops[:, channel]) for channel in range(3)], axis=-1)
    side = 0.9 + 0.2 * np.linspace(0, 1, width)
    grain = np.random.default_rng(0).normal(0, 0.02, (height, width, 1))
    return np.clip(column[:, None] * side[None, :, None] + grain, 0, 1).astype(np.float32)


def _resized(frame: Frame, size: tuple[int, int]) -> Frame:
    """A frame (H, W, 4) at `size` (width, height): means, of colour weighted by alpha, or the same pixels enlarged."""
    height, width, _ = frame.shape
    if size == (width, height):
        return frame.copy()
    resampling = Image.Resampling.NEAREST if size[0] >= width else Image.Resampling.BOX
    # The small weight leaves the plain mean where nothing is visible.
    weight = frame[..., 3:] + np.float32(1e-4)
    channels = np.concatenate([frame[..., :3] * weight, weight, frame[..., 3:]], axis=-1)
    planes = [Image.fromarray(np.ascontiguousarray(channels[..., c])) for c in range(5)]
    means = [np.asarray(plane.resize(size, resampling)) for plane in planes]
    return np.stack([*(colour / means[3] for colour in means[:3]), means[4]], axis=-1)
