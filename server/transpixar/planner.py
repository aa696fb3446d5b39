"""Chooses the memory plan of a clip: the fastest whose predicted peak fits, by the formulas of `memory`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .memory import ClipSize, ModelMemory
from .placement import available_bytes
from .plans import LADDERS, PLANS, WHOLE, Plan, Quality

_GB = 10**9
# What the formulas do not count: the CUDA context (0.5 GB), workspaces of cuBLAS and cuDNN; on a CPU, Python and torch.
_RUNTIME_BYTES = 850_000_000
# Blocks that the allocator cannot use again for the next size, as a share of the activations.
_FRAGMENTATION = 0.10
# A plan that was too large by less than this may be too large again.
_WORTHWHILE = 0.95


class DoesNotFit(Exception):
    """No plan fits; the message says what to ask for instead."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A plan for one clip.

    Attributes:
        plan: see `Plan`.
        clip: what it was made for.
        predicted_peak_bytes: device memory at the worst moment, with the runtime's own.
        predicted_host_bytes: main memory for what does not stay on the device.
        others_wait: the transformer and the autoencoder leave the device while the text encoder is there.
    """

    plan: Plan
    clip: ClipSize
    predicted_peak_bytes: int = 0
    predicted_host_bytes: int = 0
    others_wait: bool = False


@dataclass(frozen=True)
class Planner:
    """Chooses plans for one clip of one model on one device.

    Attributes:
        model: what its components need.
        clip: what is to be made.
        free_bytes: device memory that this process may fill, with what it holds already.
        host_free_bytes: main memory that this process may fill, with what it holds already; None where that is no
            concern.
        on_cpu: the device is the processor: weights have nowhere to be offloaded to, and 8-bit storage gains nothing.
        quality: see `plans`.
        guided: guidance is on, so that there are two passes a step.
        weights_are_copies: the weights in main memory are no pages of their files, which the system can drop, because
            they were converted on loading or were on the device already. Offloading then holds them twice while it is
            set up: blocks are pinned one after the other, and the originals go when all are.
    """

    model: ModelMemory
    clip: ClipSize
    free_bytes: int
    host_free_bytes: int | None = None
    on_cpu: bool = False
    quality: Quality = "exact"
    guided: bool = True
    weights_are_copies: bool = False

    @classmethod
    def of_device(
        cls,
        device: str,
        model: ModelMemory,
        clip: ClipSize,
        *,
        quality: Quality = "exact",
        guided: bool = True,
        weights_are_copies: bool = False,
    ) -> Planner:
        """Make the planner of a device with the memory that there is now; worker, doctor and bench all ask here.

        Args:
            device: as torch names it.
            model: see the attributes.
            clip: likewise.
            quality: likewise.
            guided: likewise.
            weights_are_copies: likewise.
        """
        on_cpu = device.partition(":")[0] == "cpu"
        return cls(
            model,
            clip,
            free_bytes=available_bytes(device),
            host_free_bytes=None if on_cpu else available_bytes("cpu"),
            on_cpu=on_cpu,
            quality=quality,
            guided=guided,
            weights_are_copies=weights_are_copies,
        )

    def choose(self, override: str | None = None) -> PlannedRun:
        """Return the first plan that fits, or the one named by `override`, whether it fits or not.

        Raises:
            ValueError: there is no such plan, or not on this device; the message names those that there are.
            DoesNotFit: no plan fits.
        """
        if override is not None and override != "auto":
            return self.predict(self._named(override))
        for run in map(self.predict, self._ladder()):
            if self._fits(run):
                return run
        raise DoesNotFit(self._advice())

    def after(self, failed: PlannedRun) -> PlannedRun | None:
        """Return the plan to try when memory ran out under another; None when no plan needs less.

        What was predicted to fit did not, so what fits by prediction is no longer asked; it is the next plan that
        promises to need notably less.
        """
        ladder = self._ladder()
        following = ladder[ladder.index(failed.plan) + 1 :] if failed.plan in ladder else ladder
        limit = int(failed.predicted_peak_bytes * _WORTHWHILE)
        leaner = replace(self, free_bytes=limit)
        return next((run for run in map(leaner.predict, following) if run.predicted_peak_bytes <= limit), None)

    def advise_after(self, failed: PlannedRun) -> str:
        """Say what to ask for instead when memory ran out under a plan; see `after`."""
        limit = int(failed.predicted_peak_bytes * _WORTHWHILE)
        leaner = replace(self, free_bytes=min(limit, self.free_bytes))
        options = [text for text in (leaner._fewer_frames(), leaner._smaller_size()) if text]
        advice = f"use {' or '.join(options)}" if options else "use a smaller model"
        return f"Memory ran out under the plan {failed.plan.name}; {advice}, or close other programs."

    def predict(self, plan: Plan) -> PlannedRun:
        """Predict what the clip needs under a plan: the worst of its three phases."""
        text = self._text_peak()
        sampling = self._sampling_peak(plan)
        decoding = self._weights(plan, decoding=True) + _padded(
            self.model.decoder_activations(self.clip, tiled=plan.vae_tiling)
        )
        others_wait = False
        if plan.text_encoder == "resident":
            text += self._weights(plan) - self.model.text_encoder_weights()
        elif plan.text_encoder == "cpu":
            text = 0
        elif text + self._weights(plan) + _RUNTIME_BYTES <= self.free_bytes:
            text += self._weights(plan)
        else:
            others_wait = True
        peak = max(text, sampling, decoding) + _RUNTIME_BYTES
        return PlannedRun(plan, self.clip, peak, self._host_bytes(plan, others_wait=others_wait), others_wait)

    def _sampling_peak(self, plan: Plan) -> int:
        passes = 2 if self.guided and plan.batch_guidance else 1
        kept = 0 if self.quality == "exact" else self.model.cache_state(self.clip)
        # Between two steps a single frame is decoded for the preview.
        preview = self.model.decoder_activations(replace(self.clip, num_frames=1), tiled=plan.vae_tiling)
        working = _padded(max(self.model.transformer_activations(self.clip, passes), preview) + kept)
        return self._weights(plan) + working + self.model.latents(self.clip)

    def _text_peak(self) -> int:
        prompts = self.clip.clips * (2 if self.guided else 1)
        return self.model.text_encoder_weights() + _padded(self.model.text_activations(prompts))

    def _weights(self, plan: Plan, *, decoding: bool = False) -> int:
        """Bytes of weights on the device while sampling, or while decoding."""
        if plan.transformer == "alternating" and decoding:
            transformer = 0
        elif plan.transformer == "group_offload":
            transformer = self.model.offloaded_transformer_weights()
        else:
            transformer = self.model.transformer_weights(None if plan.storage == "full" else 1)
        resident = self.model.text_encoder_weights() if plan.text_encoder == "resident" else 0
        return transformer + self.model.vae_weights() + resident

    def _host_bytes(self, plan: Plan, *, others_wait: bool) -> int:
        """Bytes of weights in main memory, at most."""
        if self.on_cpu:
            return 0
        away = plan.transformer != "resident" or others_wait
        transformer = self.model.transformer_weights(None if plan.storage == "full" else 1) if away else 0
        if plan.transformer == "group_offload" and self.weights_are_copies:
            transformer *= 2
        return transformer + (self.model.text_encoder_weights() if plan.text_encoder == "cpu" else 0)

    def _fits(self, run: PlannedRun) -> bool:
        fits_host = self.host_free_bytes is None or run.predicted_host_bytes <= self.host_free_bytes
        return run.predicted_peak_bytes <= self.free_bytes and fits_host

    def _ladder(self) -> tuple[Plan, ...]:
        return WHOLE if self.on_cpu else LADDERS[self.quality]

    def _named(self, name: str) -> Plan:
        known = [plan.name for plan in WHOLE] if self.on_cpu else list(PLANS)
        if name not in known:
            where = "on a processor" if self.on_cpu and name in PLANS else "known"
            raise ValueError(f'The memory plan "{name}" is not {where}; use "auto" or one of {", ".join(known)}.')
        return PLANS[name]

    def _advice(self) -> str:
        """Say what to ask for instead, by trying smaller clips."""
        runs = [self.predict(plan) for plan in self._ladder()]
        leanest = min(runs, key=lambda run: run.predicted_peak_bytes)
        needed, free = leanest.predicted_peak_bytes, self.free_bytes
        if needed <= free:
            host = min(run.predicted_host_bytes for run in runs if run.predicted_peak_bytes <= free)
            return (
                f"This clip fits the graphics memory only with weights kept in main memory, which takes "
                f"{_gigabytes(host)}, but {_gigabytes(self.host_free_bytes or 0)} are free; close other programs."
            )
        said = f"This clip needs {_gigabytes(needed)} of memory at the least, but {_gigabytes(free)} are free"
        options = [text for text in (self._fewer_frames(), self._smaller_size()) if text]
        if not options:
            return f"{said}; this model is too large for this device, use a smaller model."
        return f"{said}; use {' or '.join(options)}, or close other programs."

    def _fewer_frames(self) -> str | None:
        step = self.model.vae["temporal_compression_ratio"] * (self.model.transformer.get("patch_size_t") or 1)
        for frames in range(self.clip.num_frames - step, 0, -step):
            if self._possible(replace(self.clip, num_frames=frames)):
                return f"at most {frames} frames"
        return None

    def _smaller_size(self) -> str | None:
        for width, height in _smaller_sizes(self.clip.width, self.clip.height):
            if self._possible(replace(self.clip, width=width, height=height)):
                return f"a size of at most {width}x{height}"
        return None

    def _possible(self, clip: ClipSize) -> bool:
        planner = replace(self, clip=clip)
        return any(planner._fits(planner.predict(plan)) for plan in planner._ladder())


def _smaller_sizes(width: int, height: int, multiple: int = 16) -> Iterator[tuple[int, int]]:
    """Yield smaller sizes of about the same shape, largest first."""
    for smaller in range(width - multiple, 4 * multiple - 1, -multiple):
        yield smaller, max(round(height * smaller / width / multiple), 1) * multiple


def _padded(activations: int) -> int:
    return int(activations * (1 + _FRAGMENTATION))


def _gigabytes(count: int) -> str:
    return f"{count / _GB:.1f} GB"
