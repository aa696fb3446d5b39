"""Blender's list of asset catalogs in a library: `blender_assets.cats.txt`.

Format (Blender's manual, "Asset Catalogs"): a line `VERSION 1`, then `UUID:path/of/the/catalog:simple name`; lines that
begin with `#` are comments. The file also belongs to the artist and to Blender, so lines are only ever added.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import InvalidLibraryError
from .saving import os_errors_as_sentences, replace_file

FILE_NAME = "blender_assets.cats.txt"
ROOT = "TransPixar"

_NAMESPACE = uuid.UUID("6f7d3d0a-6c0e-5b58-8f0a-9a6f3c7f2f51")
_VERSION = "VERSION 1"
_NEW_FILE = f"""# This is an Asset Catalog Definition file for Blender.
#
# Empty lines and lines starting with `#` will be ignored.
# The first non-ignored line should be the version indicator.
# Other lines are of the format "UUID:catalog/path/for/assets:simple catalog name"

{_VERSION}

"""


@dataclass(frozen=True, slots=True)
class Catalog:
    """A catalog as Blender stores it: the path's parts are joined with slashes."""

    id: str
    path: str

    def line(self) -> str:
        """The catalog's line in the file."""
        return f"{self.id}:{self.path}:{self.path.replace('/', '-')}"


def catalog_of(kind: str) -> Catalog:
    """The catalog of a kind of effect; the same in every library."""
    path = f"{ROOT}/{kind.capitalize()}"
    return Catalog(str(uuid.uuid5(_NAMESPACE, path)), path)


def merged(text: str, wanted: Catalog) -> tuple[str, str]:
    """The file's text with a catalog in it, and the id that the catalog has there.

    A catalog that the artist moved or renamed keeps its id and is left where it is; one of the same path with another
    id is used as it is. Raises InvalidLibraryError when the file is of another version.
    """
    if not text.strip():
        return f"{_NEW_FILE}{wanted.line()}\n", wanted.id
    found = list(_catalogs_in(text))
    for catalog in found:
        if catalog.id.lower() == wanted.id:
            return text, wanted.id
    for catalog in found:
        if catalog.path == wanted.path:
            return text, catalog.id
    separator = "" if text.endswith("\n") else "\n"
    return f"{text}{separator}{wanted.line()}\n", wanted.id


def combined(text: str, other: str) -> str:
    """The file's text with every catalog of another one in it.

    Raises InvalidLibraryError when either is of another version.
    """
    known = {catalog.id.lower() for catalog in _catalogs_in(text)}
    missing = [catalog for catalog in _catalogs_in(other) if catalog.id.lower() not in known]
    if not missing:
        return text
    if not text.strip():
        return other
    separator = "" if text.endswith("\n") else "\n"
    return f"{text}{separator}" + "".join(f"{catalog.line()}\n" for catalog in missing)


def ensure_catalog(library: Path, kind: str) -> str:
    """The id of a kind's catalog, which is added to the library's list if it is missing.

    Raises InvalidLibraryError, FolderNotWritableError or DiskFullError; the file is then as it was.
    """
    path = library / FILE_NAME
    with os_errors_as_sentences(library):
        try:
            # newline="" keeps the line endings that are there.
            text = path.open(encoding="utf-8", newline="").read() if path.exists() else ""
        except UnicodeDecodeError as error:
            raise _unreadable(path) from error
        try:
            new_text, catalog_id = merged(text, catalog_of(kind))
        except InvalidLibraryError as error:
            raise _unreadable(path) from error
        if new_text != text:
            replace_file(path, new_text.encode())
    return catalog_id


def _catalogs_in(text: str) -> Iterator[Catalog]:
    lines = [line.strip() for line in text.splitlines()]
    meant = [line for line in lines if line and not line.startswith("#")]
    if meant and meant[0] != _VERSION:
        raise InvalidLibraryError("The list of catalogs is of another version.")
    for line in meant[1:]:
        parts = line.split(":")
        if len(parts) >= 2:
            yield Catalog(parts[0].strip(), parts[1].strip())


def _unreadable(path: Path) -> InvalidLibraryError:
    return InvalidLibraryError(
        f"{path} was written by another version of Blender or is damaged, so no asset can be put into its catalogs. "
        "Choose another library folder in the add-on's preferences."
    )
