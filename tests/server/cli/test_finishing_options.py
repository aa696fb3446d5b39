"""What the finishing options of `convert` and `finish` mean, and how they refuse what is not possible."""

import argparse
from fractions import Fraction
from pathlib import Path

import pytest

from server.commands import convert
from server.commands.finishing_options import add_finishing_options, recipe_of
from server.media.clip_reader import open_clip
from server.media.errors import MediaError
from server.media.formats import export
from server.media.steps.recipe import Recipe
from tests.server.media.made_streams import effect, stream_of


def recipe(*arguments: str) -> Recipe:
    parser = argparse.ArgumentParser()
    add_finishing_options(parser)
    return recipe_of(parser.parse_args(arguments))


def steps(*arguments: str) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = recipe(*arguments).to_dict()["steps"]
    return listed


def test_options_become_steps_in_the_usual_order() -> None:
    names = [
        step["step"]
        for step in steps(
            *("--scale", "2", "--hold", "1,3", "--loop", "4", "--reverse", "--fps", "24", "--rate", "motion"),
            *("--crop", "--extend", "--choke", "-0.5", "--fade-edges", "4", "--smooth"),
            *("--levels", "0.02,0.98", "--despill", "auto"),
            *("--key", "luma", "--trim", "2:40", "--recentre"),
        )
    ]
    assert names == [
        *("trim", "luma_key", "remove_background", "levels", "smooth", "choke", "fade_edges"),
        *("extend", "crop", "recentre", "retime", "reverse", "loop", "hold", "resize"),
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--trim", "3:"], {"step": "trim", "first": 3, "last": None}),
        (["--trim", ":5"], {"step": "trim", "first": 1, "last": 5}),
        (["--levels", "0.1,0.9,1.5"], {"step": "levels", "black": 0.1, "white": 0.9, "gamma": 1.5}),
        (["--choke", "-1"], {"step": "choke", "pixels": -1.0}),
        (["--fade-edges", "6"], {"step": "fade_edges", "pixels": 6.0}),
        (["--smooth", "0.2"], {"step": "smooth", "gate": 0.2, "strength": 1.0}),
        (["--loop"], {"step": "loop", "overlap": None}),
        (["--hold", "5"], {"step": "hold", "start": 0, "end": 5}),
        (["--fps", "23.976"], {"step": "retime", "fps": "24000/1001", "method": "repeat"}),
        (
            ["--despill", "#00ff00"],
            {"step": "remove_background", "colour": [0.0, 1.0, 0.0], "space": "display"},
        ),
    ],
)
def test_every_setting_arrives(arguments: list[str], expected: dict[str, object]) -> None:
    assert steps(*arguments) == [expected]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--levels", "0.9,0.1"], "the black point must be below the white point"),
        (["--levels", "0.1"], "must be a black and a white point"),
        (["--trim", "7"], "is no range; write it as 2:40"),
        (["--trim", "9:3"], "must not come after"),
        (["--smooth", "clip.mov"], "'clip.mov' is no number; name the clips before the options"),
        (["--despill", "purple"], "is no colour"),
        (["--despill", "#zzzzzz"], "is no colour"),
        (["--scale", "0"], "is not possible"),
        (["--hold", "x"], "is no number"),
    ],
)
def test_what_is_not_possible_is_said(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        recipe(*arguments)
    assert words in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rate", "blend"], "name that rate with --fps"),
        (["--loop", "--ping-pong"], "use --loop or --ping-pong"),
        (["--recipe", "nothing.json"], "nothing.json cannot be read"),
    ],
)
def test_options_that_do_not_go_together_are_named(arguments: list[str], words: str) -> None:
    with pytest.raises(MediaError, match=words):
        recipe(*arguments)


def test_a_recipe_comes_from_a_file_and_stands_alone(tmp_path: Path) -> None:
    written = recipe("--levels", "0.1,0.9", "--loop", "2")
    file = tmp_path / "look.json"
    file.write_text(written.to_json(), "utf-8")

    assert recipe("--recipe", str(file)) == written
    with pytest.raises(MediaError, match="A recipe is the whole finishing"):
        recipe("--recipe", str(file), "--reverse")
    file.write_text('{"steps": [{"step": "levels", "black": 2}]}', "utf-8")
    with pytest.raises(MediaError, match=r"look.json: Step 1 of the recipe is not possible \(levels black"):
        recipe("--recipe", str(file))


def test_convert_finishes_on_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = export(stream_of(effect(32, 24, 8), Fraction(8)), "png8", tmp_path / "fire")
    options = ["--fps", "24", "--rate", "blend", "--loop", "6", "--scale", "2", "--crop", "4"]

    status = convert.main([str(clip), "--to", "ffv1", *options])

    printed = capsys.readouterr()
    assert status == 0, printed.err
    info = open_clip(Path(printed.out.strip())).info
    assert (info.fps, info.frame_count) == (24, 18)
    assert "Cropped to" in printed.err
