"""The autoencoder of `mini`: diffusers' AutoencoderKLCogVideoX, taught to forgive latent errors.

It compresses time by 2 and space by 4. Two departures from the usual recipe, both against grain in what a small
diffusion model samples: the decoder sees latents with Gaussian noise on them, and the latents' channel means are held
at zero.
"""

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLCogVideoX
from diffusers.models.autoencoders.autoencoder_kl_cogvideox import CogVideoXResnetBlock3D, CogVideoXSpatialNorm3D
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from server.training.mini import loop
from server.training.mini.config import MiniConfig


def build(config: MiniConfig) -> AutoencoderKLCogVideoX:
    """A fresh autoencoder whose first pictures are small and blurred, but in colour."""
    blocks = len(config.vae_channels)
    vae = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * blocks,
        up_block_types=("CogVideoXUpBlock3D",) * blocks,
        block_out_channels=config.vae_channels,
        latent_channels=config.latent_channels,
        layers_per_block=1,
        norm_num_groups=1,  # more groups divide a single-colour clip's hue away
        temporal_compression_ratio=2,
        sample_height=config.size,
        sample_width=config.size,
        scaling_factor=1.0,
        force_upcast=False,
    )
    for module in vae.modules():
        if isinstance(module, CogVideoXSpatialNorm3D):
            for conv, bias in ((module.conv_y.conv, 1.0), (module.conv_b.conv, 0.0)):
                nn.init.normal_(conv.weight, std=0.02)
                nn.init.constant_(conv.bias, bias)
        if isinstance(module, CogVideoXResnetBlock3D):
            nn.init.zeros_(module.conv2.conv.weight)
            nn.init.zeros_(module.conv2.conv.bias)
    _pass_colour_through(vae, config)
    return vae


@torch.no_grad()
def _pass_colour_through(vae: AutoencoderKLCogVideoX, config: MiniConfig) -> None:
    """Start as a plain enlargement of the 4 x 4 average, in opponent colours, in the first three latent channels.

    From a random start hue never reaches the latents: the encoder will not write it before the decoder reads it.
    Each opponent channel travels as a pair +c, -c, because SiLU(c) - SiLU(-c) = c.
    """
    encoder, decoder = vae.encoder, vae.decoder
    opponents = torch.tensor(
        [[1 / 3, 1 / 3, 1 / 3], [1.0, -1.0, 0.0], [-0.5, -0.5, 1.0]]
    )  # luma, red-green, blue-yellow
    pairs = torch.stack([opponents, -opponents], dim=1).flatten(0, 1)  # (3, 2, 3) -> (6, 3)
    centre = (slice(None), slice(None), -1, 1, 1)  # causal in time: the last tap is the present frame

    def clear(conv: nn.Conv2d | nn.Conv3d, rows: int) -> Tensor:
        assert conv.bias is not None
        conv.weight[:rows] = 0
        conv.bias[:rows] = 0
        return conv.weight[:rows]

    clear(encoder.conv_in.conv, 6)[centre] = pairs
    for block in (*encoder.down_blocks, *decoder.up_blocks):
        for resnet in block.resnets:
            if isinstance(shortcut := getattr(resnet, "conv_shortcut", None), nn.Conv3d):
                clear(shortcut, 6)[:, :6, 0, 0, 0] = torch.eye(6)
        for downsample in getattr(block, "downsamplers", None) or ():
            clear(downsample.conv, 6)[:, :6, :2, :2] = torch.eye(6)[:, :, None, None] / 4
        for upsample in getattr(block, "upsamplers", None) or ():
            clear(upsample.conv, 6)[:, :6, 1, 1] = torch.eye(6)
    join = torch.eye(3).repeat_interleave(2, dim=1) * torch.tensor([1.0, -1.0] * 3)  # (3, 6): the pairs' differences
    out = clear(encoder.conv_out.conv, 3)
    out[:, :6, -1, 1, 1] = join
    clear(decoder.conv_in.conv, 6)[:, :3, -1, 1, 1] = join.T
    clear(decoder.conv_out.conv, 3)[:, :6, -1, 1, 1] = 0.4 * opponents.inverse() @ join  # undoes the norm's gain
    encoder.conv_out.conv.weight[config.latent_channels :] *= 0.1
    encoder.conv_out.conv.bias[config.latent_channels :] = -5.0


def sample_batch(clips: NDArray[np.uint8], count: int, generator: torch.Generator) -> Tensor:
    """Random clips as RGB videos in -1..1, (B, 3, F, H, W); every other shows alpha as grey."""
    index = torch.randint(len(clips), (count,), generator=generator).tolist()
    batch = torch.from_numpy(np.stack([clips[i] for i in index])).float() / 127.5 - 1  # (B, F, H, W, 4)
    grey = torch.rand(count, generator=generator) < 0.5
    rgb = torch.where(grey[:, None, None, None, None], batch[..., 3:].expand(*batch.shape[:-1], 3), batch[..., :3])
    return rgb.permute(0, 4, 1, 2, 3)


def reconstruction_loss(output: Tensor, target: Tensor) -> Tensor:
    """Squared error on pixels, chroma (colour differences) and a 4 x 4 average, and a little L1; all (B, 3, F, H, W).

    Squares, because most pixels are black or grey: under L1 they outvote the coloured ones, and hue is given up.
    """
    error = output - target
    chroma = error[:, [0, 2]] - error[:, [1, 1]]
    pooled = F.avg_pool3d(error, (1, 4, 4))
    squares = error.square().mean() + chroma.square().mean() + pooled.square().mean()
    return 4 * squares + 0.2 * error.abs().mean()


def train(
    folder: Path,
    clips: NDArray[np.uint8],
    config: MiniConfig,
    minutes: float,
    *,
    start: Path | None = None,
    batch: int = 4,
) -> AutoencoderKLCogVideoX:
    """Train for `minutes`, from the model folder `start` or from nothing; scale each latent channel to a std of one."""
    torch.manual_seed(0)
    vae = build(config)
    if start:
        vae.load_state_dict(
            AutoencoderKLCogVideoX.from_pretrained(start / "vae", torch_dtype=torch.float32).state_dict()
        )
    vae.train()
    ends = ("encoder.conv_in", "decoder.conv_out")
    matrices, rest = loop.split(
        vae.named_parameters(), lambda n: not n.startswith(ends) and "conv_y" not in n and "conv_b" not in n
    )
    optimizers = loop.Optimizers(matrices, rest, muon_lr=2e-4, adam_lr=1.5e-4)

    def loss_fn(generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        video = sample_batch(clips, batch, generator)
        with torch.autocast("cpu", torch.bfloat16):
            posterior = vae.encode(video).latent_dist
            mean = posterior.mean.float()  # (B, C, F', H', W')
            spread = mean.detach().std(dim=(0, 2, 3, 4), keepdim=True)
            level = (
                0.35
                * torch.rand(batch, 1, 1, 1, 1, generator=generator)
                * (torch.rand(batch, 1, 1, 1, 1, generator=generator) < 0.7)
            )
            noisy = mean + spread * level * torch.randn(mean.shape, generator=generator)
            output = vae.decode(noisy).sample.float()
        loss = reconstruction_loss(output, video)
        centre = mean.mean(dim=(0, 2, 3, 4)).square().mean()
        size = (mean.square().mean() - 1).relu()
        figures = {
            "loss": loss.item(),
            "mse": (output - video).detach().square().mean().item(),
            "lost chroma": _lost_chroma(output, video),
        }
        return loss + 0.05 * centre + 0.02 * size, figures

    loop.train("autoencoder", folder, vae, optimizers, loss_fn, minutes)
    vae.eval()
    normalise(vae, clips, config)
    return vae


@torch.no_grad()
def _lost_chroma(output: Tensor, target: Tensor) -> float:
    """Share of the colour differences' energy that is wrong: 0 is right, 1 is grey."""
    error, wanted = (v[:, [0, 2]] - v[:, [1, 1]] for v in (output - target, target))
    return (error.square().sum() / wanted.square().sum().clamp(min=1.0)).item()


@torch.no_grad()
def normalise(vae: AutoencoderKLCogVideoX, clips: NDArray[np.uint8], config: MiniConfig) -> None:
    """Fold a scale per latent channel into the convolutions around the latents: std 1, same reconstruction."""
    video = sample_batch(clips, 64, torch.Generator().manual_seed(7))
    latents = torch.cat([vae.encode(part).latent_dist.mean for part in video.split(8)])
    std = latents.std(dim=(0, 2, 3, 4))  # (C,)
    channels = config.latent_channels
    out = vae.encoder.conv_out.conv
    out.weight[:channels] /= std[:, None, None, None, None]
    out.bias[:channels] /= std
    vae.decoder.conv_in.conv.weight *= std[None, :, None, None, None]
    for module in vae.decoder.modules():
        if isinstance(module, CogVideoXSpatialNorm3D):
            for conv in (module.conv_y.conv, module.conv_b.conv):
                conv.weight *= std[None, :, None, None, None]


@torch.no_grad()
def encode_all(vae: AutoencoderKLCogVideoX, clips: NDArray[np.uint8], batch: int = 16) -> Tensor:
    """Latents of every clip (N, F, H, W, 4), half precision: (N, 2, C, F', H', W'); index 0 is RGB, 1 alpha as grey."""
    parts = []
    for start in range(0, len(clips), batch):
        part = torch.from_numpy(np.array(clips[start : start + batch])).float() / 127.5 - 1
        alpha = part[..., 3:].expand(*part.shape[:-1], 3)
        video = torch.cat([part[..., :3], alpha]).permute(0, 4, 1, 2, 3)  # (2B, 3, F, H, W)
        with torch.autocast("cpu", torch.bfloat16):
            mean = vae.encode(video).latent_dist.mean.float()
        parts.append(torch.stack(mean.chunk(2), dim=1).half())
    return torch.cat(parts)
