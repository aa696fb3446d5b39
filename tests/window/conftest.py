"""One Blender with a window, the extension installed from its zip, and a server with the model that is shipped.

It wants `blender` in the PATH, or the command that TRANSPIXAR_BLENDER names, and Xvfb; `nox -s window` sees to that.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.addon.real_server import RealServer
from tests.window.blender_window import COMMAND, HEIGHT, WIDTH, BlenderWindow


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip all of it where no window can be opened."""
    if shutil.which(COMMAND[0]) is None or shutil.which("Xvfb") is None or "TRANSPIXAR_EXTENSION" not in os.environ:
        skip = pytest.mark.skip(reason="a Blender with a window, Xvfb or the extension's zip is missing; nox -s window")
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """A display that nobody sees."""
    reading, writing = os.pipe()
    screen = ["-screen", "0", f"{WIDTH}x{HEIGHT}x24", "+extension", "GLX"]
    with (
        os.fdopen(reading) as said,
        subprocess.Popen(["Xvfb", "-displayfd", str(writing), *screen], pass_fds=[writing]) as xvfb,
    ):
        os.close(writing)
        yield f":{said.readline().strip()}"
        xvfb.terminate()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures of the screen go: TRANSPIXAR_PICTURES, where somebody wants to look at them."""
    folder = Path(os.environ.get("TRANSPIXAR_PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A server with the model that is shipped, because somebody looks at the clips."""
    folder = tmp_path_factory.mktemp("server")
    running = RealServer(None, folder / "data", folder / "server.log").start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def surroundings(display: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Blender in which an artist has installed the zip."""
    folder = tmp_path_factory.mktemp("blender")
    (folder / "home").mkdir()
    (folder / "runtime").mkdir(mode=0o700)
    around = os.environ | {
        "BLENDER_USER_RESOURCES": str(folder / "resources"),
        "TRANSPIXAR_DATA_DIR": str(folder / "data"),
        "TRANSPIXAR_WORK_DIR": str(folder / "work"),
        "HOME": str(folder / "home"),
        "XDG_RUNTIME_DIR": str(folder / "runtime"),
        "DISPLAY": display,
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    install = ["--command", "extension", "install-file", "-r", "user_default", "--enable"]
    subprocess.run([*COMMAND, *install, os.environ["TRANSPIXAR_EXTENSION"]], env=around, check=True, timeout=120)
    return around


@pytest.fixture
def window(surroundings: dict[str, str], server: RealServer, pictures: Path) -> Iterator[BlenderWindow]:
    """Blender with its default scene and the TransPixar tab open; a new one for each test, as drivers may crash."""
    started = BlenderWindow(surroundings, pictures)
    try:
        started.connect_to(server.url)
        started.open_tab()
        yield started
    finally:
        started.close()
