"""Check the byte formulas of `server.transpixar.memory` at full size, without a GPU and without weights.

    python -m benchmarks.memory [--layers 42]

The components of CogVideoX-5B are made on the meta device, where tensors have shapes and no contents, and every
allocation of a pass is followed: a dispatch mode sees each operation's new storages come, and their finalisers see them
go. That is what torch allocates for tensors, whatever the device, with two reservations:

* `scaled_dot_product_attention` would make the whole matrix of scores on this device; it is counted as flash kernels
  run it on a GPU, with the output and the logarithms of the sums, float32 ``(B, heads, queries)``. A mask as large as
  the matrix would be seen, since the mask itself is an allocation.
* workspaces that cuDNN and cuBLAS take for themselves are not seen; the planner adds a margin for them.
"""

from __future__ import annotations

import argparse
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import T5Config, T5EncoderModel

from server.transpixar import enable_rgba
from server.transpixar.memory import ClipSize, ModelMemory
from server.transpixar.placement import set_vae_tiling
from server.transpixar.vae_decoding import decode_pieces
from server.transpixar.weights import DOMAIN_KEY, lora_keys

RANK = 128
TEXT_LENGTH = 226
TRANSFORMER: dict[str, Any] = {
    "num_attention_heads": 48,
    "num_layers": 42,
    "use_rotary_positional_embeddings": True,
}
TEXT_ENCODER: dict[str, Any] = {
    "vocab_size": 32128,
    "d_model": 4096,
    "d_kv": 64,
    "d_ff": 10240,
    "num_layers": 24,
    "num_heads": 64,
    "feed_forward_proj": "gated-gelu",
}


@dataclass(frozen=True)
class Check:
    """A measured peak beside the formula's, in bytes."""

    name: str
    measured: int
    predicted: int

    @property
    def ratio(self) -> float:
        """Return the formula's share of the truth: at least 1 where it errs on the safe side."""
        return self.predicted / self.measured


class LiveBytes(TorchDispatchMode):
    """Follows the bytes of all storages made while it is on.

    Attributes:
        live: bytes now.
        peak: at the worst moment.
        largest: of a single storage.
    """

    def __init__(self, *existing: nn.Module | torch.Tensor) -> None:
        """Leave out what exists already; operations return views of it."""
        super().__init__()
        self.live = self.peak = self.largest = 0
        self._known: set[int] = set()
        for each in existing:
            tensors = [*each.parameters(), *each.buffers()] if isinstance(each, nn.Module) else [each]
            self._known |= {tensor.untyped_storage()._cdata for tensor in tensors}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and count what it made."""
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.device.type == "meta":
                self._count(tensor.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        weakref.finalize(storage, self._forget, key, size)
        self.live += size
        self.peak, self.largest = max(self.peak, self.live), max(self.largest, size)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


class FlashAttention(TorchFunctionMode):
    """Counts attention as flash kernels allocate for it."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Replace attention, run everything else."""
        if func is functional.scaled_dot_product_attention:
            query: Any = args[0] if args else kwargs["query"]
            torch.empty(query.shape[:3], dtype=torch.float32, device=query.device)
            return torch.empty_like(query)
        return func(*args, **(kwargs or {}))


@contextmanager
def made_on_meta(dtype: torch.dtype = torch.bfloat16) -> Iterator[None]:
    """Make tensors on the meta device, in a dtype, while the context lasts."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device("meta"):
            yield
    finally:
        torch.set_default_dtype(before)


def make_transformer(num_layers: int = 42) -> CogVideoXTransformer3DModel:
    """Make the RGBA transformer of CogVideoX-5B."""
    with made_on_meta():
        transformer = CogVideoXTransformer3DModel(**TRANSFORMER | {"num_layers": num_layers})
        width = transformer.config.num_attention_heads * transformer.config.attention_head_dim
        weights = {DOMAIN_KEY: torch.empty(width)}
        for key_a, key_b in lora_keys(num_layers):
            weights |= {key_a: torch.empty(RANK, width), key_b: torch.empty(width, RANK)}
    return enable_rgba(transformer, weights)


def model_memory(num_layers: int = 42) -> ModelMemory:
    """Return the formulas for CogVideoX-5B in bfloat16."""
    with made_on_meta():
        transformer = CogVideoXTransformer3DModel(**TRANSFORMER | {"num_layers": num_layers})
        vae = AutoencoderKLCogVideoX()
    return ModelMemory(transformer.config, TEXT_ENCODER, vae.config, RANK, TEXT_LENGTH)


@torch.no_grad()
def check_transformer(
    memory: ModelMemory, transformer: CogVideoXTransformer3DModel, clip: ClipSize, passes: int
) -> Check:
    """Follow one pass."""
    frames, height, width = (clip.num_frames - 1) // 4 + 1, clip.height // 8, clip.width // 8
    tokens = frames * (height // 2) * (width // 2)
    with made_on_meta():
        inputs = {
            "hidden_states": torch.empty(passes, 2 * frames, 16, height, width),
            "encoder_hidden_states": torch.empty(passes, TEXT_LENGTH, 4096),
            "timestep": torch.empty(passes, dtype=torch.long),
        }
        rotary = torch.empty(tokens, 64, dtype=torch.float32)
    with FlashAttention(), LiveBytes(transformer, *inputs.values(), rotary) as bytes_:
        transformer(**inputs, image_rotary_emb=(rotary, rotary))
    halves = "both halves of guidance" if passes == 2 else "one half of guidance"
    name = f"transformer, {clip.width}x{clip.height}, {clip.num_frames} frames, {halves}"
    return Check(name, bytes_.peak, memory.transformer_activations(clip, passes))


@torch.no_grad()
def check_decoder(memory: ModelMemory, clip: ClipSize, *, tiled: bool) -> Check:
    """Follow the decoding of both halves."""
    frames, height, width = (clip.num_frames - 1) // 4 + 1, clip.height // 8, clip.width // 8
    with made_on_meta():
        vae = AutoencoderKLCogVideoX()
        latents = torch.empty(1, 2 * frames, 16, height, width)
    set_vae_tiling(vae, tiled)
    with LiveBytes(vae, latents) as bytes_:
        for half in latents.transpose(1, 2).chunk(2, dim=2):
            for _ in decode_pieces(vae, half):
                pass
    name = f"decoder, {clip.width}x{clip.height}, {clip.num_frames} frames, {'tiled' if tiled else 'whole'}"
    return Check(name, bytes_.peak, memory.decoder_activations(clip, tiled=tiled))


@torch.no_grad()
def check_text_encoder(memory: ModelMemory, prompts: int = 2) -> Check:
    """Follow the encoding of prompts, in one batch."""
    with made_on_meta():
        encoder = T5EncoderModel(T5Config(**TEXT_ENCODER, is_encoder_decoder=False, use_cache=False)).eval()
        tokens = torch.empty(prompts, TEXT_LENGTH, dtype=torch.long)
    with LiveBytes(encoder, tokens) as bytes_:
        encoder(tokens)
    return Check(f"text encoder, {prompts} prompts", bytes_.peak, memory.text_activations(prompts))


def checks(num_layers: int = 42) -> Iterator[Check]:
    """Yield all checks."""
    memory, transformer = model_memory(num_layers), make_transformer(num_layers)
    weights = sum(parameter.nbytes for parameter in transformer.parameters())
    yield Check(f"transformer weights and LoRA, {num_layers} blocks", weights, memory.transformer_weights())
    full, short, small = ClipSize(720, 480, 49), ClipSize(720, 480, 13), ClipSize(480, 320, 25)
    for clip, passes in ((full, 2), (full, 1), (short, 2), (small, 1)):
        yield check_transformer(memory, transformer, clip, passes)
    yield check_text_encoder(memory)
    for clip, tiled in ((full, False), (full, True), (short, False), (small, True)):
        yield check_decoder(memory, clip, tiled=tiled)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=TRANSFORMER["num_layers"], help="transformer blocks")
    print("| | measured | formula | formula / measured |\n|---|---|---|---|")
    for check in checks(parser.parse_args().layers):
        print(f"| {check.name} | {check.measured / 1e9:.3f} GB | {check.predicted / 1e9:.3f} GB | {check.ratio:.3f} |")


if __name__ == "__main__":
    main()
