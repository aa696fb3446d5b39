"""An export appears complete or not at all, and nothing that was there is harmed."""

import os
import weakref
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from server.media import ffmpeg
from server.media.clip_reader import open_clip
from server.media.colour import Frame
from server.media.errors import ExportCancelled, MediaError
from server.media.formats import FORMATS, export
from server.media.stream import ClipInfo, ClipStream
from tests.server.media.made_streams import Endless, effect, read, stream_of


def target(folder: Path, format: str) -> Path:
    return folder / ("clip" + FORMATS[format].suffix)


@pytest.mark.parametrize("format", FORMATS)
def test_cancelled_in_the_middle_nothing_is_left_and_the_source_is_closed(tmp_path: Path, format: str) -> None:
    clip = Endless(1000)
    with pytest.raises(ExportCancelled):
        export(clip.stream, format, target(tmp_path / "new" / "folder", format), should_stop=lambda: clip.asked > 5)

    assert clip.asked == 6
    assert clip.closed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", FORMATS)
def test_a_source_that_breaks_off_leaves_nothing(tmp_path: Path, format: str) -> None:
    frames = effect(16, 16, 4)

    def broken() -> Iterator[Frame]:
        yield from frames[:2]
        raise MediaError("0003.png is damaged.")

    stream = stream_of(frames)
    with pytest.raises(MediaError, match=r"0003\.png is damaged"):
        export(ClipStream(stream.info, broken), format, target(tmp_path, format))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", FORMATS)
def test_fewer_or_more_frames_than_were_told_are_an_error(tmp_path: Path, format: str) -> None:
    stream = stream_of(effect(16, 16, 4))
    for told in (3, 5):
        wrong = ClipStream(replace(stream.info, frame_count=told), stream.frames)
        with pytest.raises(MediaError, match=rf"effect has (4 of|more than) the {told} frames"):
            export(wrong, format, target(tmp_path, format))
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", FORMATS)
def test_progress_counts_the_frames(tmp_path: Path, format: str) -> None:
    seen: list[int] = []
    export(stream_of(effect(16, 16, 4)), format, target(tmp_path, format), progress=seen.append)

    assert seen == [1, 2, 3, 4]


@pytest.mark.parametrize("format", ["png8", "ffv1", "webp", "sprite-sheet"])
def test_what_is_there_is_replaced_only_by_force(tmp_path: Path, format: str) -> None:
    first, second = effect(16, 16, 4, seed=1), effect(16, 16, 2, seed=2)
    path = export(stream_of(first), format, target(tmp_path, format))
    with pytest.raises(MediaError, match="exists already; replace it with --force"):
        export(stream_of(second), format, path)
    np.testing.assert_array_equal(read(open_clip(path))[..., 3], first[..., 3])

    export(stream_of(second), format, path, force=True)
    np.testing.assert_array_equal(read(open_clip(path))[..., 3], second[..., 3])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("format", ["png8", "ffv1", "sprite-sheet"])
def test_a_failed_replacement_leaves_the_old_one(tmp_path: Path, format: str) -> None:
    frames = effect(16, 16, 4)
    path = export(stream_of(frames), format, target(tmp_path, format))
    with pytest.raises(ExportCancelled):
        export(Endless(10).stream, format, path, force=True, should_stop=lambda: True)

    np.testing.assert_array_equal(read(open_clip(path)), frames)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_force_never_replaces_a_folder_with_other_files(tmp_path: Path) -> None:
    folder = export(stream_of(effect()), "png8", tmp_path / "clip")
    (folder / "notes.txt").write_text("keep me")
    with pytest.raises(MediaError, match="holds more than an exported clip"):
        export(stream_of(effect()), "png8", folder, force=True)
    assert (folder / "notes.txt").read_text() == "keep me"


def test_a_folder_is_never_replaced_by_a_file_nor_the_other_way_round(tmp_path: Path) -> None:
    (tmp_path / "clip.mov").mkdir()
    with pytest.raises(MediaError, match="is a folder, which is not replaced"):
        export(stream_of(effect()), "qtrle", tmp_path / "clip.mov", force=True)
    (tmp_path / "clip").write_text("a file")
    with pytest.raises(MediaError, match="is a file, which is not replaced"):
        export(stream_of(effect()), "png8", tmp_path / "clip", force=True)


def test_a_wrong_suffix_is_told(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"A prores4444 file ends with \.mov; name it clip\.mov"):
        export(stream_of(effect()), "prores4444", tmp_path / "clip.mp4")


def test_an_unknown_format_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="There is no format 'gif'; use one of png8, png16, exr"):
        export(stream_of(effect()), "gif", tmp_path / "clip")


@pytest.mark.skipif(os.name != "posix" or not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_full_disk_is_told_in_ffmpeg_s_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "location", lambda path: "file:/dev/full")
    with pytest.raises(MediaError, match=r"ffmpeg cannot write clip\.mkv: .*No space left"):
        export(stream_of(effect(64, 64, 30)), "ffv1", tmp_path / "clip.mkv")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for format in ("png8", "ffv1"):
        with pytest.raises(MediaError, match=r"clip.* cannot be written: "):
            export(stream_of(effect()), format, target(tmp_path / "file" / "folder", format))


def test_only_one_frame_is_asked_for_ahead(tmp_path: Path) -> None:
    """Writers take frame after frame; one that collected them would hold a whole clip."""
    for format in FORMATS:
        made: list[weakref.ref] = []
        most_alive = 0

        def frames(made: list[weakref.ref] = made) -> Iterator[Frame]:
            nonlocal most_alive
            for _ in range(40):
                frame = np.full((16, 16, 4), 0.5, np.float32)
                made.append(weakref.ref(frame))
                yield frame
                most_alive = max(most_alive, sum(one() is not None for one in made))

        export(
            ClipStream(ClipInfo("counted", 16, 16, Fraction(24), 40), frames),
            format,
            tmp_path / (format + FORMATS[format].suffix),
        )
        assert most_alive <= 2, format
