"""The baseline computes what the product computes, with more work and more memory."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from server.bench.plain import plain_method
from server.transpixar import enable_rgba, set_text_to_alpha
from tests.server.transpixar.model_inputs import random_inputs
from tests.tiny_model import make_rgba_weights, make_transformer


class LargestTensor(TorchDispatchMode):
    """Sees every tensor that is made, and remembers the number of elements of the largest."""

    def __init__(self):
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self.elements = max(self.elements, tensor.numel())
        return result


def make_rgba_transformer():
    torch.manual_seed(0)
    transformer = make_transformer()
    return enable_rgba(transformer, make_rgba_weights(transformer))


@torch.no_grad()
def forward(transformer, inputs) -> torch.Tensor:
    return transformer(**inputs.arguments()).sample


def largest_tensor(transformer, height: int) -> int:
    inputs = random_inputs(transformer, batch=1, frames=2, height=height, width=64)
    with LargestTensor() as largest:
        forward(transformer, inputs)
    return largest.elements


def test_product_and_baseline_agree():
    transformer = make_rgba_transformer()
    inputs = random_inputs(transformer)
    product = forward(transformer, inputs)

    with plain_method(transformer):
        plain = forward(transformer, inputs)

    torch.testing.assert_close(plain, product, atol=5e-6, rtol=0)
    # The mask matters here: without it the result is another.
    set_text_to_alpha(transformer, "open")
    assert (forward(transformer, inputs) - product).abs().max() > 1e-4


def test_the_product_is_back_when_the_context_ends():
    transformer = make_rgba_transformer()
    processor = transformer.transformer_blocks[0].attn1.processor
    with plain_method(transformer):
        assert transformer.transformer_blocks[0].attn1.processor is not processor
    assert all(block.attn1.processor is processor for block in transformer.transformer_blocks)


def test_no_tensor_of_the_product_grows_with_the_square_of_the_sequence():
    transformer = make_rgba_transformer()
    small, large = largest_tensor(transformer, height=128), largest_tensor(transformer, height=512)
    assert large <= 4.1 * small  # four times the video tokens

    with plain_method(transformer):
        small, large = largest_tensor(transformer, height=128), largest_tensor(transformer, height=512)
    assert large > 15 * small  # the mask
