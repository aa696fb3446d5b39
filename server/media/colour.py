"""The colour arithmetic of files: transfer curve, premultiplication, whole numbers.

A frame is float32 (H, W, 4), display-encoded sRGB with straight alpha: the master that every file is made from. Linear
light exists only on the way to a file that wants it. Values above 1 (light brighter than white) and below 0 (colours
outside of Rec. 709) are kept.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.float32]
Integers = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

# IEC 61966-2-1:1999, section 5.2: a power curve with a straight piece near black.
_SLOPE = 12.92
_OFFSET = 0.055
_EXPONENT = 2.4
_BREAK_ENCODED = 0.04045
_BREAK_LINEAR = 0.0031308

# The weights of R, G and B in luma (Rec. ITU-R BT.709-6, item 3.2).
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def linear_from_srgb(encoded: Frame) -> Frame:
    """Display-encoded values as linear light, any shape. Negative values are mirrored at 0."""
    size = np.abs(encoded)
    linear = size + np.float32(_OFFSET)
    linear *= np.float32(1 / (1 + _OFFSET))
    np.power(linear, np.float32(_EXPONENT), out=linear)
    near_black = size <= _BREAK_ENCODED
    np.copyto(linear, np.divide(size, np.float32(_SLOPE), out=size), where=near_black)
    return np.copysign(linear, encoded, out=linear)


def srgb_from_linear(linear: Frame) -> Frame:
    """Linear light as display-encoded values, any shape. Negative values are mirrored at 0."""
    size = np.abs(linear)
    encoded = np.power(size, np.float32(1 / _EXPONENT))
    encoded *= np.float32(1 + _OFFSET)
    encoded -= np.float32(_OFFSET)
    near_black = size <= _BREAK_LINEAR
    np.copyto(encoded, np.multiply(size, np.float32(_SLOPE), out=size), where=near_black)
    return np.copysign(encoded, linear, out=encoded)


# Channel by channel and on all four at once below: numpy's loops over the last three of four are ten times as slow.


def premultiplied(straight: Frame) -> Frame:
    """RGBA (H, W, 4) with its colour multiplied by its alpha, in whatever encoding it has."""
    result = straight.copy()
    for channel in range(3):
        result[..., channel] *= straight[..., 3]
    return result


def unpremultiplied(image: Frame) -> Frame:
    """RGBA (H, W, 4) with its colour divided by its alpha. Where alpha is 0 the colour stays: there is none to find."""
    result = image.copy()
    alpha = np.where(image[..., 3] > 0, image[..., 3], np.float32(1))
    for channel in range(3):
        result[..., channel] /= alpha
    return result


def linear_premultiplied(frame: Frame) -> Frame:
    """A frame as compositors calculate: linear light, multiplied by alpha (H, W, 4)."""
    linear = linear_from_srgb(frame)
    linear[..., 3] = frame[..., 3]
    return premultiplied(linear)


def frame_from_linear_premultiplied(image: Frame) -> Frame:
    """The inverse of `linear_premultiplied`, except for the colour where alpha is 0."""
    frame = srgb_from_linear(unpremultiplied(image))
    frame[..., 3] = image[..., 3]
    return frame


def quantised(values: Frame, bits: int) -> Integers:
    """Values in 0..1 as whole numbers of 8 or 16 bits, rounded to the nearest; what lies outside is clipped."""
    top = 2**bits - 1
    rounded = np.clip(values, 0, 1) * np.float32(top) + np.float32(0.5)
    return rounded.astype(np.uint8) if bits == 8 else rounded.astype(np.uint16)
