"""`python -m server convert` and `inspect`, as a person runs them."""

import json
import os
import signal
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from server.launch import module_environment
from server.media.clip_reader import open_clip
from server.media.formats import FORMATS, export
from tests.server.media.made_streams import effect, read, stream_of


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=module_environment(), check=False, encoding="utf-8"
    )
    assert "Traceback" not in done.stderr
    return done


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A clip of 8 frames a second named `fire`."""
    return export(stream_of(effect(32, 24, 4), Fraction(8)), "png8", tmp_path / "fire")


def test_it_writes_beside_the_clip_and_prints_where(clip: Path) -> None:
    before = contents(clip)
    done = run("convert", clip, "--to", "prores4444", "--fps", "24")

    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == clip.parent / "fire_prores4444.mov"
    converted = open_clip(clip.parent / "fire_prores4444.mov").info
    assert (converted.fps, converted.frame_count, converted.metadata["prompt"]) == (24, 12, "an effect")
    assert "12/12" in done.stderr
    assert contents(clip) == before


def test_a_batch_goes_on_after_a_clip_that_fails(clip: Path, tmp_path: Path) -> None:
    other = export(stream_of(effect(16, 16, 2)), "ffv1", tmp_path / "smoke.mkv")
    done = run("convert", clip, tmp_path / "nothing.mov", other, "--to", "webp", "--out", tmp_path / "out")

    assert done.returncode == 1
    assert [Path(line).name for line in done.stdout.split()] == ["fire_webp.webp", "smoke_webp.webp"]
    assert sorted(contents(tmp_path / "out")) == ["fire_webp.webp", "smoke_webp.webp"]
    assert "There is no file" in done.stderr
    assert "1 of 3 clips were not converted." in done.stderr


@pytest.mark.parametrize(
    ("source", "name"),
    [("fire/0001.png", "fire_exr"), ("take/shot_0002.png", "take/shot_exr"), ("take", "take_exr")],
)
def test_the_result_is_named_after_the_clip(tmp_path: Path, source: str, name: str) -> None:
    export(stream_of(effect(16, 16, 2)), "png8", tmp_path / "fire")
    (tmp_path / "take").mkdir()
    for number in (1, 2):
        data = (tmp_path / "fire" / f"{number:04d}.png").read_bytes()
        (tmp_path / "take" / f"shot_{number:04d}.png").write_bytes(data)
    done = run("convert", tmp_path / source, "--to", "exr")

    assert Path(done.stdout.strip()) == tmp_path / name


def test_it_replaces_only_with_force(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.mkv"
    assert run("convert", clip, "--to", "ffv1", "--out", out).returncode == 0
    first = out.read_bytes()
    refused = run("convert", clip, "--to", "ffv1", "--fps", "12", "--out", out)
    assert refused.returncode == 1
    assert refused.stderr == f"{out} exists already; replace it with --force, or choose another name with --out.\n"
    assert out.read_bytes() == first

    assert run("convert", clip, "--to", "ffv1", "--fps", "12", "--out", out, "--force").returncode == 0
    assert open_clip(out).info.fps == 12


@pytest.mark.parametrize("out", ["fire", "fire/converted", "."])
def test_the_clip_itself_is_never_a_target(clip: Path, out: str) -> None:
    before = contents(clip)
    done = run("convert", clip, "--to", "png16", "--out", clip.parent / out, "--force")

    if out == ".":
        assert done.stdout.strip() == str(clip.parent / "fire_png16")
    else:
        assert done.returncode == 1
        assert "choose another" in done.stderr
    assert contents(clip) == before


def test_a_matte_and_a_rate_can_be_given(clip: Path, tmp_path: Path) -> None:
    matte = export(stream_of(effect(32, 24, 4)[..., [3, 3, 3, 3]]), "matte", tmp_path / "matte")
    done = run("convert", clip, "--to", "png8", "--matte", matte, "--input-fps", "23.976", "--out", tmp_path / "out")

    assert done.returncode == 0, done.stderr
    converted = open_clip(tmp_path / "out")
    assert converted.info.fps == Fraction(24000, 1001)
    np.testing.assert_allclose(read(converted), effect(32, 24, 4), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "gif"], "invalid choice: 'gif'"),
        (["--to", "ffv1", "--fps", "fast"], "'fast' is no frame rate; write it as 24 or 24000/1001"),
        (["--to", "ffv1", "--fps", "0"], "0 frames a second are not possible"),
        (["--to", "ffv1", "--out", "x.mp4"], "A ffv1 file ends with .mkv; name it x.mkv"),
    ],
)
def test_bad_options_are_told(clip: Path, arguments: list[str], message: str) -> None:
    done = run("convert", clip, *arguments)

    assert done.returncode != 0
    assert message in done.stderr


def test_help_lists_the_formats() -> None:
    said = run("convert", "--help").stdout

    assert all(name in said for name in FORMATS)


def as_from_a_terminal() -> None:
    """Take the signals as a terminal's shell leaves them, also where the tests run under nohup or in the background."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.skipif(os.name != "posix", reason="Windows sends Ctrl+C to groups only")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_ctrl_c_and_its_like_leave_nothing(number: str, tmp_path: Path) -> None:
    source = export(stream_of(effect(640, 480, 60)), "ffv1", tmp_path / "long.mkv")
    # Twice the size, so that it takes long enough to be stopped on a machine of any speed.
    options = ["--to", "exr", "--scale", "2", "--out", str(tmp_path / "out")]
    command = [sys.executable, "-m", "server", "convert", str(source), *options]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, env=module_environment(), preexec_fn=as_from_a_terminal)
    assert running.stderr is not None
    said = b""
    while b"1/60" not in said and b"2/60" not in said:
        said += (chunk := running.stderr.read1(64))  # type: ignore[attr-defined]
        assert chunk
    sent = signal.Signals[number]
    running.send_signal(sent)
    if sent is signal.SIGHUP:
        # A shell sends one besides the terminal's own.
        running.send_signal(sent)
    _, rest = running.communicate(timeout=60)

    assert running.returncode == 128 + sent
    assert rest.endswith(b"Cancelled.\n")
    assert b"Traceback" not in rest
    assert [file.name for file in tmp_path.iterdir()] == ["long.mkv"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such terminals")
@pytest.mark.parametrize("command", ["convert", "serve"])
def test_a_closed_terminal_leaves_nothing(command: str, tmp_path: Path) -> None:
    import fcntl
    import pty
    import termios

    source = export(stream_of(effect(640, 480, 60)), "ffv1", tmp_path / "long.mkv")
    data = tmp_path / "data"
    arguments = {
        "convert": [str(source), "--to", "prores4444", "--scale", "2", "--out", str(tmp_path / "out.mov")],
        "serve": ["--port", "0", "--device", "cpu", "--data-dir", str(data)],
    }[command]
    ours, theirs = pty.openpty()
    # A bar of progress needs columns.
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def begin() -> None:
        as_from_a_terminal()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    running = subprocess.Popen(
        [sys.executable, "-m", "server", command, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=module_environment(),
        start_new_session=True,
        preexec_fn=begin,
    )
    os.close(theirs)
    said = b""
    while not any(sign in said for sign in (b"1/60", b"2/60", b"listening")):
        try:
            said += os.read(ours, 4096)
        except OSError:
            raise AssertionError(f"it has ended by itself, status {running.wait(9)}: {said.decode()}") from None
    children = psutil.Process(running.pid).children(recursive=True)
    os.close(ours)

    assert running.wait(20) == (129 if command == "convert" else 0)
    _, alive = psutil.wait_procs(children, 10)
    assert alive == []
    left = {path.name for path in tmp_path.iterdir()} - {"long.mkv", "data"}
    assert left == set()
    assert not (data / "server.json").exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no nohup")
def test_nohup_holds(clip: Path) -> None:
    command = [
        "nohup",
        sys.executable,
        "-c",
        "import signal; from server import ending; print(ending.ending_signals())",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=module_environment(), check=True)
    assert "SIGTERM" in done.stdout and "SIGHUP" not in done.stdout


def test_inspect_prints_a_report_and_writes_a_sheet(clip: Path) -> None:
    before = contents(clip)
    done = run("inspect", clip)

    assert done.returncode == 0, done.stderr
    assert "32 x 24, 4 frames of 8 a second (0.50 s)" in done.stdout
    assert "prompt: an effect" in done.stdout
    assert "coverage" in done.stdout
    with Image.open(clip.parent / "fire_inspect.png") as sheet:
        assert sheet.width > 100
    assert contents(clip) == before


def test_inspect_as_json(clip: Path, tmp_path: Path) -> None:
    done = run("inspect", clip, "--json", "--sheet", tmp_path / "sheet.png")
    said = json.loads(done.stdout)

    assert said["clip"]["fps"] == "8"
    assert 0 < said["report"]["coverage"] < 1
    assert said["contact_sheet"] == str(tmp_path / "sheet.png")
    assert json.loads(run("inspect", clip, "--json", "--no-sheet").stdout)["contact_sheet"] is None


def test_inspect_of_nothing_is_one_sentence(tmp_path: Path) -> None:
    done = run("inspect", tmp_path / "nothing")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"There is no file or folder {tmp_path / 'nothing'}.\n"
