"""What is made in the artist's file and is not to stay there."""

from collections.abc import Iterator
from contextlib import contextmanager

import bpy

# What placing a clip can create.
_COLLECTIONS = (
    *("scenes", "objects", "meshes", "materials", "images", "actions"),
    *("node_groups", "textures", "worlds", "cameras", "collections"),
)


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Remove every datablock that is made inside, whatever happens."""
    before = _uids()
    try:
        yield
    finally:
        _remove_others_than(before)


@contextmanager
def nothing_half_made() -> Iterator[None]:
    """Remove every datablock that was made inside where that ends with an exception, which goes on."""
    before = _uids()
    try:
        yield
    except BaseException:
        _remove_others_than(before)
        raise


def _uids() -> set[int]:
    return {block.session_uid for block in _blocks()}


def _remove_others_than(uids: set[int]) -> None:
    bpy.data.batch_remove([block for block in _blocks() if block.session_uid not in uids])


def _blocks() -> Iterator[bpy.types.ID]:
    for name in _COLLECTIONS:
        yield from getattr(bpy.data, name, ())
