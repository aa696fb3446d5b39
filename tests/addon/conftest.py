from collections.abc import Iterator
from pathlib import Path

import pytest

from blender_transpixar.core.dispatcher import Dispatcher
from tests.addon.real_server import RealServer, write_tiny_model


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def server(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    folder = tmp_path_factory.mktemp("server")
    running = RealServer(model_dir, folder / "data", folder / "server.log").start()
    yield running
    running.stop()


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    dispatcher = Dispatcher(["-I"])
    yield dispatcher
    dispatcher.close()
