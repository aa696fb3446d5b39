"""`python -m server models` as a person runs it: a process of its own, against the small hub."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import save

import server.models
from server.commands.models import main
from server.launch import module_environment
from server.models.places import ModelPlaces
from server.models.transfer import INCOMPLETE
from tests.server.models.fake_hub import COMMIT, FakeHub

MINI = Path(server.models.__file__).parent / "mini"
TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture
def environment(places: ModelPlaces, tmp_path: Path) -> dict[str, str]:
    return {
        **module_environment(),
        "TRANSPIXAR_DATA_DIR": str(places.root),
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": str(tmp_path / "hf_home"),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def models(environment: dict[str, str], hub: FakeHub):
    def run(*arguments: str, answers: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "server", "models", *arguments],
            input=answers,
            capture_output=True,
            text=True,
            env=environment | {"HF_ENDPOINT": hub.url} | more,
        )

    return run


def test_list(models, remote_folder: Path) -> None:
    lines = models("list").stdout.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "SIZE", "LICENCES"]
    assert lines[1].split()[:2] == ["mini", "ready"]
    assert "licence not accepted  21.4 GB  to be accepted" in lines[2]
    assert "unusable" in lines[4]
    assert lines[5].split()[0] == "remote"


def test_download_asks_and_then_downloads(models, hub: FakeHub, remote_folder: Path) -> None:
    refused = models("download", "remote", answers="\n")
    assert refused.returncode == 1
    assert "remote has" in refused.stdout and "are to be downloaded" in refused.stdout
    assert "Only for tests.\nhttps://example.org/licence" in refused.stdout
    assert "--yes-i-accept tiny-base" in refused.stdout
    assert not hub.answered

    accepted = models("download", "remote", answers="y\n")
    assert (accepted.returncode, accepted.stdout.endswith("remote is ready.\n")) == (0, True)
    assert "100%" in accepted.stderr
    assert "Traceback" not in accepted.stderr

    again = models("download", "remote", "--offline")
    assert again.returncode == 0
    shown = models("show", "remote").stdout
    assert "State:     ready" in shown and "(accepted 2" in shown and "Hub:       maker/Base" in shown


def test_a_script_accepts_by_id(models, remote_folder: Path) -> None:
    assert models("accept", "remote").returncode == 1
    assert models("accept", "remote", "--yes-i-accept", "tiny-base").stdout.endswith("remote are accepted.\n")
    assert models("accept", "mini").stdout == "mini needs no consent.\n"


def test_a_killed_download_continues(
    models, hub: FakeHub, environment: dict[str, str], places: ModelPlaces, remote_folder: Path
) -> None:
    # Larger than what a program keeps back before it writes.
    content = save({"numbers": torch.arange(1_000_000)})
    hub.repos["maker/Base"].files[TRANSFORMER] = content
    hub.stall[TRANSFORMER] = threading.Event()
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "models", "download", "remote", "--yes-i-accept", "tiny-base"],
        env=environment | {"HF_ENDPOINT": hub.url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    partial = places.hub / "models--maker--Base" / "snapshots" / COMMIT / (TRANSFORMER + INCOMPLETE)
    assert process.stderr is not None
    while not (partial.exists() and partial.stat().st_size):
        assert process.stderr.read(1)  # the progress bar moves on
    psutil.Process(process.pid).kill()
    process.wait()
    process.stderr.close()
    hub.stall.pop(TRANSFORMER).set()

    assert models("download", "remote").returncode == 0
    assert (partial.parent / Path(TRANSFORMER).name).read_bytes() == content
    assert not partial.exists()
    assert hub.answered[-1].start > 0
    assert hub.answered[-1].start + hub.answered[-1].sent == len(content)


@pytest.mark.parametrize("how", [{"arguments": ["--offline"]}, {"HF_HUB_OFFLINE": "1"}])
def test_offline(models, remote_folder: Path, how: dict) -> None:
    result = models("download", "remote", *how.pop("arguments", []), "--yes-i-accept", "tiny-base", **how)
    assert result.returncode == 1
    assert "offline mode forbids" in result.stderr


def test_a_name_that_does_not_exist(models) -> None:
    result = models("show", "nothing")
    assert result.returncode == 1
    assert result.stderr.startswith("There is no model 'nothing'; use one of mini, ")


def test_a_lora_of_ones_own_on_the_embedded_model(places: ModelPlaces, capsys: pytest.CaptureFixture[str]) -> None:
    lora, data_dir = MINI / "rgba_lora.safetensors", ["--data-dir", str(places.root)]
    assert main(["add", "my-smoke", "--base", "mini", "--rgba-lora", str(lora), *data_dir]) == 0
    description = json.loads((places.models / "my-smoke" / "transpixar.json").read_text("utf-8"))
    assert description["rgb"] == "premultiplied"
    assert description["limits"]["max_width"] == 96
    assert description["tasks"] == ["text", "image", "footage"]
    capsys.readouterr()
    assert main(["list", *data_dir]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[:2] == ["my-smoke", "ready"]

    assert main(["add", "my-smoke", "--base", "mini", "--rgba-lora", str(lora), *data_dir]) == 1
    assert "There is a model 'my-smoke' already" in capsys.readouterr().err
    assert main(["remove", "my-smoke", "--yes", *data_dir]) == 0
    assert not (places.models / "my-smoke").exists()
    assert lora.exists()


def test_a_lora_that_does_not_fit_is_refused(
    tiny_model_folder: Path, places: ModelPlaces, capsys: pytest.CaptureFixture[str]
) -> None:
    lora = tiny_model_folder / "rgba_lora.safetensors"
    assert main(["add", "mine", "--base", "mini", "--rgba-lora", str(lora), "--data-dir", str(places.root)]) == 1
    assert "made for a model of width 32, this one has 192" in capsys.readouterr().err
    assert not places.models.exists()


def test_a_lora_that_does_not_fit_a_base_that_is_still_on_the_hub(
    hub: FakeHub, tmp_path: Path, places: ModelPlaces, capsys: pytest.CaptureFixture[str]
) -> None:
    lora = MINI / "rgba_lora.safetensors"
    arguments = ["--base", "maker/Base", "--rgba-lora", str(lora), "--data-dir", str(places.root)]
    assert main(["add", "mine", *arguments]) == 1
    assert "made for a model of width 192, this one has 32" in capsys.readouterr().err


def test_removing_a_download_frees_the_disk(models, places: ModelPlaces, remote_folder: Path) -> None:
    models("download", "remote", "--yes-i-accept", "tiny-base")
    twin = json.loads((remote_folder / "transpixar.json").read_text("utf-8")) | {"name": "twin"}
    (places.models / "twin").mkdir()
    (places.models / "twin" / "transpixar.json").write_text(json.dumps(twin), "utf-8")
    # Its twin needs the same files.
    assert "0 bytes are free" in models("remove", "twin", answers="y\n").stdout.replace("\n", " ")
    assert models("remove", "remote", answers="n\n").returncode == 1
    assert models("remove", "remote", answers="y\n").returncode == 0
    assert not list(places.hub.glob("models--*"))
    assert not list(places.models.iterdir())
