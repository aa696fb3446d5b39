"""A clip folder that exists is complete."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from server.jobs.request import StyleLora, VideoRequest
from server.launch import module_environment
from server.media.clip import write_clip
from server.media.naming import clip_name, sidecar_name, slug
from server.media.sidecar import Sidecar, SidecarError, SidecarModel

JOB = "1a2b3c4d" + "0" * 24
REQUEST = VideoRequest(
    prompt="Orange smoke",
    negative_prompt="",
    seed=7,
    width=16,
    height=8,
    num_frames=3,
    steps=2,
    guidance=4.0,
    cfg_schedule="constant",
    text_to_alpha="strict",
    model="tiny",
)
ORIGIN: dict[str, Any] = {
    "model": SidecarModel(name="tiny", title="Tiny", licence="GPL-3.0-or-later"),
    "versions": {"transpixar": "0.1.0"},
    "created_at": "2026-01-31T12:00:00.000Z",
}
TEXT = st.text(st.characters(codec="utf-8"))


def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 8, 16, 4), dtype=np.uint8)


def test_a_clip_is_a_folder_with_frames_and_a_sidecar(tmp_path: Path) -> None:
    clip = write_clip(tmp_path, JOB, REQUEST, frames(), fps=8, **ORIGIN)

    folder = tmp_path / "orange-smoke_7_1a2b3c4d"
    assert clip.model_dump() == {
        "index": 1,
        "name": folder.name,
        "sidecar": "orange-smoke.transpixar",
        "seed": 7,
        "frame_count": 3,
        "fps": 8,
        "width": 16,
        "height": 8,
        "folder": str(folder),
    }
    assert sorted(path.name for path in folder.iterdir()) == [
        "0001.png",
        "0002.png",
        "0003.png",
        "orange-smoke.transpixar",
    ]
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    sidecar = Sidecar.from_json((folder / clip.sidecar).read_bytes())
    assert sidecar.request == REQUEST
    for name, sha256 in sidecar.sha256.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256


def test_frames_come_back_bit_for_bit_with_the_colour_under_transparent_pixels(tmp_path: Path) -> None:
    written = frames()
    written[:, :4, :, 3] = 0
    clip = write_clip(tmp_path, JOB, REQUEST, written, fps=8, **ORIGIN)

    for number, frame in enumerate(written, start=1):
        with Image.open(Path(clip.folder, f"{number:04d}.png")) as image:
            assert image.mode == "RGBA"
            np.testing.assert_array_equal(np.asarray(image), frame)


def test_a_clip_is_never_written_over(tmp_path: Path) -> None:
    first = write_clip(tmp_path, JOB, REQUEST, frames(), fps=8, **ORIGIN)
    before = Path(first.folder, "0001.png").read_bytes()
    with pytest.raises(FileExistsError):
        write_clip(tmp_path, JOB, REQUEST, frames() // 2, fps=8, **ORIGIN)

    assert Path(first.folder, "0001.png").read_bytes() == before


# What runs in each process: it writes a clip and dies at the given one of its calls that change the disk.
_KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from tests.server.media.test_clip_writer import JOB, ORIGIN, REQUEST, frames
from server.media.clip import write_clip

def write(folder, last):
    count = 0
    def hook(event, arguments):
        nonlocal count
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in ("os.mkdir", "os.rename") or writes:
            if count == last:
                os._exit(9)
            count += 1
    folder.mkdir()
    sys.addaudithook(hook)
    write_clip(folder, JOB, REQUEST, frames(), fps=8, **ORIGIN)

number, status = 0, 1
while status:
    child = os.fork()
    if child == 0:
        write(Path(sys.argv[1], str(number)), number)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    number += 1
"""


@pytest.mark.skipif(os.name != "posix", reason="needs fork")
def test_a_writer_that_is_killed_at_any_call_leaves_no_half_clip_under_its_name(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], env=module_environment(), check=True)

    runs = sorted(tmp_path.iterdir(), key=lambda path: int(path.name))
    # A folder, three frames, a sidecar and the rename; and the run that nothing has ended.
    assert len(runs) >= 7
    for run in runs:
        whole = [path for path in run.iterdir() if not path.name.startswith(".")]
        assert whole == [] or run == runs[-1]
    names = {path.name for path in next(runs[-1].iterdir()).iterdir()}
    assert names == {"0001.png", "0002.png", "0003.png", sidecar_name(REQUEST.prompt)}


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("a puff of orange smoke", "a-puff-of-orange-smoke"),
        ("  Feu d'été!  ", "feu-d-ete"),
        ("火", "clip"),
        ("", "clip"),
        ("../../etc/passwd", "etc-passwd"),
        ("NUL", "nul-clip"),
        ("x" * 60, "x" * 40),
        ("a very long prompt about a very long night of rain", "a-very-long-prompt-about-a-very-long"),
    ],
)
def test_a_prompt_as_a_file_name(prompt: str, name: str) -> None:
    assert slug(prompt) == name


@given(TEXT)
def test_every_prompt_gives_a_safe_name(prompt: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", slug(prompt))
    assert re.fullmatch(r"[a-z0-9-]{1,40}_7_1a2b3c4d", clip_name(prompt, 7, JOB))
    assert sidecar_name(prompt) == slug(prompt) + ".transpixar"


@given(
    prompt=TEXT,
    negative_prompt=TEXT,
    seed=st.integers(0, 2**31 - 1),
    guidance=st.floats(0, 20),
    schedule=st.sampled_from(["constant", "dynamic"]),
    mode=st.sampled_from(["strict", "reference", "open"]),
    versions=st.dictionaries(TEXT, TEXT, max_size=3),
    sha256=st.dictionaries(TEXT, TEXT, max_size=3),
)
def test_a_sidecar_survives_being_written_and_read(
    prompt: str,
    negative_prompt: str,
    seed: int,
    guidance: float,
    schedule: str,
    mode: str,
    versions: dict[str, str],
    sha256: dict[str, str],
) -> None:
    request = VideoRequest(
        **{
            **REQUEST.model_dump(),
            "prompt": prompt,
            "negative_prompt": negative_prompt,
            "seed": seed,
            "guidance": guidance,
            "cfg_schedule": schedule,
            "text_to_alpha": mode,
        }
    )
    sidecar = Sidecar(
        job=JOB,
        request=request,
        fps=8,
        frame_count=3,
        width=16,
        height=8,
        sha256=sha256,
        **{**ORIGIN, "versions": versions},
    )
    assert Sidecar.from_json(sidecar.to_json()) == sidecar


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"format": "another"}', b"\xff\xfe"])
def test_what_is_no_sidecar_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(SidecarError, match="no clip that this version can read"):
        Sidecar.from_json(data)


def test_a_sidecar_of_a_later_version_with_more_in_it_can_be_read(tmp_path: Path) -> None:
    model = SidecarModel(name="mini", title="Mini", licence="GPL-3.0-or-later")
    sidecar = Sidecar(
        job="1", request=REQUEST, fps=8, frame_count=1, width=16, height=8, model=model, versions={}, created_at="",
        sha256={},
    )  # fmt: skip
    later = json.loads(sidecar.to_json())
    later["mood"] = "good"
    later["request"] |= {"camera": "orbit", "style_loras": [{"name": "ink", "strength": 1.0, "blocks": 3}]}
    read = Sidecar.from_json(json.dumps(later).encode())
    assert read.request == REQUEST.model_copy(update={"style_loras": (StyleLora(name="ink"),)})
