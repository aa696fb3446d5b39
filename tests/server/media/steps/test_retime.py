"""Other frame rates by mixing and by motion."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.media.colour import linear_premultiplied
from server.media.report import report_of
from server.media.steps.retime import Retime
from tests.server.media.made_streams import Endless, effect, read, stream_of

METHODS = ["repeat", "blend", "motion"]
RATES = st.fractions(1, 60, max_denominator=1001)


def shades(*alphas: float) -> np.ndarray:
    """One white pixel a frame: (F, 1, 1, 4)."""
    frames = np.ones((len(alphas), 1, 1, 4), np.float32)
    frames[:, 0, 0, 3] = alphas
    return frames


def alphas_at(frames: np.ndarray, fps: int, wanted: int, method: str) -> list[float]:
    result = read(Retime(fps=Fraction(wanted), method=method)(stream_of(frames, Fraction(fps))))
    return [float(alpha) for alpha in result[:, 0, 0, 3]]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("wanted", [24, 25, 30, Fraction(24000, 1001)])
def test_a_clip_of_8_frames_a_second_gets_the_exact_number(method: str, wanted: Fraction) -> None:
    stream = Retime(fps=wanted, method=method)(stream_of(effect(count=9), Fraction(8)))

    assert len(read(stream)) == stream.info.frame_count == round(Fraction(9, 8) * wanted)
    assert stream.info.fps == wanted
    assert abs(stream.info.seconds - Fraction(9, 8)) <= 1 / (2 * Fraction(wanted))


@settings(max_examples=60)
@given(st.integers(1, 20), RATES, RATES, st.sampled_from(METHODS))
def test_the_duration_stays_at_any_rate(count: int, fps: Fraction, wanted: Fraction, method: str) -> None:
    stream = Retime(fps=wanted, method=method)(stream_of(shades(*np.linspace(0, 1, count)), fps))

    alphas = [float(frame[0, 0, 3]) for frame in stream.frames()]
    assert len(alphas) == stream.info.frame_count == max(round(count * wanted / fps), 1)
    assert alphas == sorted(alphas)
    assert alphas[0] >= 0
    assert alphas[-1] <= 1


def test_blending_mixes_by_time_and_holds_the_last_frame() -> None:
    assert alphas_at(shades(0, 1), 8, 24, "blend") == pytest.approx([0, 1 / 3, 2 / 3, 1, 1, 1])


def test_towards_a_lower_rate_blending_takes_the_mean_of_all_that_was_on() -> None:
    assert alphas_at(shades(0, 1, 0, 1, 1, 1), 24, 8, "blend") == pytest.approx([1 / 3, 1])
    assert alphas_at(shades(0, 1, 1), 24, 16, "blend") == pytest.approx([1 / 3, 1])


def test_mixing_is_done_in_premultiplied_light() -> None:
    """Colour of a frame where it is transparent has no part in the mixture."""
    frames = np.array([[[[1, 0, 0, 1]]], [[[0, 1, 0, 0]]]], np.float32)

    middle = read(Retime(fps=Fraction(16), method="blend")(stream_of(frames, Fraction(8))))[1]

    np.testing.assert_allclose(middle[0, 0], [1, 0, 0, 0.5], atol=1e-6)


@pytest.mark.parametrize("method", ["blend", "motion"])
def test_frames_at_times_of_the_clip_are_its_own(method: str) -> None:
    frames = effect(count=3)
    result = read(Retime(fps=Fraction(24), method=method)(stream_of(frames, Fraction(8))))

    np.testing.assert_array_equal(result[::3], frames)
    assert result.min() >= 0
    assert result.max() <= 1


def disc(x: float) -> np.ndarray:
    rows, columns = np.mgrid[:64, :96] + 0.5
    distance = np.hypot(rows - 32, columns - x)
    frame = np.empty((64, 96, 4), np.float32)
    frame[..., :3] = [0.9, 0.3, 0.6]
    frame[..., :3] *= 0.8 + 0.2 * np.cos(distance / 2)[..., None]
    frame[..., 3] = np.clip((14 - distance) / 2, 0, 1)
    return frame


def test_motion_moves_what_blending_shows_twice() -> None:
    frames = np.stack([disc(30), disc(39)])
    truth = linear_premultiplied(disc(36))

    def error(method: str) -> float:
        result = read(Retime(fps=Fraction(24), method=method)(stream_of(frames, Fraction(8))))
        return float(np.abs(linear_premultiplied(result[2]) - truth).mean())

    assert error("motion") < 0.2 * error("blend")


def test_motion_keeps_colour_and_alpha_together() -> None:
    frames = np.stack([disc(30), disc(36), disc(42)])
    stream = stream_of(frames, Fraction(8))

    before = report_of(stream).edge_agreement
    after = report_of(Retime(fps=Fraction(24), method="motion")(stream)).edge_agreement

    assert before is not None
    assert after == pytest.approx(before, abs=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_frames_are_made_one_after_the_other(method: str) -> None:
    clip = Endless(1_000_000)
    frames = Retime(fps=Fraction(60), method=method)(clip.stream).frames()
    for _ in range(10):
        next(frames)
    frames.close()

    assert clip.asked <= 6
    assert clip.closed
