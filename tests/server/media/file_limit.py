"""A disk on which no file may grow beyond a size: what writes too much fails as it would on a full one."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

resource = pytest.importorskip("resource", reason="Windows has no limit on the size of files")


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Let this process, and those that it starts, write `size` bytes to any file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
