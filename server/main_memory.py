"""What this process may fill of the main memory, for everybody who asks: worker, training, bench and doctor.

    what is free, at most what the control group leaves of its limit    + what this process holds already

The second term makes the answer the same before and after the process has filled some of it. A file that is mapped,
as weights are when they are loaded, is held by nobody: the system counts its pages as free, and so does this.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")
_GROUPS = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")
# Version 1 writes the largest number of whole pages where there is no limit.
_NO_LIMIT = 2**60


def fillable_bytes(elsewhere: int = 0) -> int:
    """Return the bytes that this process may fill, with those that it holds already.

    Args:
        elsewhere: bytes that it holds and that the system counts to nobody, such as memory pinned by a GPU's driver.
    """
    free = psutil.virtual_memory().available
    for limit, used in _group_limits():
        free = min(free, max(limit - used, 0))
    return free + held_bytes() + elsewhere


def total_bytes() -> int:
    """Return the main memory that there is for this process, in bytes."""
    return min([psutil.virtual_memory().total, *(limit for limit, _ in _group_limits())])


def held_bytes() -> int:
    """Return the bytes that this process holds and that would be free without it; pages of files are not among them."""
    try:
        status = _STATUS.read_text("ascii", "replace")
    except OSError:
        return psutil.Process().memory_info().rss  # not Linux
    return 1024 * sum(int(found[1]) for found in re.finditer(r"^Rss(?:Anon|Shmem):\s+(\d+) kB", status, re.MULTILINE))


def _group_limits() -> Iterator[tuple[int, int]]:
    """Yield the limit of each control group that this process is in, and what is used of it and cannot be taken back.

    Both versions are looked at, and the groups above too, whose limits hold as well.
    """
    try:
        lines = _GROUPS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = [*line.split(":", 2), "", ""][:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        mount = _MOUNT / "memory" if controllers else _MOUNT
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        folder = mount / name.lstrip("/")
        while folder == mount or mount in folder.parents:
            limit, used = (_number(folder / each) for each in names)
            if limit is not None and used is not None and limit < _NO_LIMIT:
                yield limit, max(used - _cached(folder), 0)
            folder = folder.parent


def _number(path: Path) -> int | None:
    """Read a file that holds one number; None where there is none, or "max"."""
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None


def _cached(folder: Path) -> int:
    """Return the bytes of files that a control group's use includes; they give way when memory is short."""
    try:
        stat = (folder / "memory.stat").read_text("ascii", "replace")
    except OSError:
        return 0
    values = dict(re.findall(r"^(\w+) (\d+)$", stat, re.MULTILINE))
    prefix = "total_" if "total_inactive_file" in values else ""
    return sum(int(values.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))
