"""The asset library "TransPixar" in Blender's preferences, and where its folder is."""

import os.path
from pathlib import Path
from typing import Any

import bpy

from ..core.errors import from_os_error
from ..preferences import library_folder

NAME = "TransPixar"
ANOTHER_FOLDER = "a library folder you can write to in the add-on's preferences"


def registered(context: bpy.types.Context) -> Any:
    """The entry of the folder among Blender's asset libraries, or None."""
    wanted = library_folder(context)
    for library in context.preferences.filepaths.asset_libraries:
        if library.path and _is_same(Path(bpy.path.abspath(library.path)), wanted):
            return library
    return None


def register_library(context: bpy.types.Context) -> Any:
    """Make the folder and add it to Blender's asset libraries, if it is not there; returns the entry.

    Raises FolderNotWritableError or DiskFullError.
    """
    folder = library_folder(context)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, folder, ANOTHER_FOLDER) from error
    library = registered(context)
    if library is None:
        library = context.preferences.filepaths.asset_libraries.new(name=NAME, directory=str(folder))
        # Every plane needs its own material, because its start is keyed there. Reusing one, or a packed one that
        # cannot be edited, which is what newer versions begin with, would tie all planes of a clip to one start.
        library.import_method = "APPEND"
        # Blender's own operator does this too; it lets Blender save the preferences at its end, if it is asked to.
        context.preferences.is_dirty = True
    return library


def _is_same(one: Path, other: Path) -> bool:
    # By their names alone: panels ask while they draw, and a folder on the network may take its time.
    return os.path.normcase(os.path.normpath(one)) == os.path.normcase(os.path.normpath(other))


def refresh_browsers(context: bpy.types.Context) -> None:
    """Let the Asset Browsers that are open read their libraries again; without a window there is nothing to do."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.ui_type == "ASSETS":
                with context.temp_override(window=window, area=area):
                    if bpy.ops.asset.library_refresh.poll():
                        bpy.ops.asset.library_refresh()
