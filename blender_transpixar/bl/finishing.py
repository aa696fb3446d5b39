"""What the properties of finishing amount to in a scene."""

from typing import Any

import bpy

from ..core.finishing import Finishing
from ..core.timing import scene_rate


def finishing_from(values: Any, scene: bpy.types.Scene) -> Finishing:
    """What FinishingProperties amount to for a scene. Raises InvalidRequestError."""
    red, green, blue = (_rounded(channel) for channel in values.background_colour)
    return Finishing(
        trim_first=values.trim_first,
        trim_last=values.trim_last,
        luma_key=values.alpha_from == "LUMA",
        background=values.background.lower(),
        background_colour=(red, green, blue),
        black=_rounded(values.black),
        white=_rounded(values.white),
        gamma=_rounded(values.gamma),
        smooth=values.smooth,
        choke=_rounded(values.choke),
        fade_edges=_rounded(values.fade_edges),
        extend_below=_rounded(values.extend_below) if values.extend else None,
        crop_margin=values.crop_margin if values.crop else None,
        recentre=values.recentre,
        fps=scene_rate(scene.render.fps, scene.render.fps_base) if values.frame_rate == "SCENE" else None,
        method=values.method.lower(),
        reverse=values.reverse,
        repeat=values.repeat.lower(),
        overlap=values.overlap,
        hold_start=values.hold_start,
        hold_end=values.hold_end,
        scale=_rounded(values.scale),
    )


def _rounded(value: float) -> float:
    """A 32-bit float as the number that was typed: 0.1 and not 0.10000000149."""
    return float(f"{value:.6g}")
