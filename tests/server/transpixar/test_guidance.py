import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.transpixar.guidance import Guidance, check_cfg_schedule


def test_constant_guidance_is_constant():
    guidance = Guidance(4.0, "constant", num_steps=20)
    assert {guidance.at(timestep) for timestep in range(1000)} == {4.0}


def test_dynamic_guidance_jumps_about_as_in_the_released_clips():
    guidance = Guidance(6.0, "dynamic", num_steps=50)
    scales = [guidance.at(timestep) for timestep in (999, 979, 959, 939, 919)]
    assert scales == pytest.approx([2.3, 2.5, 7.0, 6.4, 2.8], abs=0.05)  # observed with the released code


@given(scale=st.floats(1.0, 20.0), num_steps=st.integers(1, 1000), timestep=st.integers(0, 999))
def test_dynamic_guidance_stays_between_none_and_one_more_than_asked(scale, num_steps, timestep):
    assert 1.0 <= Guidance(scale, "dynamic", num_steps).at(timestep) <= 1.0 + scale


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match='"constant" or "dynamic"'):
        check_cfg_schedule("cosine")
