"""Decoding piece by piece gives the autoencoder's own numbers, and stops between pieces."""

import pytest
import torch

from server.transpixar import GenerationCancelled
from server.transpixar.placement import set_vae_tiling
from server.transpixar.vae_decoding import decode_pieces, decode_rgba
from tests.device import DEVICE
from tests.tiny_model import make_autoencoder

pytestmark = pytest.mark.device


def decode_by_diffusers(vae, latents):
    rgb, alpha = (half / vae.config.scaling_factor for half in latents.transpose(1, 2).chunk(2, dim=2))
    pixels = torch.cat([vae.decode(rgb).sample, vae.decode(alpha).sample.amax(dim=1, keepdim=True)], dim=1)
    num_frames = (rgb.shape[2] - 1) * vae.config.temporal_compression_ratio + 1
    return pixels[:, :, -num_frames:]


@pytest.fixture
def vae():
    return make_autoencoder().to(DEVICE)


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("size", [(4, 4), (8, 12), (20, 26)])
@pytest.mark.parametrize("frames", [1, 2, 3, 4, 7])
@torch.no_grad()
def test_the_numbers_are_those_of_diffusers(vae, frames, size, tiled):
    set_vae_tiling(vae, tiled)
    latents = torch.randn(1, 2 * frames, 4, *size, device=DEVICE)
    torch.testing.assert_close(decode_rgba(vae, latents), decode_by_diffusers(vae, latents).cpu(), atol=1e-6, rtol=0)


def test_clips_of_a_batch_are_decoded_apart(vae):
    latents = torch.randn(3, 6, 4, 8, 12, device=DEVICE)
    alone = torch.cat([decode_rgba(vae, clip[None]) for clip in latents])
    assert torch.equal(decode_rgba(vae, latents), alone)


def test_alpha_alone(vae):
    latents = torch.randn(1, 6, 4, 8, 12, device=DEVICE)
    assert torch.equal(decode_rgba(vae, latents, alpha_only=True), decode_rgba(vae, latents)[:, 3:])


def test_the_scaling_factor_is_undone():
    vae = make_autoencoder().to(DEVICE)
    latents = torch.randn(1, 2, 4, 8, 8, device=DEVICE)
    plain = decode_rgba(vae, latents)
    vae.register_to_config(scaling_factor=2.0)
    assert torch.equal(decode_rgba(vae, 2 * latents), plain)


def test_pixels_come_as_float32_on_the_cpu(vae):
    pixels = decode_rgba(vae.bfloat16(), torch.randn(1, 2, 4, 8, 8, device=DEVICE))
    assert (pixels.dtype, pixels.device.type, pixels.requires_grad) == (torch.float32, "cpu", False)


@pytest.mark.parametrize(("tiled", "pieces"), [(False, 3), (True, 3 * 3 * 4)])
def test_a_stop_is_looked_for_before_every_chunk_of_every_tile(vae, tiled, pieces):
    set_vae_tiling(vae, tiled)
    asked, decoded = [], []
    vae.decoder.register_forward_hook(lambda *args: decoded.append(len(asked)))
    for _ in decode_pieces(vae, torch.randn(1, 4, 7, 8, 12, device=DEVICE), lambda: bool(asked.append(True))):
        pass
    assert decoded == list(range(1, pieces + 1))


def test_a_stop_leaves_the_autoencoder_as_it_was(vae):
    latents = torch.randn(1, 14, 4, 8, 12, device=DEVICE)
    expected = decode_rgba(vae, latents)
    asked = []

    def stop_at_the_third():
        asked.append(True)
        return len(asked) == 3

    with pytest.raises(GenerationCancelled):
        decode_rgba(vae, latents, should_stop=stop_at_the_third)
    assert not any(module._forward_hooks for module in vae.modules())
    assert torch.equal(decode_rgba(vae, latents), expected)


@pytest.mark.parametrize("sample_size", [32, 64, 96, 480])
def test_overlaps_of_tiles_are_whole_latents(sample_size):
    vae = make_autoencoder().to(DEVICE)
    vae.tile_sample_min_height = vae.tile_sample_min_width = sample_size // 2
    vae.tile_latent_min_height = vae.tile_latent_min_width = sample_size // 8
    set_vae_tiling(vae, True)
    latents = torch.randn(1, 4, 1, sample_size // 4, sample_size // 8, device=DEVICE)
    with torch.no_grad():
        assert vae.tiled_decode(latents).sample.shape[3:] == (sample_size, sample_size // 2)
