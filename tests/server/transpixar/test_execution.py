"""Every memory plan and quality preset on tiny real components: the same clip, whatever happened before."""

import sys

import pytest
import torch
from safetensors.torch import save_file

from server.transpixar import GenerationCancelled, TransPixarPipeline
from server.transpixar.execution import Execution, text_encoder_loader
from server.transpixar.memory import ClipSize
from server.transpixar.placement import Placement, PlanNotPossible, is_out_of_memory
from server.transpixar.planner import PlannedRun
from server.transpixar.plans import ALTERNATING, OFFLOAD, PLANS, RESIDENT, TEXT_FREED, TILED
from tests.device import DEVICE
from tests.tiny_model import LORA_ALPHA, MAX_SEQUENCE_LENGTH

pytestmark = pytest.mark.device

PROMPT, STEPS = "a puff of orange smoke", 4
SIZE = ClipSize(width=48, height=32, num_frames=5)
WHOLE_WEIGHTS = [plan for plan in PLANS.values() if not plan.changes_weights]
IN_FP8 = [plan for plan in PLANS.values() if plan.storage == "fp8"]


def run_of(plan, **changes) -> PlannedRun:
    return PlannedRun(plan, SIZE, **changes)


def load(folder) -> TransPixarPipeline:
    pipe = TransPixarPipeline.from_pretrained(
        folder, rgba_lora=folder / "rgba_lora.safetensors", lora_alpha=LORA_ALPHA, text_encoder=None
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


class CountingLoader:
    """Loads the text encoder and counts how often."""

    def __init__(self, folder) -> None:
        self.load, self.calls = text_encoder_loader(folder, torch.float32), 0

    def __call__(self, device):
        self.calls += 1
        return self.load(device)


@pytest.fixture
def execution(model_folder) -> Execution:
    loader = CountingLoader(model_folder)
    return Execution(load(model_folder), DEVICE, load_text_encoder=loader, model="tiny")


@pytest.fixture(scope="session")
def expected(model_folder) -> torch.Tensor:
    """The latents that a pipeline makes without any of this."""
    pipe = TransPixarPipeline.from_pretrained(
        model_folder, rgba_lora=model_folder / "rgba_lora.safetensors", lora_alpha=LORA_ALPHA
    )
    pipe.to(DEVICE).set_progress_bar_config(disable=True)
    return pipe(PROMPT, negative_prompt="", max_sequence_length=MAX_SEQUENCE_LENGTH, **clip_arguments()).frames


def clip_arguments():
    return {
        "width": SIZE.width,
        "height": SIZE.height,
        "num_frames": SIZE.num_frames,
        "num_inference_steps": STEPS,
        "guidance_scale": 4.0,
        "generator": torch.Generator().manual_seed(3),
        "output_type": "latent",
    }


def generate(execution) -> torch.Tensor:
    words = execution.encode([PROMPT], [""], length=MAX_SEQUENCE_LENGTH)
    return execution.pipe(**words, **clip_arguments()).frames


def cancel(execution) -> None:
    """Stop a clip in its second block."""
    asked = []
    execution.pipe.should_stop = lambda: bool(asked.append(True)) or len(asked) > 6
    with pytest.raises(GenerationCancelled):
        generate(execution)
    execution.pipe.should_stop = None


def assert_same(latents, expected):
    torch.testing.assert_close(latents, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("plan", WHOLE_WEIGHTS, ids=lambda plan: plan.name)
def test_every_plan_makes_the_same_clip_again_and_again(execution, expected, plan):
    run = run_of(plan, others_wait=plan.text_encoder == "freed")
    execution.prepare(run, "exact", STEPS)
    assert_same(generate(execution), expected)
    cancel(execution)
    execution.prepare(run, "exact", STEPS)
    assert_same(generate(execution), expected)


@pytest.mark.parametrize("plan", IN_FP8, ids=lambda plan: plan.name)
def test_weights_in_8_bits_make_nearly_the_same_clip(execution, expected, plan):
    run = run_of(plan)
    execution.prepare(run, "exact", STEPS)
    latents = generate(execution)
    assert 0 < (latents - expected).abs().mean() < 0.02 * expected.std()
    cancel(execution)
    execution.prepare(run, "exact", STEPS)
    assert_same(generate(execution), latents)


def test_8_bits_leave_norms_embeddings_and_loras_alone(execution):
    execution.prepare(run_of(PLANS["fp8"]), "exact", STEPS)
    stored = {
        name for name, parameter in execution.pipe.transformer.named_parameters() if parameter.dtype != torch.float32
    }
    assert all(".attn1.to_" in name or ".ff.net." in name for name in stored)
    assert all("base_layer" in name for name in stored if ".attn1." in name)
    assert len(stored) == 2 * (4 + 2) * 2  # blocks, layers, weight and bias
    assert execution.pipe.transformer.dtype == torch.float32  # what it computes in


def test_weights_in_8_bits_cannot_be_made_whole(execution):
    execution.prepare(run_of(PLANS["fp8"]), "exact", STEPS)
    assert execution.can_prepare(PLANS["fp8"])
    assert not execution.can_prepare(RESIDENT)
    with pytest.raises(PlanNotPossible, match="load the model again"):
        execution.prepare(run_of(RESIDENT), "exact", STEPS)


def test_int8_works_with_torchao(execution, expected, tmp_path):
    pytest.importorskip("torchao", reason="torchao is in the extra int8")
    execution.prepare(run_of(PLANS["int8"]), "exact", STEPS)
    block = execution.pipe.transformer.transformer_blocks[0]
    assert "Int8" in type(block.ff.net[0].proj.weight.data).__name__
    assert type(block.norm1.linear.weight.data) is torch.Tensor
    difference = (generate(execution) - expected).abs()
    assert 0 < difference.mean() < 0.05
    assert not execution.can_prepare(RESIDENT)
    with pytest.raises(ValueError, match="stored in 8 bits"):
        execution.pipe.save_pretrained(tmp_path)


def test_int8_says_so_without_torchao(execution, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchao", None)
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    with pytest.raises(PlanNotPossible, match="pip install torchao"):
        execution.prepare(run_of(PLANS["int8"]), "exact", STEPS)


def test_plans_follow_each_other(execution, expected):
    for plan in (RESIDENT, OFFLOAD, TEXT_FREED, OFFLOAD, TILED, RESIDENT):
        execution.prepare(run_of(plan), "exact", STEPS)
        assert_same(generate(execution), expected)


def test_a_plan_is_carried_out_and_undone(model_folder):
    pipe = load(model_folder)
    placement = Placement(pipe, OFFLOAD, DEVICE)
    assert pipe.vae.use_tiling
    assert all(hasattr(block, "_diffusers_hook") for block in pipe.transformer.transformer_blocks)
    placement.undo()
    assert not pipe.vae.use_tiling
    assert pipe.batch_guidance
    hooks = [block._diffusers_hook.hooks for block in pipe.transformer.transformer_blocks]
    assert not any(hooks)


def test_sequential_plans_run_one_half_of_guidance_at_a_time(execution):
    batches = []
    execution.pipe.transformer.register_forward_hook(lambda module, args, output: batches.append(len(output[0])))
    for plan, sizes in ((PLANS["sequential"], [1] * 2 * STEPS), (TEXT_FREED, [2] * STEPS)):
        batches.clear()
        execution.prepare(run_of(plan), "exact", STEPS)
        generate(execution)
        assert batches == sizes


@pytest.mark.parametrize("plan", [TEXT_FREED, PLANS["offload-text-on-cpu"]], ids=lambda plan: plan.name)
def test_a_text_encoder_that_left_comes_back_for_new_words_only(execution, plan):
    loader = execution._load_text_encoder
    execution.prepare(run_of(plan), "exact", STEPS)
    execution.encode([PROMPT], [""], length=MAX_SEQUENCE_LENGTH)
    execution.encode(["", PROMPT], None, length=MAX_SEQUENCE_LENGTH)
    assert loader.calls == 1
    assert execution.pipe.text_encoder is None
    execution.encode(["blue fire"], [""], length=MAX_SEQUENCE_LENGTH)
    assert loader.calls == 2


def test_the_transformer_makes_room_for_the_decoder_where_the_plan_says_so(execution, monkeypatch):
    execution.prepare(run_of(ALTERNATING), "exact", STEPS)
    moves: list[torch.device] = []
    monkeypatch.setattr(execution.pipe.transformer, "to", moves.append)
    execution.device = execution._placement.device = torch.device("cuda")  # only the name: nothing moves

    with pytest.raises(RuntimeError, match="in the middle"), execution.decoding():
        assert moves == [torch.device("cpu")]
        raise RuntimeError("in the middle")

    assert moves == [torch.device("cpu"), torch.device("cuda")]


def test_a_resident_text_encoder_stays(execution):
    execution.prepare(run_of(RESIDENT), "exact", STEPS)
    execution.encode([PROMPT], [""], length=MAX_SEQUENCE_LENGTH)
    execution.encode(["blue fire"], [""], length=MAX_SEQUENCE_LENGTH)
    assert execution._load_text_encoder.calls == 1
    assert execution.pipe.text_encoder is not None


def test_a_text_encoder_that_cannot_be_loaded_leaves_a_working_pipeline(execution, expected):
    run = run_of(TEXT_FREED, others_wait=True)
    execution.prepare(run, "exact", STEPS)
    load_text_encoder, execution._load_text_encoder = execution._load_text_encoder, None
    with pytest.raises(TypeError):
        execution.encode([PROMPT], [""], length=MAX_SEQUENCE_LENGTH)
    execution._load_text_encoder = load_text_encoder
    assert_same(generate(execution), expected)


def test_encoding_before_preparing_is_refused(execution):
    with pytest.raises(RuntimeError, match="Call prepare before encode"):
        execution.encode([PROMPT], None, length=MAX_SEQUENCE_LENGTH)


@pytest.mark.parametrize("quality", ["balanced", "fast"])
def test_a_cache_never_leaks_into_the_next_clip(execution, expected, quality):
    for plan in (RESIDENT, OFFLOAD):
        execution.prepare(run_of(plan), quality, STEPS)
        first = generate(execution)
        cancel(execution)
        execution.prepare(run_of(plan), quality, STEPS)
        assert_same(generate(execution), first)
        cancel(execution)
        execution.prepare(run_of(plan), "exact", STEPS)
        assert_same(generate(execution), expected)


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")
def test_a_style_lora_can_be_loaded_under_offloading(execution, tmp_path):
    stem = "transformer.transformer_blocks.0.attn1.to_q"
    save_file(
        {f"{stem}.lora_A.weight": torch.randn(2, 32), f"{stem}.lora_B.weight": torch.randn(32, 2)},
        tmp_path / "style.safetensors",
    )
    clips = []
    for plan in (RESIDENT, OFFLOAD):
        execution.prepare(run_of(plan), "exact", STEPS)
        execution.pipe.set_style_loras([(tmp_path / "style.safetensors", 1.0)])
        clips.append(generate(execution))
        execution.pipe.set_style_loras([])
    assert_same(clips[1], clips[0])


def test_the_description_is_what_a_job_reports(execution):
    assert execution.describe() == {}
    execution.prepare(run_of(OFFLOAD, predicted_peak_bytes=123), "fast", STEPS)
    described = execution.describe()
    assert described["plan"] == "offload"
    assert described["plan_summary"].endswith("come to the device in turn.")
    assert (described["quality"], described["attention"]) == ("fast", "PyTorch")
    assert described["predicted_peak_bytes"] == 123


def test_an_unknown_quality(execution):
    with pytest.raises(ValueError, match='use "exact", "balanced" or "fast"'):
        execution.prepare(run_of(RESIDENT), "best", STEPS)


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error, answer):
    assert is_out_of_memory(error) == answer
