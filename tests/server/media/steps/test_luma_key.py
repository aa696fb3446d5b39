"""Alpha from brightness."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from server.media.colour import linear_premultiplied, premultiplied
from server.media.steps.luma_key import LumaKey, luma_keyed
from tests.server.media.made_streams import effect, read, stream_of

FRAMES = arrays(np.float32, (4, 5, 4), elements=st.floats(0, 1, width=32))


@given(FRAMES)
def test_over_black_the_picture_is_the_same_in_light_and_in_encoded_values(frame: np.ndarray) -> None:
    light = luma_keyed(frame, "linear")
    display = luma_keyed(frame, "display")

    np.testing.assert_allclose(linear_premultiplied(light)[..., :3], linear_premultiplied(frame)[..., :3], atol=1e-6)
    np.testing.assert_allclose(premultiplied(display)[..., :3], premultiplied(frame)[..., :3], atol=1e-6)
    for keyed in (light, display):
        assert keyed.min() >= 0
        assert keyed.max() <= 1 + 1e-6


def test_fire_on_black_that_has_no_alpha_gets_one() -> None:
    frames = effect()
    on_black = np.concatenate([premultiplied(frames)[..., :3], np.ones_like(frames[..., 3:])], axis=-1)

    keyed = read(LumaKey(space="display")(stream_of(on_black)))

    np.testing.assert_allclose(premultiplied(keyed)[..., :3], on_black[..., :3], atol=1e-6)
    assert (keyed[..., 3][frames[..., 3] == 0] == 0).all()
    # The brightest channel of the straight colour is 1 wherever there is any light.
    assert keyed[keyed[..., 3] > 0][:, :3].max(axis=-1) == pytest.approx(1, abs=1e-5)
