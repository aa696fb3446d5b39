"""Files and folders of any name are read and written, or a sentence names what is wrong with it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from server.commands.inspect import main as inspect
from server.launch import module_environment
from server.media import formats
from server.media.clip_reader import open_clip
from server.media.errors import MediaError
from server.media.formats import FORMATS, export
from server.media.naming import can_be_named
from tests.server.media.made_streams import effect, read, stream_of

FRAMES = effect(32, 24, 2)
NO_TEXT = os.fsdecode(b"smoke \xff\xfe")
NAMES = ['it\'s "50%" #1 ?*<>|', "con", "trail. ", "fumée 火", "-y", "two\nlines", "%04d", "[1-2]"]
if sys.platform == "linux":
    NAMES.append(NO_TEXT)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("format", ["png8", "exr", "qtrle", "webp", "sprite-sheet"])
def test_any_name(tmp_path: Path, format: str, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    target = export(stream_of(FRAMES), format, folder / (name + FORMATS[format].suffix))
    if format in ("png8", "exr"):
        for file in list(target.iterdir()):
            file.rename(target / f"{name}_{file.name}")

    visible = FRAMES[..., 3] > 0.5
    np.testing.assert_allclose(read(open_clip(target))[visible], FRAMES[visible], atol=0.1)
    if format in ("png8", "exr"):
        frame = next(target.glob("*0001.*"))
        assert open_clip(frame).info.frame_count == 2


@pytest.mark.skipif(sys.platform != "linux", reason="names without an encoding are Linux's")
def test_commands_print_names_that_are_no_text(tmp_path: Path) -> None:
    clip = export(stream_of(FRAMES), "png8", tmp_path / NO_TEXT)
    environment = {**module_environment(), "PYTHONIOENCODING": "utf-8:strict"}
    for arguments in (["convert", clip, "--to", "qtrle"], ["inspect", clip], ["inspect", clip, "--json"]):
        command = [sys.executable, "-m", "server", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, timeout=120, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        assert b"smoke" in done.stdout


@pytest.mark.parametrize(
    "name", ["con", "NUL.mov", "Com1 .png", "fire.", "fire ", "what?", 'a"b', "a\tb", "lpt9.tar.gz"]
)
def test_names_that_windows_does_not_take(name: str) -> None:
    assert not can_be_named(name, on_windows=True)
    assert can_be_named(name, on_windows=False)


@pytest.mark.parametrize("name", ["console", "fire.mov", "50% 'fire' #1", "fumée 火", ".hidden", "a.b c"])
def test_names_that_windows_takes(name: str) -> None:
    assert can_be_named(name, on_windows=True)


def test_a_name_that_cannot_be_is_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "can_be_named", lambda name: False)
    with pytest.raises(MediaError, match=r"^Windows has no files called nul\.mov; choose another name"):
        export(stream_of(FRAMES), "qtrle", tmp_path / "nul.mov")


def test_a_folder_that_is_read_only_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Asked of the system, because tests may run as root, who may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(MediaError) as error:
        export(stream_of(FRAMES), "qtrle", tmp_path / "new" / "fire.mov")
    assert str(error.value) == f"The folder {tmp_path} is read-only; choose another place with --out."
    assert list(tmp_path.iterdir()) == []


def test_a_contact_sheet_that_cannot_be_written_is_refused_before_the_clip_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = export(stream_of(FRAMES), "qtrle", tmp_path / "fire.mov")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    assert inspect([str(clip)]) == 1
    assert f"cannot be written into the folder {tmp_path} (it is read-only); name another" in capsys.readouterr().err
    assert inspect([str(clip), "--no-sheet"]) == 0
