"""What an artist is told when a clip cannot be made."""

import errno

import pytest
import torch

from server.workers.failures import describe_failure
from server.workers.loaded_model import ModelNotLoaded


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "out_of_memory"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"), "out_of_memory"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
            "out_of_memory",
        ),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "model_failed"),
        (ValueError("frames hold numbers that are not finite"), "model_failed"),
        (ModelNotLoaded("The model 'x' cannot be loaded"), "model_failed"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (PermissionError(errno.EACCES, "Permission denied"), "write_failed"),
        (Exception(), "model_failed"),
    ],
)
def test_every_error_becomes_a_sentence_with_a_code(error: Exception, code: str) -> None:
    told = describe_failure(error)

    assert told.code == code
    assert told.message.endswith(".")
    assert "\n" not in told.message


def test_an_allocation_that_really_fails_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)

    assert describe_failure(caught.value).code == "out_of_memory"
