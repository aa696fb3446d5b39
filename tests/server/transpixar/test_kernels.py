"""The best kernel by capability, package and trial; compiled blocks."""

import logging

import pytest
import torch
from diffusers.models.attention_dispatch import AttentionBackendName as Backend

from server.transpixar import GenerationCancelled
from server.transpixar.kernels import (
    KERNELS,
    choose_kernel,
    compile_blocks,
    is_compiled,
    is_worth_compiling,
    uncompile_blocks,
    use_kernel,
)
from server.transpixar.quality import PRESETS, apply_quality, reset_quality
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


def test_compiling_pays_on_a_gpu_and_for_long_clips_only():
    assert not is_worth_compiling("cpu", 1e18)


def make_compiled_pipeline(**options):
    pipe = make_pipeline(num_layers=6)
    expected = pipe(PROMPT, generator=generator(), **CLIP).frames
    torch._dynamo.reset()
    compile_blocks(pipe.transformer, **options)
    return pipe, expected


def count_graphs(graphs):
    def backend(graph_module, example_inputs):
        graphs.append(graph_module)
        return graph_module.forward

    return backend


@pytest.mark.parametrize("quality", ["exact", "fast"])
def test_compiled_blocks_share_their_code_and_give_the_same_clip(quality):
    graphs = []
    pipe, expected = make_compiled_pipeline(backend=count_graphs(graphs))
    apply_quality(pipe, PRESETS[quality], 3)
    assert torch.equal(pipe(PROMPT, generator=generator(), **CLIP).frames, expected)
    assert len(graphs) <= 2  # the first block sees other strides; hooks and caches are not in there

    reset_quality(pipe)
    uncompile_blocks(pipe.transformer)
    assert not any(is_compiled(block) for block in pipe.transformer.transformer_blocks)
    assert torch.equal(pipe(PROMPT, generator=generator(), **CLIP).frames, expected)


def test_a_stop_is_looked_for_in_compiled_blocks_too():
    graphs, asked = [], []
    pipe, expected = make_compiled_pipeline(backend=count_graphs(graphs))
    pipe.should_stop = lambda: bool(asked.append(True)) or len(asked) > 9
    with pytest.raises(GenerationCancelled):
        pipe(PROMPT, generator=generator(), **CLIP)
    assert len(asked) == 10
    pipe.should_stop = None
    assert torch.equal(pipe(PROMPT, generator=generator(), **CLIP).frames, expected)


def test_where_compiling_fails_blocks_run_as_they_are(caplog):
    def broken(graph_module, example_inputs):
        raise OSError("no compiler here")

    pipe, expected = make_compiled_pipeline(backend=broken)
    with caplog.at_level(logging.WARNING, logger="server.transpixar.kernels"):
        assert torch.equal(pipe(PROMPT, generator=generator(), **CLIP).frames, expected)
    assert len(caplog.records) == 1
    assert "run as they are" in caplog.text
