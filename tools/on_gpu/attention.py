"""Time attention at the model's own shape by every kernel that torch has, for the kernels' order in the product."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from program import Program
from torch.nn.attention import SDPBackend, sdpa_kernel

from server.bench.device import seconds_of
from server.transpixar.flops import LatentSize, stream_tokens

_KERNELS = (SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH)


def main() -> None:
    """Measure."""
    program = Program.from_arguments(__doc__)
    size, config = program.size, program.size.transformer
    latents = LatentSize.of_clip(size.vae, width=size.width, height=size.height, num_frames=size.num_frames)
    text = config["max_text_seq_length"]
    stream = stream_tokens(config, latents)
    heads, head_dim = config["num_attention_heads"], config["attention_head_dim"]

    def states(batch: int, tokens: int) -> torch.Tensor:
        """Draw ``(B, H, S, head_dim)``, laid out as the projections leave it."""
        drawn = torch.randn(batch, tokens, heads, head_dim, device=program.device, dtype=program.dtype)
        return drawn.transpose(1, 2)

    shapes = {"video rows": (2 * stream, text + 2 * stream), "text rows": (text, text + stream)}
    for batch, is_contiguous in ((1, False), (1, True), (2, False)):
        for rows, (queries, keys) in shapes.items():
            query, key, value = states(batch, queries), states(batch, keys), states(batch, keys)
            if is_contiguous:
                query, key, value = query.contiguous(), key.contiguous(), value.contiguous()
            flops = 4 * batch * heads * queries * keys * head_dim
            for kernel in _KERNELS:
                if kernel is SDPBackend.MATH and queries > 4096:
                    continue  # its scores would not fit
                row = {
                    "rows": rows,
                    "batch": batch,
                    "queries": queries,
                    "keys": keys,
                    "kernel": kernel.name,
                    "contiguous": is_contiguous,
                }
                try:
                    with sdpa_kernel(kernel):
                        times = [
                            seconds_of(
                                lambda q=query, k=key, v=value: F.scaled_dot_product_attention(q, k, v), program.device
                            )
                            for _ in range(4)
                        ][1:]
                except RuntimeError as error:
                    program.record.add(**row, problem=str(error).splitlines()[0])
                    continue
                seconds = sorted(times)[1]
                program.record.add(**row, seconds=seconds, tflops=flops / seconds / 1e12)


if __name__ == "__main__":
    main()
