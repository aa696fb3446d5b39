"""Compiled blocks: the same clip, one code for all blocks, few variants, and a count of what really ran compiled."""

import itertools
import logging

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from server.transpixar import GenerationCancelled
from server.transpixar import compile as compiling
from server.transpixar.compile import (
    compile_blocks,
    compile_report,
    is_compiled,
    is_worth_compiling,
    uncompile_blocks,
)
from server.transpixar.quality import PRESETS, apply_quality, reset_quality
from tests.server.transpixar.pipelines import PROMPT, generator, make_pipeline

pytestmark = pytest.mark.device

CLIP = {"height": 32, "width": 32, "num_frames": 5, "num_inference_steps": 3, "output_type": "latent"}


@pytest.fixture(autouse=True)
def torch_as_before():
    names = ("recompile_limit", "fail_on_recompile_limit_hit")
    before = {name: getattr(torch._dynamo.config, name) for name in names}
    yield
    for name, value in before.items():
        setattr(torch._dynamo.config, name, value)
    torch._dynamo.reset()


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
    assert len(graphs) == 1  # hooks and caches are not in there

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
    with caplog.at_level(logging.WARNING, logger="server.transpixar.compile"):
        assert torch.equal(pipe(PROMPT, generator=generator(), **CLIP).frames, expected)
    assert len(caplog.records) == 1
    assert "run as they are" in caplog.text


SIZES = [(32, 32), (32, 48), (64, 48)]
LENGTHS = [5, 9]
MODES = ["strict", "reference", "open"]


def test_sizes_lengths_and_modes_all_run_compiled_in_few_variants():
    """Three sizes x two lengths x three modes, with and without guidance, of one clip and of two."""
    torch._dynamo.reset()
    pipe = make_pipeline(num_layers=3)
    calls = 0
    cases = list(itertools.product(MODES, SIZES, LENGTHS, [4.0], [1]))
    cases += itertools.product(MODES, SIZES[:1], LENGTHS[:1], [4.0, 1.0], [2])
    cases += itertools.product(MODES, SIZES[1:2], LENGTHS, [1.0], [1])
    compile_blocks(pipe.transformer, backend="eager")
    report = compile_report(pipe.transformer)
    for mode, (width, height), num_frames, guidance, count in cases:
        pipe.text_to_alpha = mode
        pipe(
            PROMPT,
            generator=generator(),
            width=width,
            height=height,
            num_frames=num_frames,
            guidance_scale=guidance,
            num_videos_per_prompt=count,
            num_inference_steps=1,
            output_type="latent",
        )
        calls += 3
        assert report.plain_calls == 0, (mode, width, height, num_frames, guidance, count)
    assert report.compiled_calls == calls == 3 * 30
    assert report.variants == 6  # a batch of one and of more, for each of the modes
    assert report.restarts == 0
    assert report.share == 1.0


@pytest.mark.parametrize("num_frames", LENGTHS)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_variant_of_another_size_gives_the_clip_of_this_one(width, height, num_frames):
    pipe, _ = make_compiled_pipeline(backend="aot_eager")
    pipe(PROMPT, generator=generator(), **CLIP)
    other = {"width": width, "height": height, "num_frames": num_frames, "cfg_schedule": "dynamic"}
    compiled = pipe(PROMPT, generator=generator(), **CLIP | other).frames
    uncompile_blocks(pipe.transformer)
    plain = pipe(PROMPT, generator=generator(), **CLIP | other).frames
    np.testing.assert_allclose(compiled.cpu(), plain.cpu(), atol=1e-4)


def test_too_many_variants_are_forgotten_and_made_anew(monkeypatch, caplog):
    monkeypatch.setattr(compiling, "_VARIANTS", 2)
    torch._dynamo.config.recompile_limit = 2
    pipe, expected = make_compiled_pipeline(backend="eager")
    report = compile_report(pipe.transformer)
    with caplog.at_level(logging.WARNING, logger="server.transpixar.compile"):
        for mode in [*MODES, "strict"]:
            pipe.text_to_alpha = mode
            frames = pipe(PROMPT, generator=generator(), **CLIP).frames
    assert torch.equal(frames, expected)
    assert report.plain_calls == 0
    assert report.restarts >= 1
    assert "more variants than torch keeps" in caplog.text


def test_other_styles_again_and_again_stay_compiled(tmp_path):
    """Each change of style LoRAs makes other variants; torch's limit was reached by these alone."""
    pipe, expected = make_compiled_pipeline(backend="eager")
    layer = "transformer.transformer_blocks.0.attn1.to_q"
    shares = []
    for number in range(6):
        path = tmp_path / f"{number}.safetensors"
        save_file(
            {
                f"{layer}.lora_A.weight": torch.randn(number + 1, 32),
                f"{layer}.lora_B.weight": torch.randn(32, number + 1),
            },
            path,
        )
        uncompile_blocks(pipe.transformer)  # as `Execution.clear` does
        pipe.set_style_loras([(path, 0.5)])
        compile_blocks(pipe.transformer, backend="eager")
        pipe(PROMPT, generator=generator(), **CLIP | {"num_inference_steps": 1})
        shares.append(compile_report(pipe.transformer).share)
    assert shares == [1.0] * 6
    pipe.set_style_loras([])
    assert torch.equal(pipe(PROMPT, generator=generator(), **CLIP).frames, expected)


def test_the_report_counts_what_runs_as_it_is():
    def broken(graph_module, example_inputs):
        raise OSError("no compiler here")

    pipe, _ = make_compiled_pipeline(backend=broken)
    report = compile_report(pipe.transformer)
    assert report.share is None
    pipe(PROMPT, generator=generator(), **CLIP)
    assert (report.compiled_calls, report.share) == (0, 0.0)
    assert report.plain_calls == 18
    assert "no compiler here" in report.reason
    report.begin_clip()
    assert report.share is None
    uncompile_blocks(pipe.transformer)
    assert compile_report(pipe.transformer) is None
