"""Every way to keep clips is found, opened with its pixels, and gets its captions."""

import json

import numpy as np
import pytest

from server.training.data.captions import Captions
from server.training.data.errors import DataError
from server.training.data.finding import find_clips
from tests.server.media.made_streams import effect, read
from tests.server.training.data_folders import captioned, clip_folder, movie, pair, tiff_sequence

CLIP = effect(48, 32, 6)


def captions_of(folder, prompts=()):
    found = find_clips(folder)
    captions = Captions(folder, found.clips)
    return {clip.name: captions.of(clip, dict(prompts).get(clip.name)) for clip in found.clips}, captions.problems


def sentences(problems):
    return [str(problem) for problem in problems]


KEPT = {
    "ProRes 4444": (lambda folder: movie(folder / "fire.mov", CLIP), "fire.mov", 0.02),
    "WebM": (lambda folder: movie(folder / "fire.webm", CLIP), "fire.webm", 0.03),
    "FFV1": (lambda folder: movie(folder / "fire.mkv", CLIP), "fire.mkv", 0),
    "QuickTime Animation": (lambda folder: movie(folder / "fire.mov", CLIP, format="qtrle"), "fire.mov", 0),
    "animated WebP": (lambda folder: movie(folder / "fire2.webp", CLIP, format="webp"), "fire2.webp", 0.005),
    "PNG": (lambda folder: movie(folder / "fire", CLIP), "fire", 0),
    "EXR": (lambda folder: movie(folder / "fire", CLIP, format="exr"), "fire", 0.005),
    "TIFF, straight": (lambda folder: tiff_sequence(folder / "fire", CLIP, associated=False), "fire", 0.0001),
    "TIFF, premultiplied": (lambda folder: tiff_sequence(folder / "fire", CLIP, associated=True), "fire", 0.01),
    "clip folder": (lambda folder: clip_folder(folder, CLIP, "orange fire"), "orange-fire_7_01234567", 0),
    "pair of movies": (lambda folder: pair(folder, "fire", CLIP, as_movies=True), "fgr/fire.mkv", 0.003),
    "pair of sequences": (lambda folder: pair(folder, "fire", CLIP, as_movies=False), "fgr/fire", 0.003),
}


@pytest.mark.parametrize(("write", "name", "tolerance"), KEPT.values(), ids=KEPT)
def test_a_clip_of_every_kind_is_found_and_read(tmp_path, write, name, tolerance):
    write(tmp_path)
    found = find_clips(tmp_path)
    assert [clip.name for clip in found.clips] == [name]
    assert not found.problems
    frames = read(found.clips[0].open())
    # What is visible; formats differ in what they keep where alpha is 0.
    weight = np.concatenate([CLIP[..., 3:].repeat(3, axis=-1), np.ones_like(CLIP[..., 3:])], axis=-1)
    assert np.abs((frames - CLIP) * weight).mean() <= tolerance
    assert found.clips[0].files()


def test_clips_lie_in_folders_of_folders(tmp_path):
    movie(tmp_path / "b.mov")
    movie(tmp_path / "more" / "a.mkv")
    movie(tmp_path / "more" / "sequence")
    pair(tmp_path / "matting" / "train", "0001", CLIP, as_movies=True)
    (tmp_path / ".hidden").mkdir()
    movie(tmp_path / ".hidden" / "c.mkv")
    (tmp_path / "readme.md").write_text("about these clips")
    names = [clip.name for clip in find_clips(tmp_path).clips]
    assert names == ["b.mov", "matting/train/fgr/0001.mkv", "more/a.mkv", "more/sequence"]


def test_several_sequences_in_one_folder(tmp_path):
    for prefix in ("fire", "smoke"):
        movie(tmp_path / prefix)
        for file in sorted((tmp_path / prefix).iterdir()):
            file.rename(tmp_path / f"{prefix}_{file.name}")
        (tmp_path / prefix).rmdir()
    (tmp_path / "smoke.txt").write_text("grey smoke")
    words, _ = captions_of(tmp_path)
    assert words == {"fire_####.png": (), "smoke_####.png": ("grey smoke",)}
    assert all(clip.open().info.frame_count == 6 for clip in find_clips(tmp_path).clips)


def test_a_folder_with_one_fgr_and_one_pha_is_one_clip(tmp_path):
    pair(tmp_path, "fire", CLIP, as_movies=False)
    (tmp_path / "clip").mkdir()
    for part in ("fgr", "pha"):
        (tmp_path / part / "fire").rename(tmp_path / "clip" / part)
        (tmp_path / part).rmdir()
    assert [clip.name for clip in find_clips(tmp_path).clips] == ["clip"]


def test_a_half_without_its_other_half_is_named(tmp_path):
    pair(tmp_path, "0001", CLIP, as_movies=True)
    movie(tmp_path / "fgr" / "0002.mkv")
    movie(tmp_path / "pha" / "0003.mkv")
    found = find_clips(tmp_path)
    assert [clip.name for clip in found.clips] == ["fgr/0001.mkv"]
    assert sentences(found.problems) == [
        "fgr/0002.mkv: There is no clip of the same name in pha/; add it, or remove this one.",
        "pha/0003.mkv: There is no clip of the same name in fgr/; add it, or remove this one.",
    ]


def test_there_is_no_such_folder(tmp_path):
    with pytest.raises(DataError, match="There is no folder"):
        find_clips(tmp_path / "nowhere")


def test_captions_from_text_files(tmp_path):
    captioned(movie(tmp_path / "a.mkv"), "orange fire", "", "  a  fire\tburning ", "orange fire")
    captioned(movie(tmp_path / "b"), "blue smoke")
    movie(tmp_path / "c")
    (tmp_path / "c" / "caption.txt").write_text("green sparks")
    pair(tmp_path / "set", "0001", CLIP, as_movies=True)
    (tmp_path / "set" / "0001.txt").write_text("a person waving")
    assert captions_of(tmp_path) == (
        {
            "a.mkv": ("orange fire", "a fire burning"),
            "b": ("blue smoke",),
            "c": ("green sparks",),
            "set/fgr/0001.mkv": ("a person waving",),
        },
        [],
    )


def test_captions_from_json_lines(tmp_path):
    movie(tmp_path / "a.mkv")
    movie(tmp_path / "sub" / "b")
    pair(tmp_path, "0001", CLIP, as_movies=True)
    entries = [
        {"file": "a.mkv", "caption": "orange fire", "captions": ["a fire", "orange fire"]},
        {"file_name": "sub\\b", "text": "blue smoke"},
        {"file": "0001", "prompt": "a person waving"},
        {"file": "a", "caption": "a third one"},
    ]
    (tmp_path / "captions.jsonl").write_text("\n\n".join(map(json.dumps, entries)))
    words, problems = captions_of(tmp_path)
    assert words == {
        "a.mkv": ("orange fire", "a fire", "a third one"),
        "sub/b": ("blue smoke",),
        "fgr/0001.mkv": ("a person waving",),
    }
    assert not problems


def test_captions_from_a_table(tmp_path):
    captioned(movie(tmp_path / "a.mkv"), "what the table replaces")
    movie(tmp_path / "b.mkv")
    (tmp_path / "captions.csv").write_text(
        'file,caption,caption_2\r\na.mkv,"fire, orange",\r\nb.mkv,smoke,grey smoke\r\n', "utf-8-sig"
    )
    assert captions_of(tmp_path) == ({"a.mkv": ("fire, orange",), "b.mkv": ("smoke", "grey smoke")}, [])


def test_the_prompt_of_a_clip_stands_in(tmp_path):
    clip_folder(tmp_path, CLIP, "orange fire")
    clip = find_clips(tmp_path).clips[0]
    words, _ = captions_of(tmp_path, {clip.name: clip.open().info.metadata["prompt"]})
    assert words == {clip.name: ("orange fire",)}


@pytest.mark.parametrize(
    ("name", "contents", "sentence"),
    [
        ("c.jsonl", b'{"file": "a.mkv", "caption"', "c.jsonl: line 1 is no JSON"),
        ("c.jsonl", b'["a.mkv", "fire"]', "c.jsonl: line 1 is no JSON object"),
        ("c.jsonl", b'{"caption": "fire"}', "c.jsonl, line 1: no clip is named"),
        ("c.jsonl", b'{"file": "b.mkv", "caption": "fire"}', "c.jsonl, line 1: there is no clip b.mkv"),
        ("c.csv", b"a.mkv,orange fire\n", "c.csv: the first line must name the columns"),
        ("c.csv", b"file,caption\nb.mkv,fire\n", "c.csv, line 2: there is no clip b.mkv"),
        ("c.csv", b"file,caption\na.mkv,f\xfcr\n", "c.csv: it is no UTF-8 text"),
        ("a.txt", b"f\xfcr", "a.mkv: a.txt: it is no UTF-8 text"),
    ],
)
def test_what_is_wrong_with_captions_is_said(tmp_path, name, contents, sentence):
    movie(tmp_path / "a.mkv")
    (tmp_path / name).write_bytes(contents)
    _, problems = captions_of(tmp_path)
    assert len(problems) == 1
    assert str(problems[0]).startswith(sentence)


def test_two_tables_are_one_too_many(tmp_path):
    for name in ("a.csv", "b.jsonl"):
        (tmp_path / name).write_text("")
    assert sentences(captions_of(tmp_path)[1]) == [
        "There are several tables of captions (a.csv, b.jsonl); keep one of them."
    ]
