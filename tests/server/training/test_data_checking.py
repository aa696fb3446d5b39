"""What is wrong with training clips is named clip by clip, before anything is trained."""

import json
import re
from fractions import Fraction

import numpy as np
import pytest

from server.media.images import write_image
from server.training.data import checking
from server.training.data.base_model import BaseModelFacts
from server.training.data.checking import check
from server.training.data.errors import DataError
from server.training.data.report_files import write_report
from server.training.data.settings import settings_for
from tests.server.media.films import film
from tests.server.media.made_streams import effect
from tests.server.training.data_folders import captioned, movie, pair

CLIP = effect(48, 32, 6)
INVISIBLE, OPAQUE = CLIP.copy(), CLIP.copy()
INVISIBLE[..., 3], OPAQUE[..., 3] = 0, 1
FACTS = {
    "width": 48,
    "height": 32,
    "num_frames": 5,
    "fps": 8,
    "size_multiple": 16,
    "only_size": False,
    "frames_multiple": 2,
    "joined_latent_frames": 1,
    "max_frames": 9,
    "text_length": 12,
    "rgb": "straight",
    "is_image_to_video": False,
}


@pytest.fixture
def model(tmp_path):
    return BaseModelFacts(folder=tmp_path / "model", **FACTS)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "clips").mkdir()
    return tmp_path / "clips"


def kinds(report):
    return {(problem.clip, problem.severity, problem.kind) for problem in report.problems}


def test_a_sound_folder(folder, model):
    captioned(movie(folder / "a.mkv", CLIP), "orange fire")
    captioned(movie(folder / "b.mkv", effect(48, 32, 21, seed=3)), "smoke")
    report = check(folder, settings_for(model))
    assert report.is_usable
    assert not report.problems
    first, second = report.clips
    assert (first.width, first.height, first.frame_count, first.fps) == (48, 32, 6, "8")
    assert (first.captions, first.bucket, first.parts) == (("orange fire",), "48x32x5", 1)
    assert first.mean_alpha == pytest.approx(float(CLIP[..., 3].mean()), abs=1e-4)
    assert first.highest_alpha == 1
    assert (second.bucket, second.parts) == ("48x32x5", 4)
    assert report.sentences() == ["clips: 2 clips", "  48x32x5: 5 clips to train on", "Nothing to mend."]


def test_without_a_model_nothing_is_said_of_sizes(folder):
    captioned(movie(folder / "a.mkv", CLIP[:1]), "orange fire")
    report = check(folder)
    assert report.is_usable
    assert report.clips[0].bucket is None


def cut_in_half(folder):
    data = movie(folder / "a.mov", CLIP).read_bytes()
    (folder / "a.mov").write_bytes(data[: len(data) // 2])


def damage_the_middle(folder):
    path = movie(folder / "a.mkv", CLIP)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    path.write_bytes(bytes(data))


def cut_a_frame(folder):
    frame = sorted(movie(folder / "a", CLIP).iterdir())[3]
    frame.write_bytes(frame.read_bytes()[:200])


def leave_out_a_frame(folder):
    sorted(movie(folder / "a", CLIP).iterdir())[3].unlink()


def one_frame_of_another_size(folder):
    movie(folder / "a", CLIP)
    write_image(folder / "a" / "0004.png", np.zeros((16, 16, 4), np.uint8), {})


def matte_of_another_length(folder):
    pair(folder, "a", CLIP, as_movies=True)
    (folder / "pha" / "a.mkv").unlink()
    movie(folder / "pha" / "a.mkv", CLIP[:3])


BAD = {
    "cut off": (cut_in_half, "a.mov", "unreadable", "damaged|incomplete|no movie"),
    "damaged": (damage_the_middle, "a.mkv", "unreadable", "damaged or incomplete"),
    "no movie": (lambda folder: (folder / "a.mov").write_bytes(b"text"), "a.mov", "unreadable", "no movie"),
    "an empty file": (lambda folder: (folder / "a.webm").touch(), "a.webm", "unreadable", "no movie"),
    "frame cut off": (cut_a_frame, "a", "unreadable", "0004.png is"),
    "frame missing": (leave_out_a_frame, "a", "unreadable", "4 is missing"),
    "frame sizes": (one_frame_of_another_size, "a", "unreadable", "0004.png is 16 x 16"),
    "lengths of a pair": (matte_of_another_length, "fgr/a.mkv", "unreadable", "has 6 frames and its matte"),
    "no alpha": (lambda folder: film(folder / "a.mp4", "testsrc2=s=64x48:r=8:d=1"), "a.mp4", "no-alpha", "pha/NAME"),
    "empty": (lambda folder: movie(folder / "a.mkv", INVISIBLE), "a.mkv", "empty", "Nothing in it is visible"),
    "opaque": (
        lambda folder: movie(folder / "a.mkv", OPAQUE), "a.mkv", "opaque", "opaque everywhere"
    ),
    "no caption": (lambda folder: movie(folder / "a.mkv", CLIP), "a.mkv", "no-caption", "has no caption"),
    "too short": (lambda folder: movie(folder / "a.mkv", CLIP[:2]), "a.mkv", "too-short", "has 2 frames at 8"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "name", "kind", "sentence"), BAD.values(), ids=BAD)
def test_bad_data_is_named_and_the_rest_is_read(folder, model, spoil, name, kind, sentence):
    spoil(folder)
    if kind != "no-caption":
        (folder / "a.txt").write_text("fire")
    captioned(movie(folder / "z.mkv", effect(48, 32, 6, seed=9)), "a sound one")
    report = check(folder, settings_for(model))
    assert not report.is_usable
    assert [(problem.clip, problem.kind) for problem in report.errors] == [(name, kind)]
    assert len(report.errors[0].sentence) < 300
    assert re.search(sentence, report.errors[0].sentence)
    assert report.clips[-1].mean_alpha is not None


def test_what_should_be_looked_at(folder, model):
    captioned(movie(folder / "slow.mkv", CLIP, fps=Fraction(6)), "slow")
    captioned(movie(folder / "small.mkv", effect(24, 16, 6, seed=5)), "small")
    captioned(movie(folder / "wide.mkv", effect(96, 32, 6, seed=6)), "wide")
    captioned(movie(folder / "late.mkv", np.concatenate([INVISIBLE, CLIP[:1]])), "late")
    captioned(movie(folder / "images", CLIP, format="exr"), "images")
    report = check(folder, settings_for(model))
    assert report.is_usable
    assert kinds(report) == {
        ("slow.mkv", "warning", "repeated"),
        ("slow.mkv", "warning", "duplicate"),
        ("small.mkv", "warning", "enlarged"),
        ("wide.mkv", "warning", "cropped"),
        ("late.mkv", "warning", "empty"),
    }


def test_the_same_clip_twice_also_in_another_format(folder):
    captioned(movie(folder / "a.mkv", CLIP), "fire")
    captioned(movie(folder / "b.mov", CLIP), "fire again")
    captioned(movie(folder / "c.mkv", effect(48, 32, 6, seed=4)), "something else")
    assert [str(problem) for problem in check(folder).problems] == [
        "b.mov: It is the same clip as a.mkv; remove one of the two."
    ]


def test_an_empty_folder(folder):
    report = check(folder)
    assert kinds(report) == {("", "error", "no-clips")}
    with pytest.raises(DataError, match="There is no folder"):
        check(folder / "nowhere")


def test_a_reader_that_fails_in_its_own_way_stops_nothing(folder, monkeypatch):
    """No file is known that does this; it stands for those that nobody knows yet."""
    captioned(movie(folder / "a.mkv", CLIP), "fire")
    captioned(movie(folder / "b.mkv", effect(48, 32, 6, seed=2)), "fire")
    real = checking.Observed.add
    seen = []

    def add(self, frame):
        seen.append(frame)
        if len(seen) == 2:
            raise ValueError("a strange frame")
        real(self, frame)

    monkeypatch.setattr(checking.Observed, "add", add)
    report = check(folder)
    assert [str(problem) for problem in report.problems] == [
        "a.mkv: It cannot be read (ValueError: a strange frame); convert or render it again."
    ]
    assert report.clips[1].mean_alpha


def test_the_report_is_written_for_programs_and_for_people(folder, tmp_path):
    captioned(movie(folder / "a.mkv", CLIP), "fire & <smoke>")
    movie(folder / "b.mkv", effect(48, 32, 6, seed=4))
    as_json, as_page = write_report(check(folder), tmp_path / "report")
    contents = json.loads(as_json.read_text())
    assert contents["is_usable"] is False
    assert contents["clips"][0]["captions"] == ["fire & <smoke>"]
    assert "thumbnails" not in contents["clips"][0]
    assert contents["problems"][0]["kind"] == "no-caption"
    page = as_page.read_text()
    assert page.count("data:image/webp;base64,") == 2
    assert "fire &amp; &lt;smoke&gt;" in page
    # What must be mended comes first.
    assert page.index("b.mkv") < page.index("a.mkv")
    assert str(tmp_path) not in page
