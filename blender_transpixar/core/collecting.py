"""Copies of clips and sequences beside a .blend file, checked before anything refers to them."""

import hashlib
import shutil
from pathlib import Path

from .errors import TransPixarError
from .library import bring_in
from .saving import make_temporary_folder, move_into_place, os_errors_as_sentences
from .sequence import Sequence


def copy_beside(sequence: Sequence, folder: Path) -> Path:
    """The folder inside of `folder` with the same pictures: a checked copy, or the one that is there already.

    The original stays, and nothing is overwritten. Raises TransPixarError when it cannot be copied.
    """
    if sequence.folder.parent.resolve() == folder.resolve():
        return sequence.folder
    if sequence.clip is not None:
        return bring_in(sequence.clip, folder).folder
    target = folder / (sequence.folder.name or sequence.name)
    with os_errors_as_sentences(folder):
        if _holds(target, sequence):
            return target
        temporary = make_temporary_folder(target)
        try:
            for name in _names(sequence):
                shutil.copyfile(sequence.folder / name, temporary / name)
            if not _holds(temporary, sequence):
                raise TransPixarError(
                    f"The copy of {sequence.folder} is not the same as the original. Check the disk, then try again.",
                    code="bad_copy",
                )
            return move_into_place(temporary, target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def _holds(folder: Path, sequence: Sequence) -> bool:
    """Whether a folder has every picture of a sequence."""
    names = list(_names(sequence))
    return all((folder / name).is_file() for name in names) and all(
        _sha256(folder / name) == _sha256(sequence.folder / name) for name in names
    )


def _names(sequence: Sequence) -> list[str]:
    return [sequence.file_name(index) for index in range(sequence.frame_count)]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
