"""Text embeddings are encoded once, and the least recently used go first."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from server.transpixar.prompt_cache import PromptCache, PromptKey

EMBEDDING_BYTES = 4 * 8 * 4  # (T, D_text) of float32


def key(prompt: str, **changes) -> PromptKey:
    return PromptKey(**{"model": "tiny", "prompt": prompt, "length": 4, "dtype": torch.float32, **changes})


def embedding(prompt: str) -> torch.Tensor:
    return torch.full((4, 8), float(sum(prompt.encode())))


class Encoder:
    """Encodes and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, prompts: list[str]) -> list[torch.Tensor]:
        self.asked.append(prompts)
        return [embedding(prompt) for prompt in prompts]


def test_words_are_encoded_once():
    cache, encoder = PromptCache(), Encoder()
    first = cache.encode([key("smoke"), key("")], encoder)
    second = cache.encode([key("smoke"), key("")], encoder)
    assert encoder.asked == [["smoke", ""]]
    assert torch.equal(first, second)
    assert first.shape == (2, 4, 8)


def test_only_new_words_are_encoded_and_each_once():
    cache, encoder = PromptCache(), Encoder()
    cache.encode([key("smoke")], encoder)
    batch = cache.encode([key("fire"), key("smoke"), key("fire")], encoder)
    assert encoder.asked == [["smoke"], ["fire"]]
    assert torch.equal(batch, torch.stack([embedding("fire"), embedding("smoke"), embedding("fire")]))


@pytest.mark.parametrize("changes", [{"model": "other"}, {"length": 5}, {"dtype": torch.bfloat16}])
def test_another_model_length_or_precision_is_another_entry(changes):
    cache = PromptCache()
    cache.put(key("smoke"), embedding("smoke"))
    assert cache.get(key("smoke", **changes)) is None


def test_the_least_recently_used_go_first():
    cache = PromptCache(max_bytes=2 * EMBEDDING_BYTES)
    cache.put(key("a"), embedding("a"))
    cache.put(key("b"), embedding("b"))
    cache.get(key("a"))
    cache.put(key("c"), embedding("c"))
    assert key("a") in cache
    assert key("b") not in cache


def test_what_is_too_large_to_keep_is_still_encoded():
    cache = PromptCache(max_bytes=EMBEDDING_BYTES - 1)
    assert torch.equal(cache.encode([key("smoke")], Encoder())[0], embedding("smoke"))
    assert len(cache) == 0


def test_a_kept_embedding_does_not_change_with_the_one_given():
    cache, given_one = PromptCache(), embedding("smoke")
    cache.put(key("smoke"), given_one)
    given_one.zero_()
    assert torch.equal(cache.get(key("smoke")), embedding("smoke"))


def test_clearing():
    cache = PromptCache()
    cache.put(key("smoke"), embedding("smoke"))
    cache.clear()
    assert (len(cache), cache.used_bytes) == (0, 0)


@given(
    prompts=st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4), max_size=12),
    kept=st.integers(0, 5),
)
def test_every_request_is_answered_and_the_limit_is_held(prompts, kept):
    cache = PromptCache(max_bytes=kept * EMBEDDING_BYTES)
    for request in prompts:
        batch = cache.encode([key(prompt) for prompt in request], Encoder())
        assert torch.equal(batch, torch.stack([embedding(prompt) for prompt in request]))
        assert len(cache) <= kept
        assert cache.used_bytes == len(cache) * EMBEDDING_BYTES
