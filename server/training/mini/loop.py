"""A resumable training loop on a time budget, shared by the stages."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import nn

from server.files import new_file
from server.training.mini import ranks


class Optimizers:
    """Muon on weight matrices, Adam on the rest, with a warm-up and a decay to zero over the budget.

    Muon needs matrices: convolution kernels (out, in, ...) are handed to it flattened to (out, in * ...).
    """

    def __init__(
        self, matrices: Iterable[nn.Parameter], rest: Iterable[nn.Parameter], muon_lr: float, adam_lr: float
    ) -> None:
        self.matrices = list(matrices)
        self.flat = [nn.Parameter(p.data.flatten(1)) for p in self.matrices]
        self.muon = torch.optim.Muon(self.flat, lr=muon_lr, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
        self.adam = torch.optim.Adam(rest, lr=adam_lr, betas=(0.9, 0.98))
        self.base = (muon_lr, adam_lr)

    def step(self, progress: float) -> None:
        """Update from the gradients and clear them; progress runs 0..1 over the stage."""
        scale = min(1.0, progress / 0.02 + 0.02) * min(1.0, (1 - progress) / 0.6 + 0.01)
        for optimizer, lr in zip((self.muon, self.adam), self.base, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = lr * scale
        for flat, p in zip(self.flat, self.matrices, strict=True):
            flat.data = p.data.flatten(1)  # a view: both share storage
            flat.grad = None if p.grad is None else p.grad.flatten(1)
        nn.utils.clip_grad_norm_([p for g in self.adam.param_groups for p in g["params"]], 1.0)
        self.muon.step()
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        for p in self.matrices:
            p.grad = None

    def state_dict(self) -> dict[str, object]:
        """Both optimizers' states."""
        return {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, dict[str, object]]) -> None:
        """Restore both."""
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])


def split(
    parameters: Iterable[tuple[str, nn.Parameter]], keep: Callable[[str], bool] = lambda name: True
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Hidden matrices and kernels for Muon; vectors, and what `keep` refuses, for Adam."""
    matrices: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, p in parameters:
        if p.requires_grad:
            (matrices if p.ndim >= 2 and keep(name) else rest).append(p)
    return matrices, rest


class Average:
    """Exponential moving average of parameters."""

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float = 0.998) -> None:
        self.parameters = list(parameters)
        self.decay = decay
        self.shadow = [p.detach().clone() for p in self.parameters]
        self.steps = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take one step in; the decay warms up so that the start is forgotten."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.shadow, [p.detach() for p in self.parameters], 1 - decay)

    @torch.no_grad()
    def copy_to_model(self) -> None:
        """Write the average into the model."""
        for p, s in zip(self.parameters, self.shadow, strict=True):
            p.copy_(s)


def train(
    name: str,
    folder: Path,
    module: nn.Module,
    optimizers: Optimizers,
    loss_fn: Callable[[torch.Generator], tuple[torch.Tensor, dict[str, float]]],
    minutes: float,
    *,
    average: bool = True,
    checkpoint_minutes: float = 4.0,
) -> None:
    """Train `module` for `minutes` of wall time, resuming from folder/name.pt; ends with folder/name.done.pt.

    loss_fn draws a batch with the generator and gives the loss and the figures to print. Each process draws its own;
    all must begin with the same weights.
    """
    done, part = folder / f"{name}.done.pt", folder / f"{name}.pt"
    if done.exists():
        module.load_state_dict(torch.load(done, weights_only=True))
        return
    ema = Average(p for p in module.parameters() if p.requires_grad) if average else None
    elapsed, step = 0.0, 0
    if part.exists():
        state = torch.load(part, weights_only=True)
        module.load_state_dict(state["module"])
        optimizers.load_state_dict(state["optimizers"])
        elapsed, step = state["elapsed"], state["step"]
        if ema:
            ema.shadow, ema.steps = state["ema"], step
    generator = torch.Generator().manual_seed(ranks.count() * step + ranks.rank() + 1)
    last_save = last_tick = time.monotonic()
    figures: dict[str, float] = {}
    while elapsed < minutes * 60:
        loss, parts = loss_fn(generator)
        loss.backward()
        ranks.average_gradients(module.parameters())
        optimizers.step(elapsed / (minutes * 60))
        if ema:
            ema.update()
        for key, value in parts.items():
            figures[key] = figures.get(key, 0.0) + value / 50
        now = time.monotonic()
        elapsed, last_tick, step = ranks.as_first(elapsed + now - last_tick), now, step + 1
        if ranks.rank() > 0:
            continue
        if step % 50 == 0:
            line = " ".join(f"{k} {v:.4f}" for k, v in figures.items())
            print(f"{name} step {step} {elapsed / 60:.1f}/{minutes:.0f} min {line}", flush=True)
            figures.clear()
        if now - last_save > checkpoint_minutes * 60:
            last_save = now
            state = {
                "module": module.state_dict(),
                "optimizers": optimizers.state_dict(),
                "elapsed": elapsed,
                "step": step,
            }
            if ema:
                state["ema"] = ema.shadow
            with new_file(part) as partial:
                torch.save(state, partial)
    if ema:
        ema.copy_to_model()
    if ranks.rank() == 0:
        with new_file(done) as partial:
            torch.save(module.state_dict(), partial)
