"""The best kernel by capability, package and trial."""

import pytest
import torch
from diffusers.models.attention_dispatch import AttentionBackendName as Backend

from server.transpixar.kernels import KERNELS, choose_kernel, use_kernel
from tests.server.transpixar.pipelines import PROMPT, generator, make_pipeline

pytestmark = pytest.mark.device

CLIP = {"height": 32, "width": 32, "num_frames": 5, "num_inference_steps": 3, "output_type": "latent"}
ALL = {"sageattention", "flash_attn", "flash_attn_interface"}


def choose(capability=None, *, installed=ALL, broken=(), dtype=torch.bfloat16, exact=True):
    # A CPU stands in for the GPU: what is asked of a GPU is injected.
    return choose_kernel(
        "cpu",
        dtype=dtype,
        head_dim=64,
        exact=exact,
        capability=capability,
        is_installed=lambda package: package in installed,
        works=lambda kernel: kernel.backend not in broken,
    )


@pytest.mark.parametrize(
    ("capability", "installed", "exact", "backend"),
    [
        ((9, 0), ALL, True, Backend._FLASH_3),
        ((9, 0), {"flash_attn"}, True, Backend._NATIVE_CUDNN),
        ((9, 0), ALL, False, Backend.SAGE),
        ((10, 0), ALL, True, Backend._NATIVE_CUDNN),
        ((12, 0), set(), True, Backend._NATIVE_CUDNN),
        ((8, 9), ALL, True, Backend.FLASH),
        ((8, 9), set(), True, Backend.NATIVE),
        ((8, 6), ALL, False, Backend.SAGE),
        ((7, 5), ALL, False, Backend.NATIVE),
        (None, ALL, False, Backend.NATIVE),
    ],
)
def test_the_best_kernel_for_a_gpu(capability, installed, exact, backend):
    assert choose(capability, installed=installed, exact=exact).chosen.backend == backend


@pytest.mark.parametrize("kernel", KERNELS)
def test_exact_never_quantises(kernel):
    for capability in ((8, 0), (8, 9), (9, 0), (10, 0), (12, 0)):
        assert choose(capability).chosen.exact


def test_32_bits_stay_with_pytorch():
    assert choose((9, 0), dtype=torch.float32).chosen.backend == Backend.NATIVE


def test_a_kernel_whose_trial_fails_is_passed_over():
    report = choose((9, 0), broken={Backend._FLASH_3})
    assert report.chosen.backend == Backend._NATIVE_CUDNN
    assert ("FlashAttention 3", "a trial of it failed") in report.rejected


def test_the_report_says_why_in_sentences():
    lines = choose(None).lines()
    assert lines[0] == "Attention is computed by PyTorch."
    assert "SageAttention is not used: it needs an NVIDIA GPU." in lines
    assert all(line.endswith(".") for line in lines)


def test_this_machine_has_a_kernel_that_works():
    device = "cuda" if torch.cuda.is_available() else "cpu"
    report = choose_kernel(device, dtype=torch.bfloat16, head_dim=64, exact=True)
    pipe = make_pipeline()
    expected = pipe(PROMPT, generator=generator(), **CLIP).frames
    if device == "cpu":
        use_kernel(pipe.transformer, report.chosen)
        assert torch.equal(pipe(PROMPT, generator=generator(), **CLIP).frames, expected)
