"""The estimate of what a run needs, against a measured pass forth and back."""

from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_leaves

from benchmarks.memory import LiveBytes
from server.training.lora.adapter import RGBAAdapter
from server.training.lora.config import TrainingConfig
from server.training.lora.errors import TrainingError
from server.training.lora.memory import TrainingMemory
from server.training.lora.objective import VelocityModel
from server.transpixar.flops import LatentSize
from tests.server.transpixar.model_inputs import random_inputs
from tests.tiny_model import make_transformer

LAYERS = 5
# The transformer of CogVideoX-5B, and its clips of 480x720 with 49 frames.
FULL = {
    "num_attention_heads": 48, "attention_head_dim": 64, "in_channels": 16, "out_channels": 16, "time_embed_dim": 512,
    "text_embed_dim": 4096, "num_layers": 42, "patch_size": 2, "max_text_seq_length": 226,
    "use_rotary_positional_embeddings": True, "sample_width": 90, "sample_height": 60, "sample_frames": 49,
    "temporal_compression_ratio": 4, "use_learned_positional_embeddings": False,
}  # fmt: skip
FULL_CLIPS = [(LatentSize(13, 60, 90), 226)]


def config(**changes) -> TrainingConfig:
    return TrainingConfig(**{"cache": "c", "out": "o"} | changes)


class EveryDevice(LiveBytes):
    """Follows what is made, on the CPU too."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._count(leaf.untyped_storage())
        return result


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("checkpointing", [True, False])
def test_activations_are_what_was_measured(dtype: torch.dtype, checkpointing: bool) -> None:
    torch.manual_seed(0)
    # Heads as wide as CogVideoX's, and many more tokens than the patches and text have channels.
    transformer = make_transformer(num_attention_heads=4, attention_head_dim=64, num_layers=LAYERS, patch_size=2)
    settings = config(rank=4, gradient_checkpointing=checkpointing)
    RGBAAdapter(transformer.to(dtype), settings)
    inputs = random_inputs(transformer, batch=1, frames=3, height=16, width=32)
    model = VelocityModel(transformer)
    noisy, text = inputs.hidden_states.to(dtype), inputs.encoder_hidden_states.to(dtype)

    with EveryDevice(transformer, noisy, text) as live:
        model(noisy, text, inputs.timestep, inputs.image_rotary_emb, None).square().mean().backward()

    sizes = [(LatentSize(3, 16, 32), text.shape[1])]
    estimate = TrainingMemory.of(transformer.config, settings, sizes, dtype_bytes=dtype.itemsize)
    assert estimate.activations == pytest.approx(live.peak, rel=0.06)


def test_the_full_model_by_the_papers_recipe() -> None:
    memory = TrainingMemory.of(FULL, config(), FULL_CLIPS, dtype_bytes=2)
    gigabytes = {name: round(count / 1e9, 1) for name, count in vars(memory).items()}
    # 11.1 GB of weights; 132 million trained ones, in float32 with gradients and two moments.
    assert gigabytes == {
        "base": 11.1, "adapter": 1.1, "optimizer": 1.1, "average": 0.0, "activations": 14.1, "activations_kept": 129.6
    }  # fmt: skip
    assert memory.total < 32e9


def test_what_does_not_fit_is_refused_with_what_would_help() -> None:
    settings = config(gradient_checkpointing=False, micro_batch_size=2)
    memory = TrainingMemory.of(FULL, settings, FULL_CLIPS, dtype_bytes=2)
    memory.check(2**40, settings)
    with pytest.raises(TrainingError) as caught:
        memory.check(24 * 2**30, settings)
    assert "24.0 GiB are free. Use --gradient-checkpointing, or a smaller --micro-batch-size" in str(caught.value)


def test_a_small_optimizer_and_no_average_need_less() -> None:
    def total(**changes) -> int:
        return TrainingMemory.of(FULL, config(**changes), FULL_CLIPS, dtype_bytes=2).total

    assert total(optimizer="adamw8bit") < total() < total(ema_decay=0.99) < total(gradient_checkpointing=False)
    assert total(rank=32) < total()
