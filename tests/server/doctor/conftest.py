"""A port that nobody uses, and a healthy machine without a graphics card."""

import socket

import pytest

from server.doctor.machine import Machine, TorchBuild


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def machine() -> Machine:
    return Machine(
        python=(3, 12, 1),
        system="Windows",
        missing=(),
        torch=TorchBuild("2.13.0+cpu", cuda=None, has_gpu=False),
        torch_error=None,
        nvidia_cards=(),
        gpu=None,
        memory_free=20 * 10**9,
        memory_total=32 * 10**9,
    )
