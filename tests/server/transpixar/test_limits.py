"""Which sizes and lengths each kind of CogVideoX makes."""

import pytest

from server.transpixar.limits import ClipLimits
from tests.server.transpixar.pipelines import generate, make_pipeline, picture
from tests.tiny_model import IMAGE_TO_VIDEO, JOINED_FRAMES, SINCOS


@pytest.mark.parametrize("config", [{}, SINCOS], ids=["rotary", "sincos"])
@pytest.mark.parametrize(("width", "height", "num_frames"), [(16, 48, 1), (48, 16, 7), (64, 32, 5), (80, 80, 9)])
def test_rotary_and_sincos_models_make_any_size_and_length(config, width, height, num_frames):
    pipe = make_pipeline(**config)
    clip = generate(pipe, width=width, height=height, num_frames=num_frames, num_inference_steps=1)
    assert clip.shape == (1, num_frames, height, width, 4)


@pytest.mark.parametrize(("width", "height", "num_frames"), [(64, 64, 3), (32, 48, 7), (16, 16, 11)])
def test_models_that_join_frames_make_any_size_up_to_their_own(width, height, num_frames):
    pipe = make_pipeline(**JOINED_FRAMES)
    clip = generate(pipe, width=width, height=height, num_frames=num_frames, num_inference_steps=1)
    assert clip.shape == (1, num_frames, height, width, 4)
    with pytest.raises(ValueError, match="at most 64x64, not 80x64; use a smaller size"):
        generate(pipe, width=80, height=64, num_frames=7)


def test_learned_positions_fix_the_size():
    pipe = make_pipeline(**IMAGE_TO_VIDEO)
    with pytest.raises(ValueError, match="32x32 only, because its positions were learned for that size, not 48x32"):
        generate(pipe, image=picture(3, width=48))


@pytest.mark.parametrize("num_frames", [1, 3, 5])
def test_learned_positions_leave_shorter_clips_possible(num_frames):
    pipe = make_pipeline(**IMAGE_TO_VIDEO)
    assert generate(pipe, image=picture(3), num_frames=num_frames).shape == (1, num_frames, 32, 32, 4)
    with pytest.raises(ValueError, match=r"7 frames cannot be made: .* use at most 5"):
        generate(pipe, image=picture(3), num_frames=7)


def test_the_full_models_limits():
    five_b = ClipLimits(size_multiple=16, frames_multiple=4)
    five_b.check(720, 480, 49)
    five_b.check(1360, 768, 81)
    five_b_i2v = ClipLimits(size_multiple=16, frames_multiple=4, only_size=(720, 480), max_frames=49)
    five_b_i2v.check(720, 480, 13)
    with pytest.raises(ValueError, match="use 720x480"):
        five_b_i2v.check(480, 720, 49)
