"""The add-on that the tests run: the working copy's, or the one installed from a built extension.

`TRANSPIXAR_EXTENSION` names the zip of the latter. It is installed the way Blender installs any extension, and its
modules are lent the working copy's names, so that every test runs unchanged on what an artist gets.
"""

import importlib
import os
import pkgutil
import sys

import bpy

_WORKING_COPY = "blender_transpixar"
_INSTALLED = "bl_ext.user_default.transpixar"
_ARCHIVE = os.environ.get("TRANSPIXAR_EXTENSION")

PACKAGE = _INSTALLED if _ARCHIVE else _WORKING_COPY


def install_if_wanted() -> None:
    """Install the extension, if the tests are to run on one; it is left disabled."""
    if _ARCHIVE is None or _INSTALLED in sys.modules:
        return
    bpy.ops.extensions.package_install_files(filepath=_ARCHIVE, repo="user_default", enable_on_install=True)
    package = importlib.import_module(_INSTALLED)
    sys.modules[_WORKING_COPY] = package
    for found in pkgutil.walk_packages(package.__path__, prefix=f"{_INSTALLED}."):
        sys.modules[_WORKING_COPY + found.name.removeprefix(_INSTALLED)] = importlib.import_module(found.name)
    bpy.ops.preferences.addon_disable(module=_INSTALLED)
