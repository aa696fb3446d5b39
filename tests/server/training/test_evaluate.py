"""Evaluation: each measure is right where the answer is known, and a real model goes through all of it."""

import json
import math
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from server.commands import evaluate as command
from server.training.effects import FAMILIES, Look, random_look, render
from server.training.effects.captions import caption
from server.training.effects.palette import COLOURS
from server.training.evaluation import figures, measures, report
from server.training.evaluation.classifier import WEIGHTS, load_classifier
from server.training.evaluation.evaluation import Evaluation, Sampled, evaluate
from server.training.evaluation.figures import Figure, Mark, marks
from server.training.evaluation.held_out import Prompt, prompts, real_clip
from server.training.evaluation.intervals import bootstrap, wilson
from tests.tiny_model import write_tiny_model


def on_black(clip):
    return np.concatenate([clip[..., :3] * clip[..., 3:], clip[..., 3:]], axis=-1)


def clip_of(family, colour="orange", seed=0, size=96):
    return on_black(render(Look(family, colour), np.random.default_rng(seed), 9, size, size))


# ---- what is held out ----


def test_held_out_captions_name_effect_and_colour_in_turn():
    made = prompts(["fire", "snow"], 6)
    assert [prompt.family for prompt in made] == ["fire", "snow"] * 3
    assert len({prompt.colour for prompt in made if prompt.family == "fire"}) == 3
    assert made == prompts(["fire", "snow"], 6), "the same every time"


def test_no_training_caption_is_worded_like_a_held_out_one():
    rng = np.random.default_rng(0)
    trained = {caption(random_look(rng, list(FAMILIES)), rng).lower() for _ in range(3000)}
    assert not trained & {prompt.text.lower() for prompt in prompts(list(FAMILIES), 300)}


def test_held_out_clips_are_not_those_of_training():
    look, clip = real_clip(0, 9, 32, 32, family="fire")
    rng = np.random.default_rng([1, 0])
    trained = render(random_look(rng, list(FAMILIES)), rng, 9, 32, 32)
    assert look.family == "fire" and not np.array_equal(clip, on_black(trained))


# ---- measures ----


@pytest.mark.parametrize("colour", COLOURS)
def test_a_clip_of_one_colour_has_that_colour(colour):
    clip = np.zeros((2, 8, 8, 4), np.float32)
    clip[:, 2:5, 2:5] = [*(c / 255 for c in COLOURS[colour]), 1]
    assert measures.colour_is_right(clip, colour)


@pytest.mark.parametrize("family", ["fire", "smoke", "bubbles", "lightning"])
@pytest.mark.parametrize(("colour", "other"), [("red", "blue"), ("green", "purple"), ("white", "orange")])
def test_a_real_clip_has_the_colour_of_its_look_and_no_other(family, colour, other):
    clip = clip_of(family, colour, size=48)
    assert measures.colour_is_right(clip, colour) and not measures.colour_is_right(clip, other)


def test_every_palette_colour_is_in_one_group():
    assert sorted(measures.GROUP_OF) == sorted(COLOURS)


def test_oklab_of_known_colours():
    # Ottosson's own table: white, and pure red, green and blue in sRGB.
    known = {(1, 1, 1): (1, 0, 0), (1, 0, 0): (0.628, 0.225, 0.126), (0, 0, 1): (0.452, -0.032, -0.312)}
    for rgb, lab in known.items():
        np.testing.assert_allclose(measures.oklab(np.array(rgb, float)), lab, atol=2e-3)


@given(values=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_soft_iou_is_a_share_symmetric_and_one_for_equals(values):
    first, second = np.array(values, np.float32).T
    assert 0 <= measures.soft_iou(first, second) <= 1
    assert measures.soft_iou(first, second) == measures.soft_iou(second, first)
    assert measures.soft_iou(first, first) == 1


def test_alpha_of_another_clip_overlaps_less():
    one, other = clip_of("sparks", seed=1), clip_of("sparks", seed=2)
    mask = measures.colour_mask(one)
    assert measures.soft_iou(mask, one[..., 3]) > 2 * measures.soft_iou(mask, other[..., 3])


def test_haze_is_seen_where_nothing_is():
    clip = clip_of("orb")
    clear = measures.alpha_where_nothing(clip)
    clip[..., 3] = np.maximum(clip[..., 3], 0.05)
    assert clear < 0.01 < 0.05 <= measures.alpha_where_nothing(clip)
    assert measures.alpha_where_nothing(np.ones((1, 2, 2, 4), np.float32)) is None


def test_psnr_of_a_tenth_is_twenty_decibels():
    assert measures.psnr(0.01) == pytest.approx(20)
    assert math.isfinite(measures.psnr(0))


def test_a_still_clip_has_no_motion():
    assert measures.motion(np.ones((3, 4, 4, 4), np.float32)) == 0 < measures.motion(clip_of("rain"))


def test_the_classifier_knows_real_clips_it_has_not_seen():
    named = load_classifier().classify([clip_of(family, "blue", seed=11) for family in FAMILIES])
    assert sum(a == b for a, b in zip(named, FAMILIES, strict=True)) >= len(FAMILIES) - 1
    assert WEIGHTS.stat().st_size < 1_000_000


# ---- intervals and marks ----


def test_wilson_matches_the_published_example():
    # Newcombe 1998, table I: 81 of 263, method 3.
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 0) == (0.0, 1.0)


@given(count=st.integers(1, 200), data=st.data())
def test_a_share_lies_in_its_interval(count, data):
    right = data.draw(st.integers(0, count))
    low, high = wilson(right, count)
    assert 0 <= low <= right / count <= high <= 1


def test_the_bootstrap_surrounds_the_mean_and_repeats_itself():
    values = np.random.default_rng(0).normal(5, 1, 100).tolist()
    low, high = bootstrap(values)
    assert low < np.mean(values) < high and high - low == pytest.approx(4 / 10, abs=0.1)
    assert bootstrap(values) == (low, high)


@pytest.mark.parametrize(
    ("value", "control", "met"), [(0.8, 0.3, True), (0.8, 0.45, False), (0.6, 0.1, False), (0.8, None, False)]
)
def test_alignment_must_be_twice_its_control(value, control, met):
    figure = Figure("rgb_alpha_iou", "", value, 0, 1, 50, control=control)
    assert Mark("rgb_alpha_iou", 0.7, control="half").is_met(figure, 15) is met


def test_a_classifier_that_is_right_for_shuffled_prompts_measures_nothing():
    mark = Mark("effect_right", 0.75, control="chance")
    assert mark.is_met(Figure("effect_right", "", 0.9, 0, 1, 100, control=0.08), 15)
    assert not mark.is_met(Figure("effect_right", "", 0.9, 0, 1, 100, control=0.5), 15)


def test_gpu_marks_are_the_higher_ones():
    for cpu, gpu in zip(marks("cpu"), marks("gpu"), strict=True):
        assert gpu.bound >= cpu.bound if cpu.at_least else gpu.bound <= cpu.bound


def made_of(real):
    """An evaluation of a model that makes exactly the real clips."""
    sampled = [
        Sampled(Prompt(f"{look.colour} {look.family}", look.family, look.colour, i), clip, look.family,
                measures.colour_group(measures.mean_colour(clip)), 1.0)
        for i, (look, clip) in enumerate(real)
    ]  # fmt: skip
    values = {mark.figure: mark.bound for mark in marks("cpu")}
    found = [Figure(name, name, value, value, value, 9, control=0.0) for name, value in values.items()]
    return Evaluation("real", list(FAMILIES), found, sampled, threads=1, device="cpu")


def test_the_report_says_pass_and_fail(tmp_path):
    evaluation = made_of([real_clip(i, 5, 32, 32, family=family) for i, family in enumerate(FAMILIES)])
    assert report.as_document(evaluation, "cpu")["passed"]
    table = report.table(evaluation, "cpu")
    assert "FAIL" not in table and table.count("PASS") == len(marks("cpu"))
    assert report.table(evaluation, "gpu").count("FAIL") == 6, "all but the seconds"
    report.write_sheet(evaluation, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def test_numbers_that_are_none_become_null():
    empty = figures.mean("alpha_where_nothing", "", [])
    assert figures.as_json(empty)["value"] is None
    json.dumps(figures.as_json(empty), allow_nan=False)


# ---- a whole run ----


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A tiny model with random weights that says that it knows two effects."""
    return write_tiny_model(
        tmp_path_factory.mktemp("models") / "taught", "taught", tasks=["text", "footage"], effects=["fire", "smoke"],
        defaults={"steps": 1},
    )  # fmt: skip


def test_a_model_is_measured_and_fails_its_marks(taught, tmp_path, capsys):
    status = command.main(
        [str(taught), "--count", "4", "--real", "4", "--json", "--out", str(tmp_path), "--threads", "1"]
    )
    document = json.loads(capsys.readouterr().out)
    assert (status, document["passed"], document["model"]) == (1, False, "taught")
    found = {figure["name"]: figure for figure in document["figures"]}
    assert set(found) >= {mark.figure for mark in marks("cpu")} | {"footage_alpha_error", "footage_alpha_iou"}
    assert found["effect_right"]["real"] is not None and found["effect_right"]["control"] is not None
    assert found["seconds_per_clip"]["passed"]
    assert json.loads((tmp_path / "evaluation.json").read_text("utf-8")) == document
    assert (tmp_path / "sheet.png").exists()


def test_an_image_model_is_measured_from_first_frames(tmp_path):
    folder = write_tiny_model(
        tmp_path / "taught-image", "taught-image", image_to_video=True, tasks=["image"], effects=["fire"],
        defaults={"steps": 1},
    )  # fmt: skip
    phases = []
    evaluation = evaluate(folder, count=3, real_count=3, progress=lambda phase, done, total: phases.append(phase))
    names = [figure.name for figure in evaluation.figures]
    assert "first_frame_psnr" in names and "first_frame_motion" in names and "footage_alpha_error" not in names
    assert list(dict.fromkeys(phases)) == ["real clips", "prompts", "autoencoder", "first frames"]


def test_weights_of_another_model_are_one_sentence(taught, tmp_path, capsys):
    folder = shutil.copytree(taught, tmp_path / "broken")
    weights = load_file(folder / "rgba_lora.safetensors")
    save_file({f"other.{key}": value for key, value in weights.items()}, folder / "rgba_lora.safetensors")
    assert command.main([str(folder), "--count", "1"]) == 2
    assert "rgba_lora.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "There is no model 'nonsense'; use one of mini,"),
        (["mini", "--device", "gpu"], "'gpu' is no device; use auto, cpu, cuda or cuda:N"),
        (["mini", "--count", "0"], "'0' is no number of at least 1"),
        (["cogvideox-5b"], "'cogvideox-5b' cannot be evaluated: its transpixar.json lists no \"effects\""),
    ],
)
def test_what_cannot_be_evaluated_is_one_sentence(arguments, message, tmp_path, capsys):
    try:
        status = command.main([*arguments, "--data-dir", str(tmp_path)])
    except SystemExit as left:  # argparse's way
        status = left.code
    assert status == 2
    assert message in capsys.readouterr().err
