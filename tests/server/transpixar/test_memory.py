"""The byte formulas against every allocation of full-size passes on the meta device, and their properties."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.memory import (
    FlashAttention,
    LiveBytes,
    check_decoder,
    check_text_encoder,
    check_transformer,
    made_on_meta,
    make_transformer,
    model_memory,
)
from server.transpixar import set_text_to_alpha
from server.transpixar.memory import ClipSize, ModelMemory
from tests.server.transpixar.full_size import COGVIDEOX_5B, FULL_CLIP
from tests.tiny_model import MAX_SEQUENCE_LENGTH, RANK

clip_sizes = st.builds(
    ClipSize,
    width=st.integers(4, 60).map(lambda n: 16 * n),
    height=st.integers(4, 60).map(lambda n: 16 * n),
    num_frames=st.integers(0, 12).map(lambda n: 4 * n + 1),
)


@pytest.fixture(scope="module")
def two_blocks():
    """The full-size transformer cut to two blocks, whose peak is that of forty-two."""
    return make_transformer(num_layers=2)


@pytest.mark.parametrize("passes", [1, 2])
def test_one_pass_of_the_transformer(two_blocks, passes):
    check = check_transformer(model_memory(2), two_blocks, FULL_CLIP, passes)
    assert check.ratio == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("mode", ["strict", "reference", "open"])
def test_no_mode_of_attention_allocates_anything_quadratic(two_blocks, mode):
    set_text_to_alpha(two_blocks, mode)
    tokens, width = 226 + 2 * 17_550, 3072
    with made_on_meta():
        latents, words, steps = torch.empty(1, 26, 16, 60, 90), torch.empty(1, 226, 4096), torch.empty(1)
        rotary = torch.empty(17_550, 64, dtype=torch.float32)
    with torch.no_grad(), FlashAttention(), LiveBytes(two_blocks, latents, words, steps, rotary) as bytes_:
        two_blocks(latents, words, steps, image_rotary_emb=(rotary, rotary))
    feed_forward = tokens * 4 * width * 2
    assert bytes_.largest == feed_forward  # a matrix of all scores would be 120 GB, a mask 2.5


@pytest.mark.parametrize("tiled", [False, True])
def test_decoding(tiled):
    check = check_decoder(COGVIDEOX_5B, FULL_CLIP, tiled=tiled)
    assert 1 <= check.ratio < 1.05


def test_encoding_words():
    assert 1 <= check_text_encoder(COGVIDEOX_5B).ratio < 1.3


def test_weights_are_counted_in_their_storage():
    model = COGVIDEOX_5B
    assert model.transformer_weights() == 11_404_813_440
    assert model.transformer_weights(1) == pytest.approx(6.65e9, rel=0.01)
    assert model.offloaded_transformer_weights() == pytest.approx(0.58e9, rel=0.01)
    assert model.text_encoder_weights() == pytest.approx(9.52e9, rel=0.01)
    assert model.vae_weights() == pytest.approx(0.43e9, rel=0.01)


@given(clip=clip_sizes, passes=st.sampled_from([1, 2]))
def test_a_larger_clip_never_needs_less(clip, passes):
    wider = ClipSize(clip.width + 16, clip.height, clip.num_frames)
    longer = ClipSize(clip.width, clip.height, clip.num_frames + 4)
    for larger in (wider, longer):
        activations = COGVIDEOX_5B.transformer_activations
        assert activations(larger, passes) >= activations(clip, passes)
        # Two latent frames are decoded at once, where an odd number takes three at first.
        assert COGVIDEOX_5B.decoder_activations(wider, tiled=False) >= COGVIDEOX_5B.decoder_activations(
            clip, tiled=False
        )


@given(clip=clip_sizes)
def test_tiles_bound_what_decoding_needs(clip):
    tiled = COGVIDEOX_5B.decoder_activations(clip, tiled=True)
    frames = 49 * clip.width * 2 * 240 * 3 * 2 * 2  # two rows of tiles wait for their neighbours
    assert tiled <= 3.7e9 + frames


def test_configurations_are_read_from_a_folder(model_folder):
    model = ModelMemory.from_folder(model_folder, lora_rank=RANK, text_length=MAX_SEQUENCE_LENGTH, dtype_bytes=4)
    assert 0 < model.transformer_weights() < 10**6


def test_a_folder_without_configurations(tmp_path):
    with pytest.raises(FileNotFoundError):
        ModelMemory.from_folder(tmp_path, lora_rank=4, text_length=8, dtype_bytes=2)
