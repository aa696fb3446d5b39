"""A generation stops within one transformer block, and the pipeline goes on working."""

import numpy as np
import pytest
import torch

from server.transpixar import GenerationCancelled

pytestmark = pytest.mark.device

PROMPT = "a puff of orange smoke"
CLIP = {"height": 32, "width": 32, "num_frames": 5, "num_inference_steps": 4, "guidance_scale": 4.0}


def generate(pipe, **arguments) -> np.ndarray:
    return pipe(PROMPT, generator=torch.Generator().manual_seed(3), **CLIP, **arguments).frames


class StopAfter:
    """Says stop once it was asked n times."""

    def __init__(self, questions: int) -> None:
        self.left = questions

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("questions", [0, 1, 2, 3, 7, 12, 13, 14])
def test_stopping_anywhere_leaves_a_working_pipeline(pipe, questions):
    expected = generate(pipe)
    pipe.should_stop = StopAfter(questions)
    with pytest.raises(GenerationCancelled):
        generate(pipe)
    pipe.should_stop = None
    assert np.array_equal(generate(pipe), expected)


def test_no_block_runs_after_the_stop(pipe):
    ran = []
    for index, block in enumerate(pipe.transformer.transformer_blocks):
        block.register_forward_hook(lambda module, args, output, index=index: ran.append(index))
    pipe.should_stop = lambda: len(ran) >= 3
    with pytest.raises(GenerationCancelled):
        generate(pipe)
    assert ran == [0, 1, 0]


def test_a_stop_asked_for_by_the_last_step_spares_the_decoding(pipe):
    steps: list[int] = []
    pipe.should_stop = lambda: len(steps) == CLIP["num_inference_steps"]
    decoded = []
    pipe.vae.decoder.register_forward_hook(lambda *args: decoded.append(True))
    with pytest.raises(GenerationCancelled):
        generate(pipe, callback_on_step_end=lambda pipe, step, timestep, tensors: steps.append(step))
    assert steps == [0, 1, 2, 3]
    assert decoded == []


def test_a_pipeline_that_is_never_stopped_asks_all_along(pipe):
    pipe.should_stop = lambda: False
    expected = generate(pipe)
    pipe.should_stop = None
    assert np.array_equal(generate(pipe), expected)


def test_an_error_in_the_callback_leaves_a_working_pipeline(pipe):
    expected = generate(pipe)

    def fail(*args):
        raise OSError("no space left")

    pipe.should_stop = lambda: False
    with pytest.raises(OSError, match="no space left"):
        generate(pipe, callback_on_step_end=fail)
    assert np.array_equal(generate(pipe), expected)


def test_a_stop_between_the_halves_spares_decoding_alpha(pipe):
    decoded = []
    pipe.vae.decoder.register_forward_hook(lambda *args: decoded.append(True))
    pipe.should_stop = lambda: bool(decoded)
    with pytest.raises(GenerationCancelled):
        generate(pipe)
    assert decoded == [True]


def test_a_stop_after_the_words_spares_the_sampling(pipe):
    encoded, passes = [], []
    pipe.text_encoder.register_forward_hook(lambda *args: encoded.append(True))
    pipe.transformer.register_forward_hook(lambda *args: passes.append(True))
    pipe.should_stop = lambda: bool(encoded)
    with pytest.raises(GenerationCancelled):
        generate(pipe)
    assert passes == []


def test_a_stop_leaves_no_hooks_behind(pipe):
    pipe.should_stop = StopAfter(5)
    with pytest.raises(GenerationCancelled):
        generate(pipe)
    assert [len(block._forward_pre_hooks) for block in pipe.transformer.transformer_blocks] == [0, 0]
