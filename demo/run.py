"""The demonstration: a prompt, a server with the embedded model, the add-on in real Blender, a rendered composite.

Runs in the server's environment; `nox -s demo` calls it. Writes demo/demo.blend, demo/composite.png and demo/clips/.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from server.launch import ServerNotStarted, ServerProcess

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PROMPT = "a puff of orange smoke"


def build_extension(blender_python: str, folder: Path) -> Path:
    """Build and validate the add-on's zip."""
    command = [blender_python, str(ROOT / "tools" / "build_extension.py"), "--output-dir", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("transpixar-*.zip"))


def main() -> None:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", default=PROMPT)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--blender-python", required=True, help="a Python with the bpy wheel")
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="transpixar-demo-") as temporary:
        folder = Path(temporary)
        print(
            f'Making a clip of "{arguments.prompt}" with the embedded model and placing it in Blender ...', flush=True
        )
        archive = build_extension(arguments.blender_python, folder)
        with (
            (folder / "server.log").open("wb") as log,
            ServerProcess(["--data-dir", str(folder / "data")], log=log.fileno()) as server,
        ):
            subprocess.run(
                [
                    arguments.blender_python,
                    str(HERE / "scene.py"),
                    *("--server", server.url, "--extension", str(archive), "--out", str(HERE)),
                    *("--prompt", arguments.prompt, "--seed", str(arguments.seed)),
                ],
                check=True,
                # A Blender of its own: the artist's preferences, add-ons and clips stay as they are.
                env={
                    **os.environ,
                    "BLENDER_USER_RESOURCES": str(folder / "blender"),
                    "TRANSPIXAR_WORK_DIR": str(folder / "work"),
                },
            )
    print(f"Done in {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    try:
        main()
    except ServerNotStarted as failed:
        sys.exit(str(failed))
    except subprocess.CalledProcessError as failed:
        sys.exit(f"The demonstration stopped: {Path(failed.cmd[1]).name} ended with exit code {failed.returncode}.")
