"""Bytes that a training run needs on its device, from the base's configuration alone.

Symbols as in `server.transpixar.memory`: B clips of one pass, D width, T text tokens, L tokens of one stream,
S = T + 2L the whole sequence, e bytes of a number in the compute dtype, and u = B S D e, the bytes of all tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from server.training.lora.config import TrainingConfig
from server.training.lora.errors import TrainingError
from server.transpixar.flops import Config, LatentSize, stream_tokens
from server.transpixar.parameters import rgba_parameters, transformer_parameters, transformer_width

_FLOAT32 = 4
_GIBIBYTE = 2**30
# Workspaces of kernels, fragments of the allocator, the CUDA context.
_MARGIN = 1.05


@dataclass(frozen=True)
class TrainingMemory:
    """What a run needs on each device, in bytes.

    Attributes:
        base: the frozen transformer.
        adapter: the trained weights and their gradients, float32 each.
        optimizer: two moments of each weight, float32 or 8 bits.
        average: the moving average, float32.
        activations: kept for the backward pass, and alive at its worst moment.
        activations_kept: the same without gradient checkpointing, for comparison.
    """

    base: int
    adapter: int
    optimizer: int
    average: int
    activations: int
    activations_kept: int

    @classmethod
    def of(
        cls,
        transformer: Config,
        config: TrainingConfig,
        sizes: Iterable[tuple[LatentSize, int]],
        *,
        dtype_bytes: int,
        world: int = 1,
    ) -> TrainingMemory:
        """Estimate a run.

        Args:
            transformer: its configuration.
            config: the run's.
            sizes: the latents of one half and the text tokens T of every bucket; the largest counts.
            dtype_bytes: e.
            world: number of devices; several exchange gradients through a copy of them.
        """
        trained = rgba_parameters(transformer, config.rank)
        moment = 1 if config.optimizer == "adamw8bit" else _FLOAT32
        tokens = max(text + 2 * stream_tokens(transformer, size) for size, text in sizes)
        unit = config.micro_batch_size * tokens * transformer_width(transformer) * dtype_bytes
        with_checkpointing, without = (
            activations(unit, transformer["num_layers"], checkpointing=each) for each in (True, False)
        )
        return cls(
            base=transformer_parameters(transformer) * dtype_bytes,
            adapter=(2 + (world > 1)) * trained * _FLOAT32,
            optimizer=2 * trained * moment,
            average=trained * _FLOAT32 if config.ema_decay else 0,
            activations=with_checkpointing if config.gradient_checkpointing else without,
            activations_kept=without,
        )

    @property
    def total(self) -> int:
        """Everything, with a margin for what torch and the device take for themselves."""
        return int((self.base + self.adapter + self.optimizer + self.average + self.activations) * _MARGIN)

    def sentences(self, available: int) -> list[str]:
        """Say it for people."""
        rows = [
            ("base model", self.base),
            ("adapter and gradients", self.adapter),
            ("optimizer", self.optimizer),
            ("moving average", self.average),
            ("activations", self.activations),
        ]
        lines = [f"  {name:24}{gibibytes(count):>10}" for name, count in rows if count]
        if self.activations < self.activations_kept:
            kept = gibibytes(self.activations_kept)
            lines[-1] += f"  (without gradient checkpointing {kept})"
        lines.append(f"  {'with 5 % on top':24}{gibibytes(self.total):>10}  of {gibibytes(available)} that are free")
        return ["Memory on each device:", *lines]

    def check(self, available: int, config: TrainingConfig) -> None:
        """Raise TrainingError when it cannot fit, saying what needs less."""
        if self.total <= available:
            return
        ways = []
        if not config.gradient_checkpointing:
            ways.append("--gradient-checkpointing")
        if config.micro_batch_size > 1:
            ways.append("a smaller --micro-batch-size (the update stays the same)")
        if config.optimizer == "adamw" and self.optimizer > self.total // 20:
            ways.append("--optimizer adamw8bit")
        if config.rank > 16 and self.adapter + self.optimizer > self.total // 10:
            ways.append("a smaller --rank")
        ways.append("clips prepared smaller or shorter")
        raise TrainingError(
            f"This run needs about {gibibytes(self.total)} on each device, and {gibibytes(available)} are free. "
            f"Use {', or '.join(ways)}."
        )


def activations(unit: int, layers: int, *, checkpointing: bool) -> int:
    """Bytes of activations at the worst moment of the backward pass, from u.

    What a block keeps for its backward pass when its own weights are frozen. A frozen linear layer keeps nothing; the
    LoRA keeps its input:

        the block's input, which the first norm keeps                       u
        normalised and joined tokens, the input of to_q, to_k, to_v's A     u
        query and key before and after norm and rotation                   4 u
        value, attention's output, and that joined, the input of to_out's A 3 u
        the sum after attention, which the second norm keeps                u
        the feed-forward's inner tokens before the activation function     4 u
        together                                                           14 u

    (The norms of heads keep a mean and a deviation a head, the LoRA's r numbers a token are less.) Gradients on the
    way back through the feed-forward add 9 u at most. With checkpointing only the inputs of blocks are kept, and one
    block's 14 u come back at a time.
    """
    kept = layers + 14 if checkpointing else 14 * layers
    return (kept + 9) * unit


def gibibytes(count: int) -> str:
    """Write bytes as `28.3 GiB`, small counts as MiB."""
    return f"{count / _GIBIBYTE:.1f} GiB" if count >= _GIBIBYTE else f"{count / 2**20:.0f} MiB"
