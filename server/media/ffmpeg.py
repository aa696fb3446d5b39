"""ffmpeg as a program: raw frames through pipes, and its complaints as sentences.

The program comes with the package imageio-ffmpeg; `IMAGEIO_FFMPEG_EXE` names another one.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from server.environment import without_secrets
from server.media.errors import MediaError

_MISSING = (
    "There is no ffmpeg, which movies need; install the Python package imageio-ffmpeg, or set IMAGEIO_FFMPEG_EXE to an "
    "ffmpeg program."
)
# Without this a console window flashes up on Windows for every file.
_ALONE: dict[str, Any] = {"creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0)}
if os.name == "posix":
    # Ctrl+C in a terminal goes to a whole group; only this program decides what becomes of a half-written file.
    _ALONE["process_group"] = 0
_QUIET = ["-hide_banner", "-nostdin", "-v", "error"]


def executable() -> str:
    """The path of ffmpeg. Raises MediaError when there is none."""
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise MediaError(_MISSING) from None


def location(path: Path) -> str:
    """A path as ffmpeg's file argument: never taken for an option or for the address of something else."""
    return f"file:{path}"


def output_of(arguments: Sequence[str]) -> tuple[bytes, str, int]:
    """Run ffmpeg to its end: standard output, standard error and exit status. Raises MediaError."""
    try:
        done = subprocess.run(
            [executable(), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=without_secrets(),
            **_ALONE,
        )
    except OSError:
        raise MediaError(_MISSING) from None
    return done.stdout, done.stderr.decode("utf-8", "replace"), done.returncode


class Encoder:
    """A running ffmpeg that takes raw frames; leave its `with` block well, and the file is complete."""

    def __init__(self, arguments: Sequence[str], target: Path) -> None:
        """`arguments` describe the input on standard input and the output, but for the file."""
        self._arguments = [*_QUIET, "-y", *arguments, location(target)]
        self._target = target

    def __enter__(self) -> Encoder:
        self._complaints = tempfile.TemporaryFile()
        self._program = _started(self._arguments, stdin=subprocess.PIPE, stderr=self._complaints)
        return self

    def write(self, data: bytes | memoryview) -> None:
        """Hand over one frame. Raises MediaError when ffmpeg has given up."""
        assert self._program.stdin is not None
        try:
            self._program.stdin.write(data)
        except OSError:
            self._program.wait()
            raise self._failure() from None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is not None:
                _end(self._program)
                return
            assert self._program.stdin is not None
            with suppress(OSError):  # its exit status tells
                self._program.stdin.close()
            if self._program.wait() != 0 or not self._target.is_file() or self._target.stat().st_size == 0:
                raise self._failure()
        finally:
            self._complaints.close()

    def _failure(self) -> MediaError:
        status = self._program.returncode
        # A limit on the size of files ends ffmpeg by a signal, before it can say anything.
        ended = f"it was ended by signal {-status}; make room on the disk and try again" if status < 0 else ""
        complaint = _said(self._complaints)[0] or ended or f"it ended with {status}"
        return MediaError(f"ffmpeg cannot write {self._target.name}: {complaint}.")


def decoded(arguments: Sequence[str], source: Path, frame_bytes: int) -> Generator[bytearray, None, None]:
    """Raw frames of `frame_bytes` each that ffmpeg makes of a file.

    `arguments` holds the options before the file, then `-i`, then those after it. Raises MediaError when ffmpeg finds
    anything wrong with the file. Closing the iterator ends ffmpeg.
    """
    with tempfile.TemporaryFile() as complaints, _running(arguments, complaints) as program:
        assert program.stdout is not None
        count = 0
        while True:
            frame = bytearray(frame_bytes)
            if program.stdout.readinto(frame) < frame_bytes:  # type: ignore[attr-defined]
                break
            count += 1
            yield frame
        status = program.wait()
        complaint = _said(complaints)[0]
        if status != 0 or complaint:
            raise MediaError(
                f"{source.name} cannot be read after frame {count}: {complaint or f'ffmpeg ended with {status}'}. "
                "It is damaged or incomplete; copy or render it again."
            )


def decoding(before: Sequence[str], source: Path, after: Sequence[str], *, muxer: str = "rawvideo") -> list[str]:
    """Arguments for every frame of a movie once, in order, no error passed over; as raw video they are for `decoded`.

    The picture on the cover of a file is not its video (`V`).
    """
    strict = ["-xerror", "-err_detect", "crccheck+bitstream+buffer+explode"]
    inputs = [*strict, *before, "-i", location(source), "-map", "0:V:0"]
    return [*_QUIET, *inputs, *after, "-fps_mode", "passthrough", "-f", muxer, "pipe:1"]


@contextmanager
def _running(arguments: Sequence[str], complaints: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    program = _started(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints)
    try:
        yield program
    finally:
        _end(program)


def _started(arguments: Sequence[str], **pipes: Any) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen([executable(), *arguments], env=without_secrets(), **_ALONE, **pipes)
    except OSError:
        raise MediaError(_MISSING) from None


def _end(program: subprocess.Popen[bytes]) -> None:
    if program.poll() is None:
        program.kill()
    for pipe in (program.stdin, program.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was still buffered has nowhere to go
                pipe.close()
    program.wait()


def _said(complaints: IO[bytes]) -> list[str]:
    """What ffmpeg said, without naming its own parts; at least one line, which may be empty."""
    complaints.seek(0, os.SEEK_SET)
    return complaint_lines(complaints.read().decode("utf-8", "replace"))


def complaint_lines(text: str) -> list[str]:
    """The lines of an error output, without ffmpeg's parts in brackets; at least one, which may be empty."""
    lines = [line.strip().rpartition("] ")[2].rstrip(".") for line in text.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith(("Conversion failed", "Last message"))] or [""]
