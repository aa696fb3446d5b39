"""Files in every hand-off format, made by the server's environment."""

import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.addon.real_server import REPOSITORY, server_python

CODE = """
import sys
from pathlib import Path
import numpy as np
from server.media.formats import FORMATS, export
from tests.server.media.made_streams import effect, stream_of
folder = Path(sys.argv[1])
frames = effect(64, 48, 4)
np.save(folder / "frames.npy", frames)
for name, format in FORMATS.items():
    export(stream_of(frames), name, folder / (name + format.suffix))
"""


def write_all(folder: Path) -> NDArray[np.float32]:
    """Fill a folder with the same clip of four frames in every format; returns it: (4, 48, 64, 4), straight sRGB."""
    subprocess.run([server_python(), "-c", CODE, folder], cwd=REPOSITORY, check=True)
    frames: NDArray[np.float32] = np.load(folder / "frames.npy")
    return frames
