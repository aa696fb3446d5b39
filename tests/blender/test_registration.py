import subprocess
import sys
import zipfile
from pathlib import Path

import bpy
import pytest

from tests.addon.made_clips import write_clip
from tests.addon.real_server import REPOSITORY

PACKAGE = "blender_transpixar"


def is_there() -> bool:
    return hasattr(bpy.types, "TRANSPIXAR_PT_generate") and hasattr(bpy.types.Scene, "transpixar")


def test_the_add_on_comes_and_goes_without_a_trace():
    for _ in range(3):
        bpy.ops.preferences.addon_enable(module=PACKAGE)
        assert is_there()
        assert bpy.ops.transpixar.generate.poll()
        bpy.ops.preferences.addon_disable(module=PACKAGE)
        assert not is_there()
        assert not hasattr(bpy.types, "TRANSPIXAR_OT_generate")


def test_settings_are_saved_with_the_file(blender: None, tmp_path: Path):
    bpy.context.scene.transpixar.prompt = "blue sparks"
    bpy.context.scene.transpixar.seed = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.context.scene.transpixar.prompt = "something else"
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    settings = bpy.context.scene.transpixar
    assert (settings.prompt, settings.seed, settings.num_frames) == ("blue sparks", 0, 0)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("dist")
    command = [sys.executable, REPOSITORY / "tools/build_extension.py", "--output-dir", output]
    subprocess.run(command, check=True)
    return next(output.glob("*.zip"))


def test_the_built_extension_installs_and_runs_from_there(archive: Path, tmp_path: Path):
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.extensions.package_install_files(filepath=str(archive), repo="user_default", enable_on_install=True)
    try:
        assert is_there()
        assert "bl_ext.user_default.transpixar" in bpy.context.preferences.addons
        bpy.ops.transpixar.place_plane(filepath=str(write_clip(tmp_path)))
        assert bpy.context.object.name == "test-effect"
        module = sys.modules["bl_ext.user_default.transpixar.preferences"]
        own = Path(bpy.utils.extension_path_user("bl_ext.user_default.transpixar"))
        assert module.clip_folder(bpy.context) == own / "clips"
    finally:
        bpy.ops.extensions.package_uninstall(repo_index=user_repository(), pkg_id="transpixar")
    assert not is_there()


def user_repository() -> int:
    modules = [repository.module for repository in bpy.context.preferences.extensions.repos]
    return modules.index("user_default")


def test_the_zip_holds_the_add_on_and_nothing_else(archive: Path):
    names = set(zipfile.ZipFile(archive).namelist())
    assert {"blender_manifest.toml", "LICENSE", "__init__.py", "core/courier_main.py"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("server", "tests"))]
