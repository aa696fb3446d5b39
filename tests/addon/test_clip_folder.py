import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core.clip import Canvas, Clip, Sidecar, safe_name
from blender_transpixar.core.errors import InvalidClipError
from tests.addon.made_clips import frames_of, sidecar_for, write_clip


@pytest.mark.parametrize("entry", [".", "test-effect.transpixar", "0003.png"])
def test_a_clip_opens_by_its_folder_its_sidecar_or_a_frame(tmp_path: Path, entry: str):
    clip = Clip.open(write_clip(tmp_path, count=5) / entry)
    assert (clip.sidecar.frame_count, clip.sidecar.fps, clip.sidecar.request["prompt"]) == (5, 8, "test effect")
    assert clip.first_frame_path.name == "0001.png"


def test_a_missing_frame_is_named(tmp_path: Path):
    folder = write_clip(tmp_path)
    (folder / "0004.png").unlink()
    with pytest.raises(InvalidClipError, match=r"0004\.png is missing"):
        Clip.open(folder)


def test_folders_that_are_no_clip_say_what_to_choose(tmp_path: Path):
    with pytest.raises(InvalidClipError, match=r"holds no \.transpixar file. Choose"):
        Clip.open(tmp_path)
    with pytest.raises(InvalidClipError, match="does not exist"):
        Clip.open(tmp_path / "nowhere")
    for name in ("a.transpixar", "b.transpixar"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(InvalidClipError, match="several clips"):
        Clip.open(tmp_path)
    with pytest.raises(InvalidClipError, match="does not describe a TransPixar clip"):
        Clip.open(tmp_path / "a.transpixar")


@pytest.mark.parametrize(
    "change",
    [
        {"pattern": "../../%04d.png"},
        {"pattern": "%s%04d.png"},
        {"pattern": "frame.png"},
        {"fps": 0},
        {"fps": "8"},
        {"frame_count": 10**12},
        {"width": True},
        {"sha256": None},
        {"first_frame": -1},
        {"pattern": "x" * 200 + "%04d.png"},
        {"canvas": [64, 64, 0, 0]},
        {"canvas": {"width": 64, "height": 0, "x": 0, "y": 0}},
        {"canvas": {"width": 64, "height": 64, "x": 0.5, "y": 0}},
    ],
)
def test_a_damaged_description_is_refused(change: dict):
    with pytest.raises(InvalidClipError, match="damaged"):
        Sidecar.from_json(sidecar_for(frames_of(1)) | change)


def test_a_cropped_clip_knows_what_it_was_cut_out_of():
    sidecar = Sidecar.from_json(sidecar_for(frames_of(1), canvas={"width": 64, "height": 48, "x": 10, "y": -3}))
    assert sidecar.canvas == Canvas(width=64, height=48, x=10, y=-3)
    assert Sidecar.from_json(sidecar_for(frames_of(1))).canvas is None


def test_a_clip_of_a_newer_format_asks_for_an_update():
    with pytest.raises(InvalidClipError, match="Update the add-on"):
        Sidecar.from_json(sidecar_for(frames_of(1), format_version=2))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
)
KEYS = [*sorted(sidecar_for([b""])), "canvas"]


@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4))
def test_any_sidecar_is_read_or_gets_the_typed_error(changes: dict):
    data = json.loads(json.dumps(sidecar_for([b"", b""]) | changes))
    try:
        sidecar = Sidecar.from_json(data)
    except InvalidClipError:
        return
    assert "/" not in next(sidecar.frame_names())


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "a\\b", ".hidden", "", "c:x", "a\0", "x" * 200, "NUL", "com1.png", "a."]
)
def test_names_from_the_server_stay_inside_of_the_folder(name: str):
    with pytest.raises(InvalidClipError):
        safe_name(name)
