"""Every writer on a disk that takes a part only: a sentence, and nothing under the name of what is not whole."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from server.commands import convert, effects, finish, inspect
from server.files import new_folder, write_file
from server.media.archive import archived
from server.media.errors import MediaError
from server.media.formats import FORMATS, export
from server.media.whole import is_whole_png
from server.training import contact_sheet
from server.training.data.tensor_files import write_tensors
from server.training.effects.clip_folder import write_clip_folder
from server.training.lora.checkpoints import Checkpoints
from server.training.lora.errors import TrainingError
from server.transpixar.weights import write_rgba_weights
from tests.server.media.file_limit import file_limit
from tests.server.media.made_streams import stream_of

_LIMIT = 8192


def noise(count: int = 3) -> np.ndarray:
    """What no format can make small: (F, H, W, 4)."""
    frames: np.ndarray = np.random.default_rng(0).random((count, 128, 128, 4)).astype(np.float32)
    return frames


@pytest.mark.parametrize("limit", [1, 600, 4096, _LIMIT])
@pytest.mark.parametrize("name", FORMATS)
def test_no_format_leaves_what_is_not_whole(name: str, limit: int, tmp_path: Path) -> None:
    target = tmp_path / "new" / f"clip{FORMATS[name].suffix}"
    with file_limit(limit), pytest.raises(MediaError) as caught:
        export(stream_of(noise()), name, target)

    assert list(tmp_path.iterdir()) == []
    assert str(caught.value).endswith(".") and "cannot" in str(caught.value) and ": ." not in str(caught.value)


@pytest.mark.parametrize("name", ["png8", "prores4444"])
def test_what_an_earlier_export_has_left_stays(name: str, tmp_path: Path) -> None:
    target = tmp_path / f"clip{FORMATS[name].suffix}"
    export(stream_of(noise()), name, target)
    first = target / "0001.png" if target.is_dir() else target
    before = first.read_bytes()
    with file_limit(_LIMIT), pytest.raises(MediaError):
        export(stream_of(noise()), name, target, force=True)

    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    assert first.read_bytes() == before


def test_no_file_is_replaced_by_half_of_one(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    write_file(file, b"whole")
    with file_limit(_LIMIT), pytest.raises(OSError, match="too large"):
        write_file(file, bytes(2 * _LIMIT))

    assert file.read_bytes() == b"whole" and list(tmp_path.iterdir()) == [file]


def test_no_folder_appears_with_a_part_of_its_files(tmp_path: Path) -> None:
    with file_limit(_LIMIT), pytest.raises(OSError, match="too large"), new_folder(
        tmp_path / "clip", tmp_path / ".partial"
    ) as folder:  # fmt: skip
        (folder / "0001.png").write_bytes(b"fits")
        (folder / "0002.png").write_bytes(bytes(2 * _LIMIT))

    assert list(tmp_path.iterdir()) == []


def test_a_clip_folder_and_its_archive_are_whole_or_not_there(tmp_path: Path) -> None:
    stream = stream_of(noise())
    with file_limit(_LIMIT), pytest.raises(OSError, match="too large"):
        write_clip_folder(stream, tmp_path, prompt="noise", seed=1)
    assert list(tmp_path.iterdir()) == []

    clip = write_clip_folder(stream, tmp_path, prompt="noise", seed=1)
    with file_limit(_LIMIT), pytest.raises(MediaError, match="make room"):
        archived(clip, tmp_path / "clip.zip")
    assert list(tmp_path.iterdir()) == [clip]


def test_pictures_for_people_and_what_training_writes(tmp_path: Path) -> None:
    tensors = {"values": torch.rand(64, 64)}
    with file_limit(_LIMIT):
        with pytest.raises(OSError, match="too large"):
            contact_sheet.write(tmp_path / "sheet.png", [noise()], ["noise"])
        with pytest.raises(OSError, match="too large"):
            write_tensors(tmp_path / "cached.safetensors", tensors)
        with pytest.raises(Exception, match=r"(?i)too large"):
            write_rgba_weights(tensors, tmp_path / "lora.safetensors")
        with pytest.raises(TrainingError, match="make room"):
            Checkpoints(tmp_path / "checkpoints", keep=1).save(1, {"values": tensors}, {}, {})

    assert [path.name for path in tmp_path.rglob("*")] == ["checkpoints"]


def test_the_commands_say_it_and_end_with_another_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, out = tmp_path / "clip", tmp_path / "out"
    export(stream_of(noise()), "png8", clip)
    made = write_clip_folder(stream_of(noise()), tmp_path, prompt="noise", seed=1)
    out.mkdir()
    capsys.readouterr()
    calls = [
        (convert.main, [str(clip), "--to", "png16", "--out", str(out / "converted")]),
        (convert.main, [str(clip), "--to", "webm", "--out", str(out / "converted.webm")]),
        (effects.main, ["fire", "--size", "256", "--frames", "2", "--out", str(out)]),
        (effects.main, ["--sheet", str(out / "sheet.png")]),
        (finish.main, [str(made), "--extend", "--out", str(out)]),
        (inspect.main, [str(made), "--sheet", str(out / "inspect.png")]),
    ]
    for command, arguments in calls:
        with file_limit(_LIMIT):
            status = command(arguments)
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert (status, said[-1:], list(out.iterdir())) == (1, ".", []), (arguments, said)
        assert "cannot" in said and "partial" not in said


def test_a_png_that_is_cut_off_or_changed_is_not_whole(tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    Image.fromarray((noise(1)[0] * 255).astype(np.uint8)).save(whole)
    data = whole.read_bytes()
    assert is_whole_png(whole)
    changed = data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]
    for damaged in (b"", data[:8], data[:-1], data[:-12], data[:4096], changed, data + b"\0"):
        (tmp_path / "damaged.png").write_bytes(damaged)
        assert not is_whole_png(tmp_path / "damaged.png")
