"""`python -m server train` as a person runs it, and what the server makes of its result."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors import safe_open

from server.commands.models import main as models
from server.commands.train import main
from server.launch import module_environment
from server.media.sidecar import Sidecar
from tests.server.training.prepared_clips import write_cache

QUICK = ["--rank", "4", "--lora-alpha", "2", "--batch-size", "4", "--no-gradient-checkpointing", "--device", "cpu"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def options(tiny_model_folder: Path, cache: Path, tmp_path: Path) -> list[str]:
    data = ["--data-dir", str(tmp_path / "data"), "--cache", str(cache)]
    return [*data, "--base", str(tiny_model_folder), *QUICK]


def rows(folder: Path) -> list[dict[str, float]]:
    with (folder / "losses.csv").open(newline="", encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def test_the_result_is_added_to_the_server_and_makes_a_clip(
    options: list[str], tiny_model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    run = [*options, "--out", str(out), "--iterations", "2", "--data-licence", "CC0"]
    assert main(run) == 0
    said = capsys.readouterr()
    lora = Path(said.out.strip())
    assert lora == out / "rgba_lora.safetensors"
    assert "activations" in said.err and "models add NAME" in said.err
    with safe_open(lora, framework="pt") as file:
        header = file.metadata()
    assert (header["rank"], header["lora_alpha"], header["base"]) == ("4", "2.0", tiny_model_folder.name)
    assert (header["text_to_alpha"], header["data_licence"], header["rgb"]) == ("strict", "CC0", "premultiplied")

    data_dir = ["--data-dir", str(tmp_path / "data")]
    assert models(["add", "mine", "--base", str(tiny_model_folder), "--rgba-lora", str(lora), *data_dir]) == 0
    generate = ["generate", "orange fire", "--model", "mine", "--steps", "1", "--out", str(tmp_path / "clips")]
    done = subprocess.run(
        [sys.executable, "-m", "server", *generate, *data_dir], capture_output=True, text=True, env=module_environment()
    )
    assert done.returncode == 0, done.stderr
    sidecar = Sidecar.from_json(Path(done.stdout.strip(), "orange-fire.transpixar").read_bytes())
    assert sidecar.request.model == "mine"


def test_a_run_that_is_over_has_nothing_to_do(options: list[str], tmp_path: Path) -> None:
    run = [*options, "--out", str(tmp_path / "run"), "--iterations", "2"]
    assert main(run) == 0
    before = rows(tmp_path / "run")
    assert main(run) == 0
    assert rows(tmp_path / "run") == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--base", "sora"], "There is no base 'sora'; use the name of a model (mini, "),
        (["--base", "cogvideox-2b"], "hf download zai-org/CogVideoX-2b --local-dir DIR"),
        (["--base", "cogvideox-5b"], "python -m server models download cogvideox-5b"),
        (["--cache", "nowhere"], "holds no prepared data"),
        (["--base", "mini"], "mini reads"),
        (["--micro-batch-size", "3"], "is no multiple of micro_batch_size"),
        (["--optimizer", "adamw8bit"], "needs bitsandbytes, which is not installed"),
        (["--device", "cuda"], "There is no CUDA device here"),
        (["--validation-prompts", "fire", "--validation-size", "33", "32"], "use 32 or 48"),
    ],
)
def test_what_cannot_start_is_told_in_a_sentence(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: list[str], message: str
) -> None:
    if "adamw8bit" in changes:
        pytest.importorskip("torch")
        if _is_installed("bitsandbytes"):
            pytest.skip("bitsandbytes is installed")
    assert main([*options, "--out", str(tmp_path / "run"), *changes]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows sends Ctrl+C to groups only")
def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(options: list[str], tmp_path: Path) -> None:
    out = tmp_path / "run"
    running = subprocess.Popen(
        [sys.executable, "-m", "server", "train", *options, "--out", str(out), "--iterations", "100000"],
        stderr=subprocess.PIPE,
        text=True,
        env=module_environment(),
    )
    losses = out / "losses.csv"
    while not losses.exists() or losses.read_text("utf-8").count("\n") < 3:
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)

    assert running.returncode == 130
    assert "Stopping with a checkpoint" in said
    assert "Traceback" not in said
    made = len(rows(out))
    assert f"Stopped after {made} updates" in said
    assert [path.name for path in (out / "checkpoints").iterdir()] == [f"{made:06d}"]
    assert not (out / "rgba_lora.safetensors").exists()


def test_two_processes_go_on_as_one_does(options: list[str], tmp_path: Path) -> None:
    run = [*options, "--iterations", "4", "--seed", "5", "--warmup", "0", "--checkpoint-every", "1"]
    assert main([*run, "--out", str(tmp_path / "one"), "--keep-checkpoints", "9"]) == 0
    first = Path("checkpoints", "000001")
    shutil.copytree(tmp_path / "one" / first, tmp_path / "two" / first)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", "-m", "server"]
    done = subprocess.run(
        [*launch, "train", *run, "--out", str(tmp_path / "two")],
        capture_output=True,
        text=True,
        env=module_environment() | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    # One of them speaks.
    assert done.stderr.count("Memory on each device") == 1
    for one, two in zip(rows(tmp_path / "one")[1:], rows(tmp_path / "two"), strict=True):
        assert two == pytest.approx(one, rel=1e-4)


def _is_installed(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(name) is not None
