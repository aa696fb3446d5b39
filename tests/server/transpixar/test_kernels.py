"""The best kernel by capability, package and trial."""

import logging

import pytest
import torch
from diffusers.models.attention_dispatch import AttentionBackendName as Backend

from server.transpixar import attention, kernels
from server.transpixar.compile import compile_blocks
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


FLASH = next(each for each in KERNELS if each.backend == Backend.FLASH)


def test_a_kernel_that_fails_in_a_clip_is_replaced_and_the_clip_made(caplog):
    """FlashAttention is not there on this machine, or not for these numbers: it fails at work as a broken one does."""
    pipe = make_pipeline()
    expected = pipe(PROMPT, generator=generator(), **CLIP).frames
    use_kernel(pipe.transformer, FLASH)
    with caplog.at_level(logging.WARNING, logger="server.transpixar.attention"):
        assert torch.equal(pipe(PROMPT, generator=generator(), **CLIP).frames, expected)
    assert len(caplog.records) == 1  # once for all blocks and steps
    failed = pipe.transformer.transformer_blocks[0].attn1.processor.failed
    assert list(failed) == [Backend.FLASH]

    report = choose_kernel(
        "cpu",
        dtype=torch.bfloat16,
        head_dim=64,
        exact=True,
        capability=(8, 6),
        is_installed=lambda package: True,
        works=lambda kernel: True,
        failed=failed,
    )
    assert report.chosen.backend == Backend.NATIVE
    assert dict(report.rejected)["FlashAttention 2"].startswith("it failed in a clip (")


def test_a_kernel_that_fails_in_compiled_blocks_is_replaced_too():
    pipe = make_pipeline()
    expected = pipe(PROMPT, generator=generator(), **CLIP).frames
    torch._dynamo.reset()
    use_kernel(pipe.transformer, FLASH)
    compile_blocks(pipe.transformer, backend="eager")
    assert torch.equal(pipe(PROMPT, generator=generator(), **CLIP).frames, expected)
    assert Backend.FLASH in pipe.transformer.transformer_blocks[0].attn1.processor.failed


def test_memory_that_runs_out_is_no_failure_of_the_kernel(monkeypatch):
    pipe = make_pipeline()
    use_kernel(pipe.transformer, FLASH)

    def run_out(*args, **kwargs):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(attention, "dispatch_attention_fn", run_out)
    with pytest.raises(torch.OutOfMemoryError):
        pipe(PROMPT, generator=generator(), **CLIP)
    assert not pipe.transformer.transformer_blocks[0].attn1.processor.failed


def test_a_kernel_is_tried_at_the_lengths_of_real_calls(monkeypatch):
    tried = []

    def dispatch(query, key, value, backend):
        tried.append((query.shape[1], key.shape[1], backend))
        # One that cannot do few rows against a long table, as text queries are.
        wrong = backend == Backend.FLASH and query.shape[1] < key.shape[1] // 2
        return torch.full_like(query, float("nan")) if wrong else torch.zeros_like(query)

    monkeypatch.setattr(kernels, "dispatch_attention_fn", dispatch)
    kernels._works.cache_clear()
    options = {"dtype": torch.bfloat16, "head_dim": 64, "exact": True, "lengths": (12, 40)}
    report = choose_kernel("cpu", capability=(8, 6), is_installed=lambda package: package == "flash_attn", **options)
    kernels._works.cache_clear()
    assert report.chosen.backend == Backend.NATIVE
    assert (12, 52, Backend.FLASH) in tried
    assert dict(report.rejected)["FlashAttention 2"] == "a trial of it failed"

    tried.clear()
    assert kernels._works(Backend._NATIVE_CUDNN, torch.device("cpu"), torch.bfloat16, 64, (12, 40))
    kernels._works.cache_clear()
    assert [(rows, columns) for rows, columns, _ in tried[::2]] == [(12, 52), (80, 92), (92, 92)]
