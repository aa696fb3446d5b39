from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core.errors import InvalidClipError
from blender_transpixar.core.sequence import Sequence
from tests.addon.made_clips import write_clip
from tests.numbered_names import CASES, Case


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


@pytest.mark.parametrize("entry", [".", "test-effect.transpixar", "0003.png"])
def test_a_clip_by_any_of_its_files(tmp_path: Path, entry: str):
    sequence = Sequence.open(write_clip(tmp_path, count=5) / entry)
    assert (sequence.name, sequence.frame_count, sequence.fps) == ("test-effect", 5, 8)
    assert sequence.first_path.name == "0001.png"
    assert sequence.clip is not None


@pytest.mark.parametrize("entry", [".", "shot2_0099.exr", "shot2_0101.exr"])
def test_numbered_pictures_by_any_of_them_or_their_folder(tmp_path: Path, entry: str):
    touch(tmp_path / "shot", "shot2_0099.exr", "shot2_0100.exr", "shot2_0101.exr", "notes.txt", "Thumbs.db")
    sequence = Sequence.open(tmp_path / "shot" / entry)
    assert (sequence.name, sequence.first, sequence.frame_count) == ("shot2", 99, 3)
    assert [sequence.file_name(index) for index in range(3)] == [f"shot2_{n:04d}.exr" for n in (99, 100, 101)]
    assert (sequence.fps, sequence.clip) == (None, None)


def test_numbers_need_no_zeros_in_front(tmp_path: Path):
    touch(tmp_path / "fire", *(f"{n}.tiff" for n in range(8, 12)))
    sequence = Sequence.open(tmp_path / "fire" / "10.tiff")
    assert (sequence.name, sequence.first_path.name, sequence.frame_count) == ("fire", "8.tiff", 4)


def test_pictures_beside_a_clip_that_are_not_its_own(tmp_path: Path):
    folder = write_clip(tmp_path)
    touch(folder, "matte_1.png", "matte_2.png")
    assert Sequence.open(folder / "matte_2.png").name == "matte"
    assert Sequence.open(folder / "0002.png").name == "test-effect"


def test_what_cannot_be_placed_says_what_to_choose(tmp_path: Path):
    touch(tmp_path, "cover.png", "a_1.png", "a_3.png")
    with pytest.raises(InvalidClipError, match="no number in its name"):
        Sequence.open(tmp_path / "cover.png")
    with pytest.raises(InvalidClipError, match=r"a_2\.png is missing"):
        Sequence.open(tmp_path / "a_3.png")
    with pytest.raises(InvalidClipError, match="does not exist"):
        Sequence.open(tmp_path / "a_2.png")
    touch(tmp_path, "b_1.png")
    with pytest.raises(InvalidClipError, match="several sequences"):
        Sequence.open(tmp_path)
    with pytest.raises(InvalidClipError, match="no numbered pictures"):
        Sequence.open(touch(tmp_path / "empty"))


@pytest.mark.parametrize("case", CASES, ids=[case.program for case in CASES])
def test_numbered_names_as_programs_write_them(tmp_path: Path, case: Case):
    touch(tmp_path / "shot", *case.names)
    asked = tmp_path / "shot" / case.asked
    if not case.sequence:
        with pytest.raises(InvalidClipError, match=r"\.png"):
            Sequence.open(asked)
        return
    sequence = Sequence.open(asked)
    assert tuple(map(sequence.file_name, range(sequence.frame_count))) == case.sequence
    if case.countable:
        sequence.check_countable()
    else:
        with pytest.raises(InvalidClipError, match="place them as a strip"):
            sequence.check_countable()


@given(
    names=st.sets(st.from_regex(r"[ab]{0,2}[0-9]{1,4}(\.png|_x\.exr|\.txt)", fullmatch=True), min_size=1, max_size=6)
)
def test_a_sequence_names_only_files_that_are_there(names: set[str], tmp_path_factory: pytest.TempPathFactory):
    folder = touch(tmp_path_factory.mktemp("any") / "pictures", *names)
    for name in names:
        try:
            sequence = Sequence.open(folder / name)
        except InvalidClipError:
            continue
        found = {sequence.file_name(index) for index in range(sequence.frame_count)}
        assert name in found and found <= names
