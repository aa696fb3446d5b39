"""Training `mini` with PyTorch's fused attention and written out: `python -m benchmarks.mini_attention`.

One training step (forward, backward, optimizers) of the compiled model, a process's share of the batch, on one thread;
the two take turns, and the median of each is printed.
"""

import statistics
import time

import torch

from server.training.mini import text, transformer
from server.training.mini.attention import MatmulProcessor
from server.training.mini.config import CONFIG
from server.transpixar import create_rgba_weights, enable_rgba
from server.transpixar.attention import RGBAAttnProcessor

BATCH, ROUNDS = 12, 8


def build(processor: RGBAAttnProcessor) -> transformer.Denoiser:
    """`mini`, untrained, as its recipe trains it but for the attention processor."""
    _, encoder = text.build(CONFIG)
    model = transformer.Denoiser(encoder, transformer.build(CONFIG), CONFIG)
    weights = create_rgba_weights(model.transformer, CONFIG.lora_rank)
    enable_rgba(model.transformer, weights, lora_alpha=CONFIG.lora_alpha)
    model.transformer.set_attn_processor(processor)
    model.transformer.requires_grad_(True)
    transformer._compile(model)
    return model


def main() -> None:
    """Measure."""
    torch.set_num_threads(1)
    models = {"fused": build(RGBAAttnProcessor()), "matmul": build(MatmulProcessor())}
    optimizers = {name: transformer._optimizers(model, 1e-4, 1e-4) for name, model in models.items()}
    shape = (BATCH, 2 * CONFIG.latent_frames, CONFIG.latent_channels, CONFIG.latent_size, CONFIG.latent_size)
    clean, image = torch.randn(shape), torch.zeros(shape)
    tokens = torch.randint(0, 100, (BATCH, CONFIG.text_length))
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(ROUNDS + 2):  # the first two compile
        for name, model in models.items():
            begun = time.perf_counter()
            model.loss(clean, image, tokens, torch.Generator().manual_seed(turn)).mean().backward()
            optimizers[name].step(0.5)
            if turn >= 2:
                seconds[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(" ".join(f"{name} {value:.2f} s" for name, value in medians.items()))
    print(f"ratio {medians['fused'] / medians['matmul']:.2f}")


if __name__ == "__main__":
    main()
