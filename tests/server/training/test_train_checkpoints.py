"""Checkpoints are there whole or not at all."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from server.training.lora import checkpoints as module
from server.training.lora.checkpoints import Checkpoints
from server.training.lora.errors import TrainingError

WEIGHTS = {"domain_emb": torch.zeros(1, 1, 4)}


def save(checkpoints: Checkpoints, iteration: int) -> Path:
    return checkpoints.save(iteration, {"iteration": iteration, "x": torch.ones(3)}, WEIGHTS, {"rank": "4"})


def test_the_newest_is_loaded(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "run", keep=2)
    assert checkpoints.load_latest() is None
    for iteration in (500, 1000, 1500, 1_000_000):
        save(checkpoints, iteration)
    assert [path.name for path in checkpoints.all()] == ["001500", "1000000"]
    state = checkpoints.load_latest()
    assert state is not None and state["iteration"] == 1_000_000 and torch.equal(state["x"], torch.ones(3))


class Killed(BaseException):
    pass


@given(death=st.integers(0, 2))
def test_a_process_that_dies_while_it_writes_leaves_the_checkpoint_before(
    tmp_path_factory: pytest.TempPathFactory, death: int
) -> None:
    checkpoints = Checkpoints(tmp_path_factory.mktemp("run"), keep=1)
    save(checkpoints, 1)
    steps = ["write_rgba_weights", "torch.save", "sync"]

    def dies(*_: object, **__: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        owner, name = (torch, "save") if steps[death] == "torch.save" else (module, steps[death])
        patch.setattr(owner, name, dies)
        # Who is dead removes nothing.
        patch.setattr(module.shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(Killed):
            save(checkpoints, 2)
    state = checkpoints.load_latest()
    assert state is not None and state["iteration"] == 1

    save(checkpoints, 2)
    assert [path.name for path in checkpoints.folder.iterdir()] == ["000002"]


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_full(*_: object) -> None:
        raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")

    monkeypatch.setattr(torch, "save", is_full)
    with pytest.raises(TrainingError, match=r"file write failed\); make room and give the same command again"):
        save(Checkpoints(tmp_path, keep=1), 1)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    save(checkpoints, 1)
    last = save(checkpoints, 2)
    (last / "state.pt").write_bytes(b"nothing")
    with pytest.raises(TrainingError, match=r"remove .*000002 to go on from the checkpoint before"):
        checkpoints.load_latest()
