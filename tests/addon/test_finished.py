import hashlib
import json
from pathlib import Path

import pytest

from blender_transpixar.core.clip import Clip, Sidecar
from blender_transpixar.core.errors import InvalidClipError
from blender_transpixar.core.finished import is_same_clip, raw_clip_of
from tests.addon.made_clips import NAME, frames_of, sidecar_for, write_clip


def write_finished(parent: Path, raw: Path) -> Path:
    """A finished clip beside a raw one, as the server describes it."""
    sidecar = raw / "test-effect.transpixar"
    source = {"name": NAME, "sidecar": sidecar.name, "sha256": hashlib.sha256(sidecar.read_bytes()).hexdigest()}
    folder = parent / f"{NAME}_finished-0a1b2c3d"
    folder.mkdir()
    frames = frames_of(3)
    for number, frame in enumerate(frames, start=1):
        (folder / f"{number:04d}.png").write_bytes(frame)
    description = sidecar_for(frames, finishing={"steps": [{"step": "reverse"}]}, source=source)
    (folder / sidecar.name).write_text(json.dumps(description))
    return folder


def test_a_finished_clip_finds_the_raw_one_beside_it(tmp_path: Path):
    raw = write_clip(tmp_path)
    finished = Clip.open(write_finished(tmp_path, raw))
    assert raw_clip_of(finished).folder == raw
    assert is_same_clip(finished, Clip.open(raw))
    assert finished.sidecar.finishing == {"steps": [{"step": "reverse"}]}


def test_a_raw_clip_is_its_own(tmp_path: Path):
    clip = Clip.open(write_clip(tmp_path))
    assert raw_clip_of(clip) is clip
    assert clip.sidecar.finishing is None


def test_a_raw_clip_that_got_a_number_behind_its_name_is_found(tmp_path: Path):
    raw = write_clip(tmp_path)
    finished = Clip.open(write_finished(tmp_path, raw))
    raw.rename(tmp_path / f"{NAME}-2")
    (tmp_path / NAME).mkdir()
    assert raw_clip_of(finished).folder == tmp_path / f"{NAME}-2"


def test_a_raw_clip_that_is_gone_or_another_one_by_now_is_named(tmp_path: Path):
    raw = write_clip(tmp_path)
    finished = Clip.open(write_finished(tmp_path, raw))
    (raw / "test-effect.transpixar").write_text(json.dumps(sidecar_for(frames_of(5), fps=12)))
    with pytest.raises(InvalidClipError, match="Put its folder back there"):
        raw_clip_of(finished)


@pytest.mark.parametrize(
    "change",
    [
        {"finishing": "levels"},
        {"source": "raw"},
        {"source": {"name": "../elsewhere", "sidecar": "a.transpixar", "sha256": ""}},
        {"source": {"name": "raw"}},
    ],
)
def test_a_damaged_origin_is_refused(change: dict):
    with pytest.raises(InvalidClipError, match="damaged"):
        Sidecar.from_json(sidecar_for(frames_of(1)) | change)
