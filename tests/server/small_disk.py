"""A disk of its own that is small enough to be filled: needs Linux and root."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """An empty disk of this size at `folder`, a new one. Skips the test where none can be had."""
    folder.mkdir()
    mount = shutil.which("mount")
    if os.name != "posix" or os.geteuid() != 0 or mount is None:
        pytest.skip("a small disk can be had on Linux by root only")
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if subprocess.run([mount, *options], capture_output=True).returncode:
        pytest.skip("this machine does not allow a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Use up all of a disk. Returns the file that does so."""
    file = disk / "fill"
    with suppress(OSError), file.open("ab", buffering=0) as filling:
        while True:
            filling.write(bytes(4096))
    return file
