"""Numbers by capability: a table stands in for the devices that this machine does not have."""

import pytest
import torch

from server.training.lora import devices
from server.training.lora.config import TrainingConfig
from server.transpixar import precision
from server.transpixar.precision import compute_dtype, has_bfloat16

F32, BF16, F16 = torch.float32, torch.bfloat16, torch.float16


@pytest.mark.parametrize(
    ("device", "bfloat16", "taken"),
    [
        ("cpu", True, {"float32": F32, "bfloat16": BF16, "float16": BF16}),
        ("cuda", True, {"float32": F32, "bfloat16": BF16, "float16": F16}),  # Ampere and later
        ("cuda", False, {"float32": F32, "bfloat16": F16, "float16": F16}),  # Turing, Volta, Pascal
    ],
)
def test_what_is_computed_in(device, bfloat16, taken):
    assert {name: compute_dtype(name, device, bfloat16=bfloat16) for name in taken} == taken


@pytest.fixture
def turing(monkeypatch):
    """As torch answers for a card of compute capability 7.5: bfloat16 is there, by emulation."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)


def test_emulation_does_not_count(turing):
    assert not has_bfloat16("cuda:0")
    assert has_bfloat16("cpu")
    assert compute_dtype("bfloat16", "cuda:0") is F16


def test_training_does_not_take_emulation_for_bfloat16_either(turing, tmp_path):
    config = TrainingConfig(cache=tmp_path, out=tmp_path)
    assert devices.compute_dtype(config, torch.device("cuda")) is F32
    assert devices.compute_dtype(config, torch.device("cpu")) is F32


def test_a_description_that_there_is_not():
    with pytest.raises(KeyError):
        precision.compute_dtype("float8", "cuda")
