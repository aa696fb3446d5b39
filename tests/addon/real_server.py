"""The real server with a tiny model, for tests in either environment; needs the standard library only."""

import json
import os
import subprocess
from pathlib import Path
from typing import IO

REPOSITORY = Path(__file__).resolve().parent.parent.parent
MODEL_NAME = "tiny"


def server_python() -> Path:
    """The interpreter of the server's environment, which has torch."""
    chosen = os.environ.get("TRANSPIXAR_SERVER_PYTHON")
    return Path(chosen) if chosen else REPOSITORY / ".nox/server/bin/python"


def write_tiny_model(folder: Path, image_to_video: bool = False) -> Path:
    """A model folder with random weights, written by the server's environment."""
    code = (
        "import sys, pathlib; from tests.tiny_model import write_tiny_model as w; "
        f"w(pathlib.Path(sys.argv[1]), image_to_video={image_to_video})"
    )
    subprocess.run([server_python(), "-c", code, folder], cwd=REPOSITORY, env=_environment(), check=True)
    return folder


class RealServer:
    """`python -m server` on a port of its own; `stop` and `start` again on the same port are what a restart is."""

    def __init__(self, model_dir: Path | None, data_dir: Path, log: Path) -> None:
        """`model_dir` None: the model that is shipped."""
        models = [] if model_dir is None else ["--model-dir", str(model_dir)]
        self._options = ["--data-dir", str(data_dir), *models]
        self._log_path = log
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self.port = 0
        self.url = ""

    def start(self) -> "RealServer":
        """Start and wait until it listens."""
        command = [str(server_python()), "-m", "server", "--port", str(self.port), *self._options]
        self._log = self._log_path.open("ab")
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, env=_environment(), stdout=subprocess.PIPE, stderr=self._log
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError(f"The server did not start:\n{self._log_path.read_text()[-4000:]}")
        said = json.loads(line)
        assert said["event"] == "listening", said
        self.url = said["url"]
        self.port = int(self.url.rsplit(":", 1)[1])
        return self

    def stop(self) -> None:
        """End it like a person pressing Ctrl-C would, by force if need be."""
        assert self._process is not None and self._process.stdout is not None and self._log is not None
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
