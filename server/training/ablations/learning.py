"""Training one arm, and its held-out errors on the way."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from diffusers import CogVideoXTransformer3DModel
from torch import Tensor

from server.training.ablations import variants
from server.training.ablations.arms import Arm
from server.training.ablations.data import Examples

ADAPTER_RATE, BASE_RATE = 2e-3, 4e-4
WARM_UP = 10
EMPTY_CAPTIONS = 0.1  # share of captions left out, for classifier-free guidance


@dataclass(frozen=True)
class Errors:
    """Mean squared errors of v on held-out clips after so many steps."""

    step: int
    rgb: float
    alpha: float


class Velocity:
    """The v-prediction error of an arm; `alphas` (T,) is the share of signal at each timestep of its base."""

    def __init__(self, transformer: CogVideoXTransformer3DModel, arm: Arm, frames: int, alphas: Tensor) -> None:
        self.transformer = transformer
        config = transformer.config
        self.rotary = variants.rotary(config, frames, config.sample_width // config.patch_size, arm.positions)
        self.alphas = alphas
        self.reads_image = config.in_channels == 2 * config.out_channels

    def error(self, clean: Tensor, text: Tensor, generator: torch.Generator) -> Tensor:
        """Squared error, (B, 2F, C, H, W), of clean latents of that shape, with text states (B, T, D)."""
        batch = len(clean)
        part = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch  # stratified over the schedule
        steps = (part * len(self.alphas)).long()
        alpha = self.alphas[steps][:, None, None, None, None]
        noise = torch.randn(clean.shape, generator=generator)
        noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
        target = alpha.sqrt() * noise - (1 - alpha).sqrt() * clean
        if self.reads_image:  # no first frame is given
            noisy = torch.cat([noisy, torch.zeros_like(noisy)], dim=2)  # (B, 2F, C, H, W) -> (B, 2F, 2C, H, W)
        with torch.autocast("cpu", torch.bfloat16):
            output = self.transformer(
                hidden_states=noisy,
                encoder_hidden_states=text,
                timestep=steps,
                image_rotary_emb=self.rotary,
                return_dict=False,
            )[0]
        return (output.float() - target).square()


def learn(
    transformer: CogVideoXTransformer3DModel,
    arm: Arm,
    seed: int,
    train: Examples,
    held_out: Examples,
    empty: Tensor,
    alphas: Tensor,
    *,
    steps: int,
    batch: int,
    every: int,
    report: Callable[[str], None] = print,
) -> list[Errors]:
    """Train `transformer` in place for `steps`; the curve on held-out clips, every `every` steps and at both ends.

    Arms of one seed see the same clips, noise and timesteps in the same order. `empty` (1, T, D) is no caption,
    `alphas` the share of signal at each timestep.
    """
    frames = train.latents.shape[2]
    velocity = Velocity(transformer, arm, frames, alphas)
    adapter = [p for n, p in transformer.named_parameters() if p.requires_grad and ("lora" in n or "domain_emb" in n)]
    groups: list[dict[str, Any]] = [{"params": adapter, "lr": ADAPTER_RATE}]
    if arm.joint:
        groups.append({"params": list(variants.base_parameters(transformer)), "lr": BASE_RATE})
    optimizer = torch.optim.Adam(groups, betas=(0.9, 0.98))
    warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / WARM_UP))
    generator = torch.Generator().manual_seed(seed)
    curve = [measure(velocity, held_out, step=0)]
    for step in range(1, steps + 1):
        index = torch.randint(len(train.latents), (batch,), generator=generator)
        left_out = torch.rand(batch, 1, 1, generator=generator) < EMPTY_CAPTIONS
        text = torch.where(left_out, empty, train.text[index])
        clean = train.latents[index].float().flatten(1, 2)  # (B, 2, F, C, H, W) -> (B, 2F, C, H, W)
        velocity.error(clean, text, generator).mean().backward()
        torch.nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], 1.0)
        optimizer.step()
        warm_up.step()
        optimizer.zero_grad(set_to_none=True)
        if step % every == 0 or step == steps:
            curve.append(measure(velocity, held_out, step))
            report(f"{arm.name} seed {seed}: {asdict(curve[-1])}")
    return curve


@torch.no_grad()
def measure(velocity: Velocity, held_out: Examples, step: int) -> Errors:
    """The errors on held-out clips, with the same noise and timesteps every time."""
    generator = torch.Generator().manual_seed(1234)
    rgb, alpha, parts = 0.0, 0.0, held_out.latents.split(32)
    for clean, text in zip(parts, held_out.text.split(32), strict=True):
        first, second = velocity.error(clean.float().flatten(1, 2), text, generator).chunk(2, dim=1)
        rgb += first.mean().item() / len(parts)
        alpha += second.mean().item() / len(parts)
    return Errors(step, rgb, alpha)
