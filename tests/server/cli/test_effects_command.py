"""`python -m server effects`: a clip from a prompt without any model, as a person makes it."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blender_transpixar.core.clip import Clip
from server.commands import convert, finish, inspect
from server.commands.effects import main
from server.media.clip_reader import open_clip
from server.media.sidecar import Sidecar
from server.training.effects import FAMILIES, Look, render
from tests.server.media.made_streams import read


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as left:  # argparse's way
        status = int(left.code or 0)
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.fixture
def clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    status, printed, _ = run(
        capsys, "blue sparks", "--out", tmp_path, "--size", "48x32", "--frames", "4", "--fps", "24", "--seed", "7"
    )
    assert status == 0
    return Path(printed.strip())


def test_it_writes_a_clip_folder_that_the_server_and_the_add_on_read(clip: Path) -> None:
    assert clip.name.startswith("blue-sparks_7_")
    stream = open_clip(clip)
    assert (stream.info.width, stream.info.height, stream.info.frame_count, stream.info.fps) == (48, 32, 4, 24)
    drawn = render(Look("sparks", "blue"), np.random.default_rng(7), 4, 32, 48)
    np.testing.assert_allclose(read(stream), drawn, atol=0.5 / 255 + 1e-6)
    in_blender = Clip.open(clip)
    assert in_blender.sidecar.seed == 7 and in_blender.sidecar.request["prompt"] == "blue sparks"


def test_the_sidecar_says_that_no_model_made_it(clip: Path) -> None:
    sidecar = Sidecar.from_json((clip / "blue-sparks.transpixar").read_bytes())
    assert sidecar.model.name == "procedural" and "no model" in sidecar.model.title
    assert (sidecar.request.model, sidecar.request.steps, sidecar.execution) == ("procedural", 0, None)
    assert sidecar.notes == ("Drawn procedurally, without a model.",)


def test_a_clip_can_be_finished_converted_and_inspected(clip: Path, tmp_path: Path) -> None:
    assert finish.main([str(clip), "--levels", "0.02,0.98", "--out", str(tmp_path / "finished")]) == 0
    assert convert.main([str(clip), "--to", "webp", "--out", str(tmp_path / "sparks.webp")]) == 0
    assert inspect.main([str(clip), "--json", "--no-sheet"]) == 0


def test_the_same_seed_draws_the_same_clip(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--size", "48x32", "--frames", "4", "--seed", "7"]
    again = Path(run(capsys, "blue sparks", "--out", tmp_path / "again", *options)[1].strip())
    assert (again / "0003.png").read_bytes() == (clip / "0003.png").read_bytes()


def test_it_writes_every_hand_off_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--out", tmp_path, "--size", "32", "--frames", "3", "--seed", "1", "--format", "ffv1", "--fps", "23.976"]
    status, printed, _ = run(capsys, "red fire", *options)
    assert (status, printed.strip()) == (0, str(tmp_path / "red-fire_1_ffv1.mkv"))
    info = open_clip(tmp_path / "red-fire_1_ffv1.mkv").info
    assert (info.fps, info.frame_count) == (Fraction(24000, 1001), 3)
    assert (info.metadata["prompt"], info.metadata["model"]) == ("red fire", "procedural")
    status, _, complaint = run(capsys, "red fire", *options)
    assert status == 1 and "--force" in complaint


def test_what_it_left_out_or_chose_is_said_and_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, printed, said = run(capsys, "a car on fire", "--out", tmp_path, "--size", "16", "--frames", "1")
    assert '"car"' in said and "fire is drawn in orange" in said
    sidecar = json.loads(next(Path(printed.strip()).glob("*.transpixar")).read_text("utf-8"))
    assert len(sidecar["notes"]) == 3


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["a red car"], 2, "names no effect that can be drawn; use one of fire, smoke,"),
        ([], 2, "name an effect, for example 'blue sparks'"),
        (["fire", "--size", "big"], 2, "'big' is no size; write it as 480x320"),
        (["fire", "--size", "8x8"], 2, "each number 16 to 8192"),
        (["fire", "--frames", "0"], 2, "'0' is no number of frames; use a whole number from 1"),
        (["fire", "--seed", "-1"], 2, "'-1' is no seed"),
        (["fire", "--fps", "23.976"], 1, "A clip folder has a whole number of frames a second; use 24, or a movie."),
        (["fire", "--size", "8192", "--frames", "99"], 1, "over 500 million pixels; use fewer frames"),
        (["--sheet", "sheet.jpg"], 1, "A contact sheet is a PNG; name it sheet.png."),
    ],
)
def test_what_is_wrong_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, message: str
) -> None:
    found, printed, said = run(capsys, *arguments, "--out", tmp_path)
    assert (found, printed) == (status, "")
    assert message in said and "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    status, _, said = run(capsys, "fire", "--out", tmp_path / "file", "--size", "16", "--frames", "1")
    assert status == 1 and "cannot be written" in said


def test_the_list_and_the_sheet_show_every_family(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = run(capsys, "--list")[1]
    assert all(f"  {family} " in listed for family in FAMILIES) and "crimson" in listed
    assert run(capsys, "--sheet", tmp_path / "new" / "sheet.png")[0] == 0
    with Image.open(tmp_path / "new" / "sheet.png") as sheet:
        assert sheet.width > 1000
