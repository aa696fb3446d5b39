"""Carry out a memory plan on a loaded pipeline, and undo it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXPipeline, CogVideoXTransformer3DModel
from diffusers.hooks import HookRegistry
from torch import nn

from server import main_memory

from .plans import Plan

_CPU = torch.device("cpu")
# The hooks of group offloading, which diffusers adds and has no call to remove.
_OFFLOAD_HOOKS = ("group_offloading", "layer_execution_tracker", "lazy_prefetch_group_offloading")
# What keeps the compute dtype under 8-bit storage: everything but the blocks' projections and feed-forward layers. The
# patch embedding holds the domain embedding; "norm" includes the layers that make scales and shifts from the time step.
_KEPT_WHOLE = ("patch_embed", "norm", "^proj_out$", "^time_embedding", "^ofs_embedding", "lora_")


class PlanNotPossible(Exception):
    """A plan cannot be carried out here; the message says what to change."""


class Placement:
    """A plan carried out on a pipeline: where its components are and how their weights are stored.

    The text encoder is placed here only where the plan keeps it resident; for the other plans see `Execution`.

    Attributes:
        plan: the plan carried out.
        device: what the pipeline computes on.
    """

    def __init__(self, pipe: CogVideoXPipeline, plan: Plan, device: torch.device | str) -> None:
        """Carry out `plan`.

        Raises:
            PlanNotPossible: the plan needs what is not installed, or does not exist on this device.
            torch.OutOfMemoryError: it does not fit; the weights are then where they happen to be, and another
                `Placement` can be made.
        """
        self.plan, self.device, self._pipe = plan, torch.device(device), pipe
        if plan.text_encoder != "resident":
            pipe.text_encoder = None
            free_unused_memory(self.device)
        elif pipe.text_encoder is not None:
            pipe.text_encoder.to(self.device)
        pipe.vae.to(self.device)
        set_vae_tiling(pipe.vae, plan.vae_tiling)
        pipe.batch_guidance = plan.batch_guidance
        self._place_transformer()

    @property
    def can_be_undone(self) -> bool:
        """Say whether the weights are still those that were loaded; those stored in 8 bits are not."""
        return not self.plan.changes_weights

    def undo(self) -> None:
        """Take everything off the device and let another plan be carried out.

        Raises:
            PlanNotPossible: the weights were stored in 8 bits; load the pipeline again.
        """
        if not self.can_be_undone:
            raise PlanNotPossible("Weights stored in 8 bits cannot be made whole again; load the model again.")
        _remove_group_offload(self._pipe.transformer)
        for component in self._components():
            component.to(_CPU)
        set_vae_tiling(self._pipe.vae, False)
        self._pipe.batch_guidance = True
        free_unused_memory(self.device)

    @contextmanager
    def others_waiting(self) -> Iterator[None]:
        """Keep the transformer and the autoencoder off the device while the context lasts."""
        waiting: list[nn.Module] = [self._pipe.vae]
        if self.plan.transformer != "group_offload":
            waiting.append(self._pipe.transformer)
        with self._waiting(waiting):
            yield

    @contextmanager
    def transformer_waiting(self) -> Iterator[None]:
        """Keep the transformer off the device while the context lasts, under a plan that says so."""
        with self._waiting([self._pipe.transformer] if self.plan.transformer == "alternating" else []):
            yield

    @contextmanager
    def _waiting(self, components: list[nn.Module]) -> Iterator[None]:
        for component in components:
            component.to(_CPU)
        free_unused_memory(self.device)
        try:
            yield
        finally:
            free_unused_memory(self.device)
            for component in components:
                component.to(self.device)

    def _components(self) -> list[nn.Module]:
        components = (self._pipe.text_encoder, self._pipe.transformer, self._pipe.vae)
        return [component for component in components if component is not None]

    def _place_transformer(self) -> None:
        transformer = self._pipe.transformer
        # 8-bit storage first: offloading then carries what is left.
        if self.plan.storage == "fp8":
            _store_as_fp8(transformer)
        elif self.plan.storage == "int8":
            _store_as_int8(transformer)
        if self.plan.transformer != "group_offload":
            transformer.to(self.device)
            return
        transformer.enable_group_offload(
            onload_device=self.device,
            offload_device=_CPU,
            offload_type="block_level",
            num_blocks_per_group=1,
            # With a stream of its own, the next block is on its way while one is at work.
            use_stream=self.device.type == "cuda",
        )


def set_vae_tiling(vae: AutoencoderKLCogVideoX, tiling: bool) -> None:
    """Turn tiles on or off, for encoding and decoding.

    Overlaps become whole latents, as they are by default at full size; where the autoencoder's default factors give
    fractions, diffusers rounds latents and pixels apart, and tiles no longer meet.
    """
    if not tiling:
        vae.disable_tiling()
        return
    vae.enable_tiling(
        tile_overlap_factor_height=_whole_overlap(vae.tile_latent_min_height, vae.tile_overlap_factor_height),
        tile_overlap_factor_width=_whole_overlap(vae.tile_latent_min_width, vae.tile_overlap_factor_width),
    )


def available_bytes(device: torch.device | str) -> int:
    """Return the bytes that this process may fill, of a GPU's memory or of main memory ("cpu").

    What is free, and what the process holds already: the answer is the same before and after a plan is carried out.
    """
    device = torch.device(device)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device)
    return main_memory.fillable_bytes(elsewhere=pinned_bytes())


def pinned_bytes() -> int:
    """Return the bytes of main memory that the GPU's driver holds for this process, for offloaded weights."""
    if not torch.cuda.is_initialized():
        return 0
    return int(torch.cuda.host_memory_stats().get("allocated_bytes.current", 0))


def free_unused_memory(device: torch.device | str) -> None:
    """Give back what is no longer used."""
    gc.collect()
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory has run out, on any device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # PyTorch's CPU allocators, cuBLAS and cuDNN raise a plain RuntimeError.
    words = ("can't allocate memory", "not enough memory", "out of memory", "alloc_failed")
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)


def _whole_overlap(tile: int, factor: float) -> float:
    """Return the nearest factor whose overlap is whole, also after diffusers' roundings."""
    wanted = max(round(tile * factor), 1)
    for overlap in sorted(range(1, tile), key=lambda overlap: abs(overlap - wanted)):
        if int(tile * (overlap / tile)) == overlap and int(tile * (1 - overlap / tile)) == tile - overlap:
            return overlap / tile
    return factor


def _remove_group_offload(transformer: CogVideoXTransformer3DModel) -> None:
    registry = HookRegistry.check_if_exists_or_initialize(transformer)
    for hook in _OFFLOAD_HOOKS:
        registry.remove_hook(hook, recurse=True)


def _store_as_fp8(transformer: CogVideoXTransformer3DModel) -> None:
    """Store weights as float8_e4m3fn; each layer is cast to the compute dtype while it is at work."""
    transformer.enable_layerwise_casting(
        storage_dtype=torch.float8_e4m3fn,
        compute_dtype=transformer.dtype,
        skip_modules_pattern=_KEPT_WHOLE,
        non_blocking=True,
    )


def _store_as_int8(transformer: CogVideoXTransformer3DModel) -> None:
    """Store weights as int8 with a scale for each output; raises PlanNotPossible without torchao."""
    try:
        from torchao.quantization import Int8WeightOnlyConfig, quantize_
    except ImportError as error:
        raise PlanNotPossible(
            'The int8 plans need torchao; install it with "pip install torchao", or use another memory plan.'
        ) from error

    def is_stored(module: nn.Module, name: str) -> bool:
        inside = ".attn1." in name or ".ff." in name
        return isinstance(module, nn.Linear) and inside and "lora_" not in name

    quantize_(transformer, Int8WeightOnlyConfig(), filter_fn=is_stored)
