"""Decode RGB and alpha latents piece by piece.

The same numbers as `AutoencoderKLCogVideoX.decode` for each half, with less memory: a piece goes to the CPU as soon as
it is decoded, so that the device never holds a whole video, alpha is reduced to one channel on the way, and the decoder
keeps nothing between pieces that it does not read. A stop is looked for before every piece, not once a half.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKLCogVideoX
from diffusers.hooks.group_offloading import _get_group_onload_device
from diffusers.models.autoencoders.autoencoder_kl_cogvideox import CogVideoXCausalConv3d
from torch import nn

from .cancellation import StopRequest, check_stop


@dataclass(frozen=True)
class Piece:
    """A finished part of a decoded clip.

    Attributes:
        frames: where it belongs, counted from the first decoded frame.
        rows: likewise, in pixels.
        columns: likewise.
        pixels: ``(1, 3, frames, rows, columns)``.
    """

    frames: slice
    rows: slice
    columns: slice
    pixels: torch.Tensor


@torch.no_grad()
def decode_rgba(
    vae: AutoencoderKLCogVideoX,
    latents: torch.Tensor,
    *,
    alpha_only: bool = False,
    should_stop: StopRequest | None = None,
) -> torch.Tensor:
    """Decode latents ``(B, 2F, C, H, W)``, RGB frames then alpha frames, to RGBA pixels.

    Tiles are used where ``vae.use_tiling`` says so. An autoencoder that diffusers offloads comes to its device first.

    Args:
        vae: decodes both halves; its dtype is the one computed in.
        latents: as sampled, before the autoencoder's scaling is undone.
        alpha_only: leave the RGB half alone.
        should_stop: looked at before every chunk of frames and every tile.

    Returns:
        ``(B, 4, T, H', W')``, or ``(B, 1, T, H', W')`` for alpha alone, in about -1..1, float32 on the CPU, where
        ``T = t (F - 1) + 1``. Alpha is the largest channel of its half.

    Raises:
        GenerationCancelled: `should_stop` returned True.
    """
    latents = latents.to(_bring(vae), vae.dtype)
    rgb, alpha = latents.transpose(1, 2).chunk(2, dim=2)  # (B, 2F, C, H, W) -> (B, C, F, H, W) each
    clips, _, latent_frames, height, width = rgb.shape
    compression = vae.config.temporal_compression_ratio
    spatial = 2 ** (len(vae.config.block_out_channels) - 1)
    num_frames = compression * (latent_frames - 1) + 1
    # With an even number of latent frames the autoencoder decodes the first one to t frames instead of one; the last of
    # them is the one that the clip begins with.
    surplus = compression - 1 if latent_frames % 2 == 0 else 0

    channels = 1 if alpha_only else 4
    pixels = torch.empty(clips, channels, surplus + num_frames, height * spatial, width * spatial)
    for clip in range(clips):
        if not alpha_only:
            for piece in decode_pieces(vae, rgb[clip : clip + 1], should_stop):
                pixels[clip, :3, piece.frames, piece.rows, piece.columns] = piece.pixels[0]
        for piece in decode_pieces(vae, alpha[clip : clip + 1], should_stop):
            pixels[clip, -1, piece.frames, piece.rows, piece.columns] = piece.pixels[0].amax(dim=0)
    return pixels[:, :, surplus:]


def _bring(vae: AutoencoderKLCogVideoX) -> torch.device:
    """Bring the autoencoder to where it computes, if it waits elsewhere, and return that device.

    accelerate's hooks hang on ``forward``, and diffusers calls them in ``decode``; neither is called here.
    """
    hook = getattr(vae, "_hf_hook", None)
    if hasattr(hook, "pre_forward"):
        hook.pre_forward(vae)  # type: ignore[union-attr]
    for module in vae.modules():
        device = getattr(getattr(module, "_hf_hook", None), "execution_device", None)
        if device is not None:
            return torch.device(device)
    try:
        return _get_group_onload_device(vae)
    except ValueError:  # it is not offloaded
        return vae.device


@torch.no_grad()
def decode_pieces(
    vae: AutoencoderKLCogVideoX, latents: torch.Tensor, should_stop: StopRequest | None = None
) -> Iterator[Piece]:
    """Decode latents ``(1, C, F, H, W)`` of one half of a clip; see `decode_rgba`."""
    latents = latents * (1 / vae.config.scaling_factor)
    height, width = latents.shape[3:]
    is_tiled = vae.use_tiling and (width > vae.tile_latent_min_width or height > vae.tile_latent_min_height)
    with _lean_convolutions(vae.decoder):
        yield from (_decode_tiles if is_tiled else _decode_frames)(vae, latents, should_stop)


def _decode_frames(
    vae: AutoencoderKLCogVideoX, latents: torch.Tensor, should_stop: StopRequest | None
) -> Iterator[Piece]:
    """Decode chunk by chunk in time, as `AutoencoderKLCogVideoX._decode`: two latent frames each, an odd one first."""
    batch = vae.num_latent_frames_batch_size
    chunks, remaining = max(latents.shape[2] // batch, 1), latents.shape[2] % batch
    cache, first_frame = None, 0
    for chunk in range(chunks):
        check_stop(should_stop)
        start = batch * chunk + (remaining if chunk else 0)
        part = latents[:, :, start : batch * (chunk + 1) + remaining]
        if vae.post_quant_conv is not None:
            part = vae.post_quant_conv(part)
        decoded, cache = vae.decoder(part, conv_cache=cache)  # (1, 3, t, H', W')
        cache = _ReadOnce.of(cache)
        frames = slice(first_frame, first_frame + decoded.shape[2])
        yield Piece(frames, slice(None), slice(None), decoded)
        first_frame = frames.stop


def _decode_tiles(
    vae: AutoencoderKLCogVideoX, latents: torch.Tensor, should_stop: StopRequest | None
) -> Iterator[Piece]:
    """Decode tile by tile, each over all frames, and blend them as `AutoencoderKLCogVideoX.tiled_decode` does.

    Only the edges that neighbours still need are kept. Overlaps are whole latents; where the autoencoder's factors give
    fractions, stock code rounds latents and pixels apart and returns a video of another size.
    """
    scale = 2 ** (len(vae.config.block_out_channels) - 1)
    height, width = latents.shape[3:]
    tile_height, tile_width = vae.tile_latent_min_height, vae.tile_latent_min_width
    overlap_y = round(tile_height * vae.tile_overlap_factor_height)
    overlap_x = round(tile_width * vae.tile_overlap_factor_width)
    stride_y, stride_x = tile_height - overlap_y, tile_width - overlap_x
    blend_y, blend_x, limit_y, limit_x = (n * scale for n in (overlap_y, overlap_x, stride_y, stride_x))

    above: list[torch.Tensor] = []  # the bottom edges of the row of tiles above
    for row, y in enumerate(range(0, height, stride_y)):
        edges, left = [], None
        for column, x in enumerate(range(0, width, stride_x)):
            tile = _decode_whole(vae, latents[:, :, :, y : y + tile_height, x : x + tile_width], should_stop)
            if above:
                tile = vae.blend_v(above[column], tile, blend_y)
            if left is not None:
                tile = vae.blend_h(left, tile, blend_x)
            edges.append(tile[:, :, :, max(tile.shape[3] - blend_y, 0) :].clone())
            left = tile[..., max(tile.shape[4] - blend_x, 0) :].clone()
            tile = tile[:, :, :, :limit_y, :limit_x]
            rows = slice(row * limit_y, row * limit_y + tile.shape[3])
            columns = slice(column * limit_x, column * limit_x + tile.shape[4])
            yield Piece(slice(None), rows, columns, tile)
        above = edges


def _decode_whole(vae: AutoencoderKLCogVideoX, latents: torch.Tensor, should_stop: StopRequest | None) -> torch.Tensor:
    """Decode all frames of a tile ``(1, C, F, h, w)`` to ``(1, 3, T, h', w')``."""
    return torch.cat([piece.pixels for piece in _decode_frames(vae, latents, should_stop)], dim=2)


class _ReadOnce(dict[str, Any]):
    """What the decoder's convolutions keep from one chunk to the next, each entry forgotten when it is read.

    The decoder fills a new dictionary while it reads the old one; without this, both are alive until it is done.
    """

    @classmethod
    def of(cls, cache: dict[str, Any]) -> "_ReadOnce":
        """Convert a cache, at every depth."""
        return cls({key: cls.of(value) if isinstance(value, dict) else value for key, value in cache.items()})

    def get(self, key: str, default: Any = None) -> Any:
        return self.pop(key, default)


@contextmanager
def _lean_convolutions(decoder: nn.Module) -> Iterator[None]:
    """Let convolutions of a single tap in time keep nothing.

    Stock code has them keep a copy of their whole input, which they never read: 3.3 GB at 480x720.
    """

    def forget(module: nn.Module, args: Any, output: tuple[torch.Tensor, Any]) -> tuple[torch.Tensor, None]:
        return output[0], None

    handles = [
        module.register_forward_hook(forget)
        for module in decoder.modules()
        if isinstance(module, CogVideoXCausalConv3d) and module.time_kernel_size == 1
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
