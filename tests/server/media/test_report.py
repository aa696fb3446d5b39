"""The report's numbers on clips whose answer is known."""

import numpy as np
import pytest
from scipy import ndimage

from server.media.contact_sheet import contact_sheet, over
from server.media.report import ClipReport, report_of, sentences
from tests.server.media.made_streams import effect, stream_of

SIZE = 80


def disc(alpha: float = 1.0, soft: float = 6.0, place: float = 0.5) -> np.ndarray:
    """An orange disc of a fifth of the picture's size: (H, W, 4)."""
    rows, columns = np.mgrid[:SIZE, :SIZE] - np.array([SIZE / 2, SIZE * place])[:, None, None]
    cover = np.clip((SIZE / 5 - np.hypot(rows, columns)) / soft + 0.5, 0, 1) * alpha
    colour = np.broadcast_to([1, 0.5, 0.1], (SIZE, SIZE, 3))
    return np.concatenate([colour, cover[..., None]], axis=-1).astype(np.float32)


def report(*frames: np.ndarray) -> ClipReport:
    return report_of(stream_of(np.stack(frames)))


def test_a_clean_disc_is_clean() -> None:
    result = report(*[disc()] * 4)

    assert result.coverage == pytest.approx(np.pi / 25, rel=0.03)
    assert (result.highest_alpha, result.haze, result.alpha_flicker) == (1, 0, 0)
    assert result.edge_agreement == pytest.approx(1, abs=1e-6)
    assert result.edge_frames == {"left": 0, "right": 0, "top": 0, "bottom": 0}
    assert "The background is not clean" not in "\n".join(sentences(result))


def test_a_grey_veil_over_the_background_is_haze() -> None:
    veiled = disc()
    veiled[..., 3] = np.maximum(veiled[..., 3], 0.05)
    half = disc()
    half[: SIZE // 2, :, 3] = np.maximum(half[: SIZE // 2, :, 3], 0.05)

    assert report(veiled).haze == 1
    assert report(half).haze == pytest.approx(0.5, abs=0.02)
    assert "raise the alpha's black point" in sentences(report(veiled))[-1]


def test_alternating_alpha_flickers_and_a_fade_does_not() -> None:
    fade = [disc(alpha) for alpha in np.linspace(0, 1, 7)]
    blink = [disc(alpha) for alpha in (1, 0, 1, 0, 1, 0, 1)]

    assert report(*fade).alpha_flicker == pytest.approx(0, abs=1e-3)
    # Soft pixels of the outline count with their own alpha.
    assert report(*blink).alpha_flicker > 0.7
    assert report(*blink).coverage_flicker > 1.5


def test_movement_is_no_pulsing() -> None:
    assert report(*[disc(place=place) for place in np.linspace(0.3, 0.7, 6)]).coverage_flicker < 0.01


def test_a_fringe_lowers_the_agreement_of_the_edges() -> None:
    fringed = disc()
    fringed[..., :3] *= np.clip(2 * fringed[..., 3:] - 0.8, 0, 1)
    soft = report(fringed).edge_agreement

    assert soft is not None
    assert soft < 0.7


def test_shifted_alpha_lowers_the_agreement_of_the_edges() -> None:
    on_black = disc()
    on_black[..., :3] *= on_black[..., 3:] > 0
    shifted = on_black.copy()
    shifted[..., 3] = ndimage.shift(shifted[..., 3], (0, 8), order=1)
    aligned, moved = report(on_black).edge_agreement, report(shifted).edge_agreement

    assert aligned is not None
    assert moved is not None
    assert moved < aligned - 0.1


def test_what_leaves_the_frame_is_named_by_side() -> None:
    result = report(disc(), disc(place=0.1), disc(place=0.95), disc(place=0.95))

    assert result.edge_frames == {"left": 1, "right": 2, "top": 0, "bottom": 0}
    assert "frame's edge      touched at left (1 frames), right (2 frames)" in sentences(result)


def test_an_empty_clip_says_so() -> None:
    result = report(*[disc(0.0)] * 3)

    assert (result.coverage, result.haze, result.edge_agreement) == (0, 0, None)
    assert sentences(result)[-1] == "Nothing in this clip is visible."


@pytest.mark.parametrize(("width", "height", "count"), [(32, 24, 1), (16, 16, 3), (700, 90, 8), (90, 700, 2)])
def test_a_contact_sheet_has_a_row_for_each_backdrop(width: int, height: int, count: int) -> None:
    sheet = contact_sheet(stream_of(effect(width, height, count)))
    tile_height = (sheet.height - 16) // 6

    assert sheet.mode == "RGB"
    assert 16 < tile_height <= 244
    assert sheet.width <= 84 + 6 * 324
    # The corner of an effect is transparent: it shows black in the row over black and white in the row over white.
    assert sheet.getpixel((85, 16 + tile_height + 1)) == (0, 0, 0)
    assert sheet.getpixel((85, 16 + 2 * tile_height + 1)) == (255, 255, 255)


def test_over_is_blended_in_linear_light() -> None:
    half = np.float32([[[1, 1, 1, 0.5]]])

    np.testing.assert_allclose(over(half, np.zeros((1, 1, 3), np.float32)), 0.7353569, atol=1e-5)
