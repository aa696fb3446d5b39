"""The zip that artists get: what is in it, and its way through a new Blender from installing to uninstalling."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from tests.addon.made_clips import write_clip
from tests.addon.real_server import REPOSITORY

# Windows refuses these as names of files, whatever their ending.
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
# What Windows leaves of its 260 characters below the longest user folder for extensions that is usual.
LONGEST_NAME = 120


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    under_test = os.environ.get("TRANSPIXAR_EXTENSION")
    if under_test:
        return Path(under_test)
    output = tmp_path_factory.mktemp("dist")
    command = [sys.executable, REPOSITORY / "tools/build_extension.py", "--output-dir", output]
    subprocess.run(command, check=True)
    return next(output.glob("*.zip"))


@pytest.fixture(scope="module")
def names(archive: Path) -> list[str]:
    return zipfile.ZipFile(archive).namelist()


def test_it_holds_the_add_on_and_nothing_else(names: list[str]):
    assert {"blender_manifest.toml", "LICENSE", "__init__.py", "core/courier_main.py"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.startswith(("server", "tests"))]
    modules = {path.relative_to(REPOSITORY / "blender_transpixar") for path in _source_files()}
    assert {PurePosixPath(name) for name in names} >= {PurePosixPath(module) for module in modules}


def test_its_files_are_safe_on_every_file_system(names: list[str]):
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        assert name.isascii() and len(name) <= LONGEST_NAME
        for part in PurePosixPath(name).parts:
            assert not set('<>:"|?*\\') & set(part) and not part.endswith((".", " "))
            assert part.split(".")[0].lower() not in DEVICES


def _source_files() -> list[Path]:
    files = (path for path in (REPOSITORY / "blender_transpixar").rglob("*") if path.is_file())
    return [path for path in files if "__pycache__" not in path.parts and not path.name.startswith(".")]


# An artist's days with the add-on; each block is a Blender of its own. As a Python module, Blender begins with factory
# settings, so what was installed is enabled again.
INSTALL = """
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
assert PACKAGE in bpy.context.preferences.addons
bpy.context.scene.transpixar.prompt = "blue sparks"
"""
USE = """
bpy.ops.preferences.addon_enable(module=PACKAGE)
assert bpy.ops.transpixar.place_plane(filepath=sys.argv[2]) == {"FINISHED"}
assert bpy.context.object.name == "test-effect"
from bl_ext.user_default.transpixar import preferences
work = pathlib.Path(os.environ["TRANSPIXAR_WORK_DIR"])
assert preferences.clip_folder(bpy.context) == work / "clips"
shutil.copytree(sys.argv[2], work / "clips/mine")
assert bpy.ops.transpixar.keep_as_asset(filepath=sys.argv[2]) == {"FINISHED"}
from bl_ext.user_default.transpixar.bl.pursuit import history
from bl_ext.user_default.transpixar.core.history_entry import Entry
history().add(Entry("ab" * 16, "2026", "http://127.0.0.1:1", {"prompt": "fire"}, str(work / "clips")))
# And from the days when all was in the extension's own folder, which Blender removes with it:
own = pathlib.Path(bpy.utils.extension_path_user(PACKAGE))
shutil.copytree(sys.argv[2], own / "clips/of_before")
assert bpy.ops.transpixar.place_plane(filepath=str(own / "clips/of_before")) == {"FINISHED"}
bpy.ops.wm.save_as_mainfile(filepath=str(work / "of_before.blend"))
"""
KEPT = """
bpy.ops.preferences.addon_enable(module=PACKAGE)
from bl_ext.user_default.transpixar.bl.pursuit import history
from bl_ext.user_default.transpixar.core.clip import Clip
work = pathlib.Path(os.environ["TRANSPIXAR_WORK_DIR"])
assert Clip.open(work / "clips/mine") and Clip.open(work / "clips/of_before")
assert len(list((work / "library").glob("*/*.blend"))) == 1
assert [entry.prompt for entry in history().load_each()] == ["fire"]
bpy.ops.wm.open_mainfile(filepath=str(work / "of_before.blend"))
paths = {pathlib.Path(bpy.path.abspath(image.filepath)) for image in bpy.data.images if image.source == "SEQUENCE"}
assert work / "clips/of_before/0001.png" in paths and all(path.exists() for path in paths)
"""
INSTALL_AGAIN = """
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
assert bpy.ops.transpixar.place_plane(filepath=sys.argv[2]) == {"FINISHED"}
"""
UNINSTALL = """
bpy.ops.preferences.addon_enable(module=PACKAGE)
repositories = [repository.module for repository in bpy.context.preferences.extensions.repos]
folder = pathlib.Path(sys.modules[PACKAGE].__file__).parent
bpy.ops.extensions.package_uninstall(repo_index=repositories.index("user_default"), pkg_id="transpixar")
assert not folder.exists()
assert PACKAGE not in bpy.context.preferences.addons
assert not [name for name in dir(bpy.types) if "TRANSPIXAR" in name.upper()]
assert not hasattr(bpy.types.Scene, "transpixar")
"""
NEVERMORE = """
assert importlib.util.find_spec(PACKAGE) is None
"""
BEGIN = """
import importlib.util, os, pathlib, shutil, sys, bpy
PACKAGE = "bl_ext.user_default.transpixar"
"""
# Without the interpreter's end, which Blender 4.2 and 4.5 do not always survive.
END = """
print("fine", flush=True)
os._exit(0)
"""


def test_from_installing_to_uninstalling(archive: Path, tmp_path: Path):
    clip = write_clip(tmp_path)
    for day in (INSTALL, USE, INSTALL_AGAIN, KEPT, UNINSTALL, NEVERMORE, INSTALL, KEPT):
        done = subprocess.run(
            [sys.executable, "-c", BEGIN + day + END, str(archive), str(clip)],
            env=os.environ
            | {"BLENDER_USER_RESOURCES": str(tmp_path / "resources"), "TRANSPIXAR_WORK_DIR": str(tmp_path / "work")},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.stdout.rstrip().endswith("fine"), day + done.stdout + done.stderr
        assert "Traceback" not in done.stderr
