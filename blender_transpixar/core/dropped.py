"""Which clips are meant by a handful of files."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from .clip import SIDECAR_SUFFIX

# The last number in a name counts, as in Blender: shot2_0001.png is picture 1.
_NUMBER = re.compile(r"[0-9]+(?=[^0-9]*$)")


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
            which = path.with_name(_NUMBER.sub("#", path.stem) + path.suffix)
        if which not in seen:
            seen.add(which)
            yield path
