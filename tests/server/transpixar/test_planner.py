"""The planner takes the fastest plan that fits, and says what would fit where none does."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.transpixar.memory import ClipSize
from server.transpixar.planner import DoesNotFit, Planner
from server.transpixar.plans import LADDERS, PLANS
from tests.server.transpixar.full_size import COGVIDEOX_5B, FULL_CLIP

GIB = 2**30
EXACT = Planner(COGVIDEOX_5B, FULL_CLIP, free_bytes=80 * GIB)


@pytest.mark.parametrize(
    ("gigabytes", "quality", "plan"),
    [
        (80, "exact", "resident"),
        (48, "exact", "resident"),
        (24, "exact", "text-freed"),
        (23, "exact", "alternating"),  # a desktop takes a gigabyte of such a GPU
        (16, "exact", "alternating-sequential"),
        (12, "exact", "offload"),
        (8, "exact", "offload-text-on-cpu"),
        (6, "exact", "offload-text-on-cpu"),
        (12, "balanced", "offload"),
        (12, "fast", "fp8-sequential"),
        (8, "fast", "offload-text-on-cpu"),
    ],
)
def test_the_full_model_on_usual_gpus(gigabytes, quality, plan):
    run = replace(EXACT, free_bytes=gigabytes * GIB, quality=quality).choose()
    assert run.plan.name == plan
    assert run.predicted_peak_bytes <= gigabytes * GIB


@pytest.mark.parametrize("gigabytes", [80, 48, 24, 16])
def test_weights_stay_on_the_device_from_16_gigabytes(gigabytes):
    assert replace(EXACT, free_bytes=gigabytes * GIB).choose().plan.transformer != "group_offload"


@pytest.mark.parametrize("gigabytes", range(5, 49))
def test_exact_never_stores_weights_in_8_bits_of_its_own_accord(gigabytes):
    assert not replace(EXACT, free_bytes=gigabytes * GIB).choose().plan.changes_weights


def test_balanced_does_where_main_memory_is_short():
    planner = replace(EXACT, free_bytes=16 * GIB, host_free_bytes=8 * GIB, quality="balanced")
    assert planner.choose().plan.name == "fp8"
    with pytest.raises(DoesNotFit, match=r"takes 11\.4 GB, but 8\.6 GB are free"):
        replace(planner, quality="exact").choose()


def test_a_plan_named_is_the_plan_taken_whether_it_fits_or_not():
    planner = replace(EXACT, free_bytes=GIB)
    for name in PLANS:
        assert planner.choose(name).plan.name == name


def test_auto_is_no_override():
    assert EXACT.choose("auto") == EXACT.choose()


def test_an_unknown_plan():
    with pytest.raises(ValueError, match='plan "tiny" is not known; use "auto" or one of resident, text-freed'):
        EXACT.choose("tiny")


def test_a_processor_has_nowhere_to_offload_to():
    planner = replace(EXACT, model=replace(COGVIDEOX_5B, dtype_bytes=4), on_cpu=True, free_bytes=90 * GIB)
    assert planner.choose().plan.name == "resident"
    assert replace(planner, free_bytes=32 * GIB).choose().plan.name == "tiled-sequential"
    with pytest.raises(ValueError, match='"offload" is not on a processor'):
        planner.choose("offload")


def test_where_nothing_fits_a_clip_that_does_is_named():
    planner = replace(EXACT, free_bytes=int(4.5e9))
    with pytest.raises(DoesNotFit) as error:
        planner.choose()
    found = re.search(
        r"needs 5\.2 GB of memory at the least, but 4\.5 GB are free; use at most (\d+) frames or a size of at most "
        r"(\d+)x(\d+), or close other programs\.",
        str(error.value),
    )
    assert found is not None
    frames, width, height = map(int, found.groups())
    replace(planner, clip=ClipSize(720, 480, frames)).choose()
    replace(planner, clip=ClipSize(width, height, 49)).choose()
    with pytest.raises(DoesNotFit):
        replace(planner, clip=ClipSize(720, 480, frames + 4)).choose()


def test_a_model_that_is_too_large_whatever_the_clip():
    with pytest.raises(DoesNotFit, match="too large for this device, use a smaller model"):
        replace(EXACT, free_bytes=GIB).choose()


@given(
    gigabytes=st.floats(1, 100),
    frames=st.integers(0, 12).map(lambda n: 4 * n + 1),
    quality=st.sampled_from(["exact", "balanced", "fast"]),
    host=st.none() | st.floats(1, 64),
)
@settings(deadline=None, max_examples=40)  # advice tries many sizes
def test_a_chosen_plan_fits_and_no_faster_one_does(gigabytes, frames, quality, host):
    planner = Planner(
        COGVIDEOX_5B,
        ClipSize(720, 480, frames),
        free_bytes=int(gigabytes * GIB),
        host_free_bytes=None if host is None else int(host * GIB),
        quality=quality,
    )

    def fits(run):
        return run.predicted_peak_bytes <= planner.free_bytes and (
            host is None or run.predicted_host_bytes <= planner.host_free_bytes
        )

    try:
        run = planner.choose()
    except DoesNotFit as error:
        assert str(error).endswith(".")
        assert not any(fits(planner.predict(plan)) for plan in LADDERS[quality])
        return
    assert fits(run)
    faster = LADDERS[quality][: LADDERS[quality].index(run.plan)]
    assert not any(fits(planner.predict(plan)) for plan in faster)


@given(gigabytes=st.floats(5, 100), quality=st.sampled_from(["exact", "balanced", "fast"]))
@settings(deadline=None, max_examples=40)
def test_the_ladder_after_memory_ran_out_leads_down_and_ends(gigabytes, quality):
    planner = replace(EXACT, free_bytes=int(gigabytes * GIB), quality=quality)
    try:
        run = planner.choose()
    except DoesNotFit:
        return
    peaks = [run.predicted_peak_bytes]
    while (following := planner.after(run)) is not None:
        run = following
        peaks.append(run.predicted_peak_bytes)
    assert all(later < earlier for earlier, later in pairwise(peaks))
    assert len(peaks) <= len(LADDERS[quality])


def test_the_plan_after_one_that_was_named():
    failed = replace(EXACT, free_bytes=24 * GIB).choose("fp8")
    following = replace(EXACT, free_bytes=24 * GIB).after(failed)
    assert following is not None
    assert following.predicted_peak_bytes < failed.predicted_peak_bytes


def test_weights_that_are_copies_are_there_twice_while_offloading_is_set_up():
    planner = replace(EXACT, free_bytes=12 * GIB, host_free_bytes=20 * GIB)
    assert planner.choose().plan.name == "offload"
    with pytest.raises(DoesNotFit, match=r"takes 22\.\d GB, but 21\.5 GB are free"):
        replace(planner, weights_are_copies=True).choose()


def test_the_planner_of_a_device_asks_for_both_memories(monkeypatch):
    asked = {"cuda:1": 12 * GIB, "cpu": 16 * GIB}
    monkeypatch.setattr("server.transpixar.planner.available_bytes", lambda device: asked[device])
    planner = Planner.of_device("cuda:1", COGVIDEOX_5B, FULL_CLIP)
    assert (planner.free_bytes, planner.host_free_bytes, planner.on_cpu) == (12 * GIB, 16 * GIB, False)
    planner = Planner.of_device("cpu", COGVIDEOX_5B, FULL_CLIP)
    assert (planner.free_bytes, planner.host_free_bytes, planner.on_cpu) == (16 * GIB, None, True)
