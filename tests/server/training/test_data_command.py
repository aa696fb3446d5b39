"""`python -m server train --check` and `--prepare`, from a folder of clips to a cache that training opens."""

import json

import pytest

from server.commands.train import main
from server.training.data.cache import LatentCache
from tests.server.media.made_streams import effect
from tests.server.training.data_folders import captioned, movie
from tests.tiny_model import write_tiny_model

CLIP = effect(32, 32, 5)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(write_tiny_model(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "clips").mkdir()
    captioned(movie(tmp_path / "clips" / "a.mkv", CLIP), "orange fire")
    return tmp_path / "clips"


def test_a_sound_folder_is_checked_and_prepared(folder, base, tmp_path, capsys):
    assert main(["--check", str(folder), "--base", base]) == 0
    assert "32x32x5: 1 clip to train on" in capsys.readouterr().out
    assert json.loads((tmp_path / "clips_check.json").read_text())["is_usable"]
    assert (tmp_path / "clips_check.html").is_file()

    assert main(["--prepare", str(folder), "--base", base, "--device", "cpu"]) == 0
    assert "1 clip prepared in" in capsys.readouterr().out
    cache = LatentCache.open(tmp_path / "clips_prepared")
    assert (len(cache), cache.index.rgb) == (1, "premultiplied")
    # Nothing is written among the data.
    assert sorted(path.name for path in folder.iterdir()) == ["a.mkv", "a.txt"]


def test_what_must_be_mended_is_said_and_told_by_the_exit_status(folder, base, tmp_path, capsys):
    movie(folder / "b.mkv", effect(32, 32, 5, seed=2))
    assert main(["--check", str(folder), "--report", str(tmp_path / "report")]) == 1
    said = capsys.readouterr().out
    assert "1 thing that must be mended:\n  b.mkv: It has no caption" in said
    assert (tmp_path / "report.html").is_file()
    assert main(["--prepare", str(folder), "--base", base, "--cache", str(tmp_path / "cache")]) == 1
    assert len(LatentCache.open(tmp_path / "cache")) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--check", "nowhere"], "There is no folder nowhere; name the one that holds the clips."),
        (["--check", ".", "--base", "no-such-model"], "There is no base 'no-such-model'"),
        (["--check", ".", "--base", "mini", "--size", "100x64"], "Width 100 is not a multiple of 16; use 96 or 112."),
        (["--prepare", "nowhere", "--base", "mini", "--cache", "cache"], "There is no folder nowhere"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    assert sentence in capsys.readouterr().err


def test_a_folder_must_be_named(capsys):
    with pytest.raises(SystemExit):
        main(["--check"])
    assert "name the folder" in capsys.readouterr().err
