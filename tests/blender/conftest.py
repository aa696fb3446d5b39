import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before bpy is imported: preferences, extensions and clips of the tests must not touch the user's own.
_RESOURCES = tempfile.TemporaryDirectory(prefix="transpixar-blender-")
os.environ["BLENDER_USER_RESOURCES"] = _RESOURCES.name
os.environ["TRANSPIXAR_WORK_DIR"] = str(Path(_RESOURCES.name) / "work")
# Nor must a server that happens to run here be found.
os.environ["TRANSPIXAR_DATA_DIR"] = str(Path(_RESOURCES.name) / "data")

bpy = pytest.importorskip("bpy", reason="these tests run inside of Blender's environment")

from tests.addon.real_server import RealServer, write_tiny_model  # noqa: E402
from tests.blender.tested_package import PACKAGE, install_if_wanted  # noqa: E402

install_if_wanted()


@pytest.fixture
def blender() -> Iterator[None]:
    """An empty Blender with the add-on enabled: the working copy's, or the installed extension."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    yield
    bpy.ops.preferences.addon_disable(module=PACKAGE)


@pytest.fixture
def preferences(blender: None):
    return bpy.context.preferences.addons[PACKAGE].preferences


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    model = write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
    folder = tmp_path_factory.mktemp("server")
    running = RealServer(model, folder / "data", folder / "server.log").start()
    yield running
    running.stop()


@pytest.fixture
def connected(preferences, server: RealServer, tmp_path: Path) -> Path:
    """The add-on set up for the running server; returns the clip folder."""
    preferences.server_address = server.url
    preferences.clip_folder = str(tmp_path / "clips")
    return tmp_path / "clips"
