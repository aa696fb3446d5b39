"""Where clips go: the bucket that leaves most of them, and parts that never overlap."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.training.data.base_model import BaseModelFacts
from server.training.data.buckets import Bucket, BucketPlan, kept_share
from server.training.data.errors import DataError
from server.training.data.fitting import middle_part, starts_of_parts


def base(**others):
    facts = {
        "folder": Path("model"),
        "width": 720,
        "height": 480,
        "num_frames": 49,
        "fps": 8,
        "size_multiple": 16,
        "only_size": False,
        "frames_multiple": 4,
        "joined_latent_frames": 1,
        "max_frames": 49,
        "text_length": 226,
        "rgb": "straight",
        "is_image_to_video": False,
    }
    return BaseModelFacts(**facts | others)


sides = st.integers(1, 4000)
sizes = st.tuples(sides, sides)
multiples = st.tuples(st.integers(1, 60), st.integers(1, 60)).map(lambda size: (size[0] * 16, size[1] * 16))
plans = st.builds(
    BucketPlan,
    st.lists(multiples, min_size=1, max_size=5, unique=True).map(tuple),
    st.lists(st.integers(0, 12).map(lambda k: 4 * k + 1), min_size=1, max_size=4, unique=True).map(
        lambda counts: tuple(sorted(counts))
    ),
)


@given(plans, sizes, st.integers(1, 500))
def test_no_other_bucket_leaves_more_of_a_clip(plan, size, frame_count):
    bucket = plan.choose(*size, frame_count)
    if bucket is None:
        assert frame_count < min(plan.lengths)
        return
    assert (bucket.width, bucket.height) in plan.sizes
    assert bucket.num_frames == max(count for count in plan.lengths if count <= frame_count)
    kept = kept_share(size, (bucket.width, bucket.height))
    assert all(kept >= kept_share(size, other) for other in plan.sizes)


@given(sizes, sizes)
def test_the_part_that_is_cut_out_lies_inside_and_has_the_shape(size, target):
    left, top, wide, high = middle_part(size, target)
    assert 0 <= left <= left + wide <= size[0]
    assert 0 <= top <= top + high <= size[1]
    scale = min(size[0] / target[0], size[1] / target[1])
    assert abs(wide - target[0] * scale) <= 1
    assert abs(high - target[1] * scale) <= 1
    # One side is whole.
    assert wide == size[0] or high == size[1]


@given(st.integers(1, 1000), st.integers(1, 60), st.integers(1, 20))
def test_parts_do_not_overlap_and_reach_from_one_end_to_the_other(frame_count, length, most):
    starts = starts_of_parts(frame_count, length, most)
    assert len(starts) == min(frame_count // length, most)
    assert all(after - before >= length for before, after in pairwise(starts))
    if len(starts) > 1:
        assert (starts[0], starts[-1]) == (0, frame_count - length)


@given(st.integers(1, 6), st.integers(1, 3), st.integers(1, 100))
def test_lengths_are_those_that_the_autoencoder_can_make(multiple, joined, longest):
    model = base(frames_multiple=multiple, joined_latent_frames=joined, max_frames=longest)
    for count in model.lengths():
        assert count <= longest
        assert (count - 1) % multiple == 0
        assert ((count - 1) // multiple + 1) % joined == 0
        model.check_length(count)


def test_the_models_own_buckets():
    plan = BucketPlan.for_model(base())
    assert (plan.sizes, plan.lengths) == (((720, 480),), (9, 21, 49))
    assert plan.choose(1920, 1080, 60) == Bucket(720, 480, 49)
    assert plan.choose(1920, 1080, 48) == Bucket(720, 480, 21)
    assert plan.choose(1920, 1080, 8) is None


def test_portrait_and_landscape():
    plan = BucketPlan.for_model(base(), sizes=((720, 480), (480, 720)), lengths=(49,))
    assert plan.choose(1080, 1920, 49) == Bucket(480, 720, 49)
    assert plan.choose(1920, 1080, 49) == Bucket(720, 480, 49)


def test_of_two_sizes_of_a_shape_the_nearer_one():
    plan = BucketPlan(((320, 160), (640, 320)), (9,))
    assert plan.choose(600, 300, 9) == Bucket(640, 320, 9)
    assert plan.choose(300, 150, 9) == Bucket(320, 160, 9)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"sizes": ((700, 480),)}, "Width 700 is not a multiple of 16; use 688 or 704"),
        ({"sizes": ((720, 8),)}, "Height 8 is not a multiple of 16; use 16 or 32"),
        ({"lengths": (48,)}, "48 frames do not go with this model; use one of 1, 5, 9"),
        ({"lengths": (53,)}, "53 frames do not go"),
    ],
)
def test_what_a_model_cannot_make_is_refused_in_a_sentence(wish, sentence):
    with pytest.raises(DataError, match=sentence):
        BucketPlan.for_model(base(), **wish)


def test_a_base_of_one_size():
    model = base(only_size=True)
    with pytest.raises(DataError, match="trained at 720x480 only"):
        BucketPlan.for_model(model, sizes=((480, 720),))
    assert BucketPlan.for_model(model).sizes == ((720, 480),)


def test_latent_frames_that_are_joined():
    """CogVideoX 1.5 makes one token of two latent frames, so 81 frames (21 latent ones) do not divide."""
    model = base(num_frames=77, max_frames=81, joined_latent_frames=2)
    assert BucketPlan.for_model(model).lengths == (13, 37, 77)
    with pytest.raises(DataError, match="81 frames do not go"):
        BucketPlan.for_model(model, lengths=(81,))
