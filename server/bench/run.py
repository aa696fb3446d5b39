"""Measuring: variants in turn, round by round, so that a busy machine is as unkind to one as to the other."""

from __future__ import annotations

import gc
import logging
import re
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch

from server.transpixar.compile import uncompile_blocks
from server.transpixar.flops import plain_transformer_flops, transformer_flops, vae_decode_flops
from server.transpixar.placement import set_vae_tiling
from server.transpixar.plans import Quality

from .device import Clock, measure_matmul_rate, peak_memory, seconds_of
from .plain import plain_method
from .product import Product
from .results import Results, Row, Run
from .summary import DECODE_ALPHA, DECODE_BOTH, PAIR, PASS, STEP, TILED, summarise
from .variants import EXACT, PLAIN, Variant, VariantUnavailable
from .workload import Workload

log = logging.getLogger(__name__)

_DECODING_ROUNDS, _STEP_ROUNDS, _WARM_UP_STEPS = 2, 2, 1


CACHE_NOTE = (
    "`balanced` and `fast` leave out blocks whose work repeats from step to step. How much that is depends on the "
    "weights and on the number of steps; these weights are random, so their times say that it runs, not what a clip "
    "will take, and none is predicted."
)
TILES_NOTE = "Tiles overlap, so that more is computed than the operations in the table."


class BudgetSpent(Exception):
    """The time that was given is over; what is measured is kept."""


@dataclass
class Bench:
    """One run of the benchmark.

    Attributes:
        product: what is timed.
        results: what is there already, and what comes.
        rounds: how many times each row is measured.
        save_to: file that every measurement goes to; None keeps none.
        deadline: no measurement begins that would not end before this, in `time.monotonic` seconds.
        matmul_seconds: length of each measurement of the matmul rate.
        clock: see `CLOCKS`.
    """

    product: Product
    results: Results
    rounds: int
    save_to: Path | None = None
    deadline: float = float("inf")
    matmul_seconds: float = 1.0
    clock: Clock = time.perf_counter
    _run: int = field(init=False)

    def __post_init__(self) -> None:
        self._run = len(self.results.runs)
        self.results.runs.append(Run(datetime.now(UTC).isoformat(timespec="seconds")))
        self._measure_rate()
        self.product.prepare("exact")
        self.results.runs[self._run].product = self.product.describe()

    @property
    def work(self) -> Workload:
        """The model and the clip."""
        return self.product.work

    # ---- what is measured ----

    def passes(self, variants: Sequence[Variant]) -> None:
        """Measure one pass and one guidance pair of each variant. Raises BudgetSpent."""
        wanted = {variant.name for variant in variants}
        missing = {name for name in wanted if not (self._is_done(PASS, name) and self._is_done(PAIR, name))}
        if not missing:
            return
        # Only what one run measured is compared: both sides of the comparison are measured again.
        again = missing | ({PLAIN, EXACT} & wanted)
        rows = [
            (self._begin(phase, variant.name, batch * self._pass_flops(variant.name), self.rounds), variant, batch)
            for variant in variants
            if variant.name in again
            for phase, batch in ((PASS, 1), (PAIR, 2))
        ]
        uncompile_blocks(self.work.transformer)  # a variant of its own
        for row, variant, batch in rows:
            self._guarded(row, partial(self.work.forward, batch), variant, warm_up=True)
        for index in range(self.rounds):
            # There and back: what drifts, such as a card that grows warm, falls on all alike.
            for row, variant, batch in rows[:: -1 if index % 2 else 1]:
                self._guarded(row, partial(self.work.forward, batch), variant)
            self._measure_rate()

    def steps(self, qualities: Sequence[Quality], num_steps: int) -> None:
        """Measure the sampling loop under each quality, over clips of `num_steps` steps. Raises BudgetSpent."""
        missing = [quality for quality in qualities if not self._is_done(STEP, quality)]
        flops = 2 * self._pass_flops(EXACT)
        rows = {
            quality: self._begin(STEP, quality, flops, _STEP_ROUNDS, None if quality == EXACT else CACHE_NOTE)
            for quality in missing
        }
        for _ in range(_STEP_ROUNDS):
            for quality, row in rows.items():
                self.product.prepare(quality)
                # Another quality was there before: its kernels are loaded and its blocks compiled here.
                self._guarded(row, partial(self.work.sample, _WARM_UP_STEPS), warm_up=True)
                self._guarded(row, partial(self.work.sample, num_steps), count=num_steps)
        self.product.prepare("exact")

    def decoding(self) -> None:
        """Measure decoding both halves, and alpha alone, which footage needs. Raises BudgetSpent."""
        flops = vae_decode_flops(self.work.size.vae, self.work.latents)
        for variant, tiled in ((EXACT, False), (TILED, True)):
            if tiled and not self._has_tiles():
                continue
            set_vae_tiling(self.work.vae, tiled)
            both = self._missing(DECODE_BOTH, variant, 2 * flops, TILES_NOTE if tiled else None)
            alpha = self._missing(DECODE_ALPHA, variant, flops, TILES_NOTE if tiled else None)
            calls: list[tuple[Row | None, Callable[[], object]]] = [
                (both, self.work.decode),
                (alpha, partial(self.work.decode, alpha_only=True)),
            ]
            for index in range(_DECODING_ROUNDS + 1):
                for row, call in calls:
                    if row is not None:
                        self._guarded(row, call, warm_up=index == 0)
        set_vae_tiling(self.work.vae, False)

    def agreement(self) -> None:
        """Compare the outputs of product and baseline; the largest difference over the largest output."""
        try:
            product = self.work.forward(1)
            with plain_method(self.work.transformer):
                plain = self.work.forward(1)
        except torch.OutOfMemoryError:
            return
        self.results.runs[self._run].agreement = float((product - plain).abs().max() / plain.abs().max())
        self._save()

    # ---- how ----

    def _pass_flops(self, variant: str) -> int:
        config, latents, rank = self.work.size.transformer, self.work.latents, self.work.size.rank
        if variant == PLAIN:
            return plain_transformer_flops(config, latents, rank=rank).total
        return transformer_flops(config, latents, rank=rank).total

    def _is_done(self, phase: str, variant: str) -> bool:
        row = self.results.row(phase, variant)
        return row is not None and row.is_done

    def _missing(self, phase: str, variant: str, flops: int, note: str | None) -> Row | None:
        return None if self._is_done(phase, variant) else self._begin(phase, variant, flops, _DECODING_ROUNDS, note)

    def _has_tiles(self) -> bool:
        """Say whether the clip is larger than a tile."""
        vae, latents = self.work.vae, self.work.latents
        return latents.height > vae.tile_latent_min_height or latents.width > vae.tile_latent_min_width

    def _begin(self, phase: str, variant: str, flops: int, rounds: int, note: str | None = None) -> Row:
        row = Row(phase, variant, flops, self._run, rounds, note=note)
        self.results.put(row)
        return row

    def _guarded(
        self,
        row: Row,
        call: Callable[[], object],
        variant: Variant | None = None,
        *,
        warm_up: bool = False,
        count: int = 1,
    ) -> None:
        """Measure a row once, or note why it cannot be; the call does what the row is about `count` times."""
        if row.problem is not None:
            return
        self._check_budget(row, count)
        try:
            with variant.active(self.work.transformer) if variant else nullcontext():
                if warm_up:
                    with peak_memory(self.work.device) as peak:
                        row.warm_up_seconds = seconds_of(call, self.work.device, self.clock)
                    row.peak_bytes = peak.size
                else:
                    row.seconds.append(seconds_of(call, self.work.device, self.clock) / count)
        except torch.OutOfMemoryError as error:
            row.problem = _did_not_fit(error, self.work.device)
            log.info("%s", error)
        except VariantUnavailable as error:
            row.problem = str(error)
        if row.problem is not None:
            _free(self.work.device)
        self._save()

    def _check_budget(self, row: Row, count: int) -> None:
        expected = count * (row.median or row.warm_up_seconds or row.flops / self.results.rate_of(row))
        if time.monotonic() + expected > self.deadline:
            raise BudgetSpent

    def _measure_rate(self) -> None:
        rate = measure_matmul_rate(self.work.device, self.work.dtype, self.matmul_seconds, self.clock)
        self.results.runs[self._run].matmul_rates.append(rate)
        self._save()

    def _save(self) -> None:
        self.results.summary = summarise(self.results, self.work)
        if self.save_to is not None:
            self.results.save(self.save_to)


def _did_not_fit(error: torch.OutOfMemoryError, device: torch.device) -> str:
    """Say how much memory was asked for, on top of what was in use."""
    asked = re.search(r"Tried to allocate ([\d.]+) (KiB|MiB|GiB)", str(error))
    if device.type != "cuda" or asked is None:
        return "did not fit into memory"
    size = float(asked[1]) * {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}[asked[2]]
    needed = torch.cuda.max_memory_allocated(device) + size
    total = torch.cuda.get_device_properties(device).total_memory
    return f"did not fit: needs more than {needed / 1e9:.1f} GB, this card has {total / 1e9:.1f} GB"


def _free(device: torch.device) -> None:
    """Give back what a failed measurement held, for the next one."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
