"""What a model allows, and the nearest that it does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core.fitting import nearest_frames, nearest_side, problems, size_for
from blender_transpixar.core.model import Defaults, Limits, Model


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Models whose own size and length are among those that they allow."""
    step = draw(st.sampled_from([8, 16, 32]))
    low = draw(st.integers(1, 8))
    widest, highest = (draw(st.integers(low, 80)) for _ in range(2))
    group = draw(st.sampled_from([1, 2, 4, 8]))
    shortest = draw(st.integers(1, 6))
    longest = draw(st.integers(shortest, 40))
    return Model(
        name="any",
        title="Any",
        description="",
        tasks=("text",),
        state="ready",
        defaults=Defaults(
            width=draw(st.integers(low, widest)) * step,
            height=draw(st.integers(low, highest)) * step,
            num_frames=shortest * group + 1,
            steps=20,
            guidance=4.0,
        ),
        limits=Limits(
            step,
            low * step,
            widest * step,
            highest * step,
            group,
            shortest * group + 1,
            longest * group + 1,
            100,
            20,
            400,
        ),
    )


@given(models(), st.floats(0.1, 10.0))
def test_a_size_that_is_offered_is_a_size_that_is_taken(model: Model, aspect: float):
    width, height = size_for(aspect, model)
    assert problems({"width": width, "height": height}, model) == []


@given(models(), st.integers(0, 4000), st.integers(0, 4000), st.integers(0, 500))
def test_what_a_problem_offers_is_no_problem(model: Model, width: int, height: int, frames: int):
    asked = {"width": width, "height": height, "num_frames": frames, "steps": 101, "guidance": 20.5, "num_clips": 17}
    fitted = asked | {problem.field: problem.fitted for problem in problems(asked, model)}
    assert problems(fitted, model) == []
    assert all(problem.sentence.endswith(".") for problem in problems(asked, model))


@given(models(), st.integers(0, 4000))
def test_the_nearest_is_the_nearest(model: Model, value: int):
    limits = model.limits
    allowed = range(limits.min_frames, limits.max_frames + 1, limits.frames_multiple)
    assert abs(nearest_frames(value, limits) - value) == min(abs(each - value) for each in allowed)
    sides = range(limits.min_size, limits.max_width + 1, limits.size_multiple)
    assert abs(nearest_side(value, limits, limits.max_width) - value) == min(abs(each - value) for each in sides)


@pytest.mark.parametrize("missing", ["name", "defaults", "limits"])
def test_a_model_that_lacks_something_is_not_known(missing: str):
    told = {
        "name": "mini",
        "of a newer server": True,
        "defaults": {"width": 64, "height": 64, "num_frames": 9, "steps": 20, "guidance": 4.0, "of a newer server": 1},
        "limits": {"size_multiple": 16, "min_size": 64, "max_width": 64, "max_height": 64, "frames_multiple": 2}
        | {"min_frames": 9, "max_frames": 9, "max_steps": 100, "max_guidance": 20.0, "max_prompt_characters": 400},
    }
    model = Model.from_json(told)
    assert model is not None and (model.title, model.tasks, model.limits.max_clips) == ("mini", ("text",), 16)
    assert problems({"prompt": "smoke", "width": None}, model) == []
    assert Model.from_json({name: value for name, value in told.items() if name != missing}) is None
