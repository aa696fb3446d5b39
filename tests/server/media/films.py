"""Video files made by ffmpeg, for tests of footage."""

import subprocess
from pathlib import Path

import imageio_ffmpeg


def ffmpeg(*arguments: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-nostdin", *arguments]
    subprocess.run(command, check=True, timeout=60)


def film(path: Path, source: str, *options: str) -> Path:
    """A film of one of ffmpeg's own sources, for example `testsrc2=s=64x48:r=8:d=1`."""
    ffmpeg("-f", "lavfi", "-i", source, *options, str(path))
    return path


def rotated(path: Path, film: Path, degrees: int) -> Path:
    """The same film with a note that it must be turned, as telephones write it."""
    ffmpeg("-display_rotation", str(degrees), "-i", str(film), "-c", "copy", str(path))
    return path
