"""Clips without haze and without the frame's outline."""

import numpy as np

from server.media.clean_up import BLACK, cleaned


def clip(alpha: float) -> np.ndarray:
    frames = np.full((2, 32, 48, 4), 0.3, np.float32)
    frames[..., 3] = alpha
    return frames


def test_haze_is_gone_and_what_is_opaque_stays() -> None:
    assert not cleaned(clip(12 / 255))[..., 3].any()
    assert not cleaned(clip(BLACK))[..., 3].any()
    opaque = cleaned(clip(1.0))[..., 3]
    assert (opaque[:, 2:-2, 2:-2] == 1).all()


def test_no_effect_is_cut_off_by_the_frame() -> None:
    alpha = cleaned(clip(1.0))[..., 3]
    for edge in (alpha[:, 0], alpha[:, -1], alpha[:, :, 0], alpha[:, :, -1]):
        assert not edge.any()


def test_footage_keeps_the_edge_of_its_frame_and_every_clip_its_colour() -> None:
    frames = clip(1.0)
    result = cleaned(frames, fade_edges=False)
    np.testing.assert_array_equal(result, frames)
    np.testing.assert_array_equal(cleaned(clip(0.5))[..., :3], clip(0.5)[..., :3])
