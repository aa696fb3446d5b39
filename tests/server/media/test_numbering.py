"""Which files make up a sequence, by the same rule as in the add-on."""

from pathlib import Path

import pytest

from server.media.errors import MediaError
from server.media.numbering import image_sequence, is_pattern, name_without_number, split_name
from tests.numbered_names import CASES, Case


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("case", CASES, ids=[case.program for case in CASES])
def test_numbered_names_as_programs_write_them(tmp_path: Path, case: Case) -> None:
    path = touch(tmp_path, *case.names) / case.asked
    if not case.sequence and split_name(case.asked):
        with pytest.raises(MediaError):
            image_sequence(path)
        return
    sequence = image_sequence(path)
    # A picture without a number stands alone here; the add-on only takes sequences.
    assert [file.name for file in sequence.files] == list(case.sequence or [case.asked])


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("shot_%04d.png", ("shot_0001.png", "shot_0002.png")),
        ("shot_%d.png", ("shot_9.png", "shot_10.png")),
        ("shot_####.png", ("shot_-001.png", "shot_0000.png")),
        ("a.####.left.exr", ("a.0001.left.exr", "a.0002.left.exr")),
        # Where the last number is a version, only a pattern can tell.
        ("shot_####_v2.png", ("shot_0001_v2.png", "shot_0002_v2.png")),
        ("%04d.png", ("0001.png", "0002.png")),
        ("shot_[####].png", ("shot_0001.png", "shot_0002.png")),
        ("shot_[0001-0100].png", ("shot_0001.png", "shot_0002.png")),
        ("shot_[0001].png", ("shot_0001.png", "shot_0002.png")),
        ("shot_[####].png", ("shot_[0001].png", "shot_[0002].png")),
        ("take#3 50% ####.png", ("take#3 50% 0001.png", "take#3 50% 0002.png")),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, names: tuple[str, ...]) -> None:
    touch(tmp_path, *names, "other_0001.png")
    assert is_pattern(tmp_path / pattern)
    assert tuple(file.name for file in image_sequence(tmp_path / pattern).files) == names


@pytest.mark.parametrize("name", ["take#3_0001.png", "50%d_0001.png", "a_[0001].png"])
def test_a_file_that_is_there_is_no_pattern(tmp_path: Path, name: str) -> None:
    path = touch(tmp_path, name) / name
    assert not is_pattern(path)
    assert image_sequence(path).files == [path]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shot_0001.png", "shot"),
        ("shot_-0001.png", "shot"),
        ("shot_0001_rgb.png", "shot_rgb"),
        ("shot_%04d.png", "shot"),
        ("v2.shot.####.exr", "v2.shot"),
        ("shot_####_v2.png", "shot_v2"),
        ("shot_[0001-0100].png", "shot"),
        ("shot_[0001].png", "shot"),
        ("0001.png", ""),
        ("####.png", ""),
        ("fire.png", "fire"),
        ("2026.png", ""),
    ],
)
def test_what_a_sequence_is_called(tmp_path: Path, name: str, expected: str) -> None:
    assert name_without_number(tmp_path / name) == expected
