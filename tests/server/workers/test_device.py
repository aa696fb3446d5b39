"""What the worker computes on."""

import psutil
import pytest
import torch

from server import main_memory
from server.workers.device import DEVICES, DeviceUnusable, describe_device, hide_other_gpus, memory_probe, torch_device


@pytest.mark.parametrize(
    ("device", "listed", "seen"),
    [
        ("cuda:2", None, "2"),
        ("cuda:1", "4,6", "6"),
        ("cuda:1", "GPU-a, GPU-b", "GPU-b"),
        ("cuda:2", "4,6", ""),
        ("cuda:0", "", ""),
        ("cuda", "4,6", "4,6"),
        ("auto", None, None),
        ("cpu", "0", "0"),
    ],
)
def test_a_worker_sees_its_own_gpu_only(device: str, listed: str | None, seen: str | None) -> None:
    environment = {} if listed is None else {"CUDA_VISIBLE_DEVICES": listed}
    hide_other_gpus(device, environment)

    assert environment.get("CUDA_VISIBLE_DEVICES") == seen


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_without_a_gpu_the_processor_computes(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert torch_device(device) == "cpu"


def test_a_gpu_that_is_there_is_taken_unless_the_processor_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    assert [torch_device(device) for device in ("auto", "cuda", "cuda:1", "cpu")] == ["cuda", "cuda", "cuda", "cpu"]


@pytest.mark.parametrize(("cuda", "advice"), [(None, "install one with CUDA"), ("12.8", "driver")])
def test_a_gpu_that_is_asked_for_and_not_there_is_an_error(
    cuda: str | None, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)

    with pytest.raises(DeviceUnusable, match=f"'cuda:1'.*{advice}.*--device cpu") as caught:
        torch_device("cuda:1")
    assert caught.value.code == "no_gpu"


def test_the_processor_is_described_and_its_memory_measured() -> None:
    hello = describe_device("auto", "cpu")
    memory = memory_probe("cpu")()

    assert (hello.device, bool(hello.device_name)) == ("cpu", True)
    assert hello.versions["torch"] == torch.__version__
    assert 0 < memory.used_bytes < memory.total_bytes == main_memory.total_bytes() <= psutil.virtual_memory().total


@pytest.mark.parametrize("name", ["auto", "cpu", "cuda", "cuda:0", "cuda:12"])
def test_devices_that_can_be_asked_for(name: str) -> None:
    assert DEVICES.fullmatch(name)


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:0", "mps"])
def test_devices_that_cannot(name: str) -> None:
    assert not DEVICES.fullmatch(name)
