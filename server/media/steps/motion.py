"""Frames between two frames, by the motion from one to the other.

Dense optical flow (Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016; OpenCV's) is found once for
all four channels, in both directions, on a picture that shows alpha and brightness in equal parts: alpha alone has no
features inside of an opaque effect, brightness alone none in dark smoke. For the place t in 0..1,

    frame(x) = (1 - t) * first(x - t * there(x)) + t * second(x - (1 - t) * back(x))

in premultiplied linear light, so colour cannot part from alpha. What the flow cannot follow (sparks that appear, what
crosses more than about a tenth of the frame) is cross-faded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from server.media.colour import LUMA, Frame, linear_premultiplied, quantised
from server.media.steps.linear import frame_of, mixed

Flow = npt.NDArray[np.float32]
Places = npt.NDArray[np.float32]

# Below this OpenCV finds no patch to compare.
_SMALLEST = 16


def between(first: Frame, second: Frame) -> Callable[[float], Frame]:
    """What gives the frame at a place from 0 (the first) to 1 (the second). Frames (H, W, 4), which may be any size."""
    height, width, _ = first.shape
    if min(height, width) < _SMALLEST:
        return lambda place: mixed(first, second, place)
    guides = _guide(first), _guide(second)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    there: Flow = flow.calc(guides[0], guides[1], None)  # type: ignore  # (H, W, 2): x and y in pixels
    back: Flow = flow.calc(guides[1], guides[0], None)  # type: ignore
    lights = linear_premultiplied(first), linear_premultiplied(second)

    def at(place: float) -> Frame:
        share = np.float32(place)
        light = _moved(lights[0], share * there) * (1 - share) + _moved(lights[1], (1 - share) * back) * share
        return frame_of(light, first[..., :3] * (1 - share) + second[..., :3] * share)

    return at


def _guide(frame: Frame) -> npt.NDArray[np.uint8]:
    """What the motion is seen in: (H, W), the mean of alpha and of the brightness over black."""
    alpha = frame[..., 3]
    brightness: Frame = (frame[..., :3] @ LUMA) * alpha
    return quantised((alpha + brightness) / np.float32(2), 8).astype(np.uint8, copy=False)


def _moved(light: Frame, flow: Flow) -> Frame:
    """The picture (H, W, 4) as it is after moving by `flow`; what comes in from outside is what was at the edge."""
    columns, rows = _grid(*flow.shape[:2])
    x, y = columns - flow[..., 0], rows - flow[..., 1]
    moved = cv2.remap(light, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved.astype(np.float32, copy=False)


@lru_cache(maxsize=2)
def _grid(height: int, width: int) -> tuple[Places, Places]:
    """The column and the row of every pixel, each (H, W)."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return columns, rows
