"""Which clips are meant by a handful of files."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from .clip import SIDECAR_SUFFIX
from .sequence import split_name


def one_of_each(paths: Iterable[Path]) -> Iterator[Path]:
    """One path for each clip or numbered sequence among some files, in order.

    Frames of one sequence are told by their names without the number, and those beside a dropped sidecar are its own.
    """
    paths = list(paths)
    folders = {path.parent for path in paths if path.suffix.lower() == SIDECAR_SUFFIX}
    seen = set()
    for path in paths:
        if path.suffix.lower() == SIDECAR_SUFFIX:
            which = path
        elif path.parent in folders:
            continue
        else:
            split = split_name(path.name)
            which = path if split is None else path.with_name(f"{split[0]}#{split[2]}")
        if which not in seen:
            seen.add(which)
            yield path
