"""Parameter counts of the components, from their configurations alone: nothing is loaded, no tensor is made.

Symbols: D width of the transformer, E width of its time embedding, r LoRA rank. A linear layer of ``n`` inputs and
``m`` outputs has ``n * m`` weights and ``m`` biases; a convolution ``n * m * k``, for ``k`` taps, and ``m`` biases.
"""

from __future__ import annotations

from collections.abc import Iterator

from .flops import Config

_ADAPTED_PROJECTIONS = 4  # to_q, to_k, to_v and to_out.0 carry the RGBA LoRA


def transformer_parameters(config: Config) -> int:
    """Count the parameters and position tables of a CogVideoX transformer, without the RGBA weights."""
    width, time = transformer_width(config), config["time_embed_dim"]
    patch = config["patch_size"] ** 2 * (config.get("patch_size_t") or 1)
    # CogVideoX 1.5 embeds patches by a linear layer that always has a bias, whatever its configuration says.
    patch_bias = bool(config.get("patch_size_t")) or config.get("patch_bias", True)
    embedding = _linear(config["in_channels"] * patch, width, bias=patch_bias)
    embedding += _linear(config["text_embed_dim"], width)
    embedding += _linear(width, time) + _linear(time, time)
    if ofs := config.get("ofs_embed_dim"):
        embedding += 2 * _linear(ofs, ofs)
    out = 2 * width  # norm_final
    out += _linear(time, 2 * width) + 2 * width  # norm_out
    out += _linear(width, config["out_channels"] * patch)
    blocks = config["num_layers"] * (block_parameters(config))
    return embedding + _position_table(config) + blocks + out


def block_parameters(config: Config) -> int:
    """Count the parameters of one transformer block, without the RGBA weights."""
    width, time = transformer_width(config), config["time_embed_dim"]
    modulation = 2 * (_linear(time, 6 * width) + 2 * width)  # norm1 and norm2, each with its layer norm
    head_norms = 2 * 2 * config["attention_head_dim"]
    return modulation + head_norms + block_linear_parameters(config)


def block_linear_parameters(config: Config) -> int:
    """Count the parameters of one block's projections and feed-forward layers: what fp8 and int8 storage shrinks."""
    width, bias = transformer_width(config), config.get("attention_bias", True)
    attention = 3 * _linear(width, width, bias=bias) + _linear(width, width)
    return attention + _linear(width, 4 * width) + _linear(4 * width, width)


def rgba_parameters(config: Config, rank: int) -> int:
    """Count the RGBA weights: A ``(r, D)`` and B ``(D, r)`` of every adapted projection, and the domain embedding."""
    width = transformer_width(config)
    return config["num_layers"] * _ADAPTED_PROJECTIONS * 2 * rank * width + width


def transformer_width(config: Config) -> int:
    """Return D."""
    return config["num_attention_heads"] * config["attention_head_dim"]


def text_encoder_parameters(config: Config) -> int:
    """Count the parameters of a T5 encoder."""
    width, inner = config["d_model"], config["num_heads"] * config["d_kv"]
    gated = str(config.get("feed_forward_proj", "relu")).startswith("gated-")
    layer = 4 * width * inner + (3 if gated else 2) * width * config["d_ff"] + 2 * width  # no biases; two RMS norms
    relative_bias = config.get("relative_attention_num_buckets", 32) * config["num_heads"]
    return config["vocab_size"] * width + config["num_layers"] * layer + relative_bias + width


def autoencoder_parameters(config: Config) -> int:
    """Count the parameters of an `AutoencoderKLCogVideoX`."""
    return sum(_encoder(config)) + sum(_decoder(config))


def _linear(inputs: int, outputs: int, *, bias: bool = True, taps: int = 1) -> int:
    return inputs * outputs * taps + (outputs if bias else 0)


def _position_table(config: Config) -> int:
    """Count the entries of the table that 2B (sines) and 5B-I2V (learned) add to text and video tokens."""
    learned = config.get("use_learned_positional_embeddings", False)
    if config.get("use_rotary_positional_embeddings", False) and not learned:
        return 0
    patch = config["patch_size"]
    frames = (config["sample_frames"] - 1) // config["temporal_compression_ratio"] + 1
    tokens = frames * (config["sample_height"] // patch) * (config["sample_width"] // patch)
    return (config["max_text_seq_length"] + tokens) * transformer_width(config)


def _encoder(config: Config) -> Iterator[int]:
    channels, latent = config["block_out_channels"], config["latent_channels"]
    yield _linear(config["in_channels"], channels[0], taps=27)
    before = channels[0]
    for index, after in enumerate(channels):
        for layer in range(config["layers_per_block"]):
            yield _resnet(before if layer == 0 else after, after)
        if index < len(channels) - 1:
            yield _linear(after, after, taps=9)
        before = after
    yield 2 * _resnet(before, before) + 2 * before
    yield _linear(before, 2 * latent, taps=27)


def _decoder(config: Config) -> Iterator[int]:
    channels, latent = tuple(reversed(config["block_out_channels"])), config["latent_channels"]
    yield _linear(latent, channels[0], taps=27)
    yield 2 * _resnet(channels[0], channels[0], latent)
    before = channels[0]
    for index, after in enumerate(channels):
        for layer in range(config["layers_per_block"] + 1):
            yield _resnet(before if layer == 0 else after, after, latent)
        if index < len(channels) - 1:
            yield _linear(after, after, taps=9)
        before = after
    yield _spatial_norm(before, latent)
    yield _linear(before, config["out_channels"], taps=27)


def _resnet(before: int, after: int, latent: int | None = None) -> int:
    """Count a residual block; in the decoder its norms are conditioned on the latents."""
    norms = 2 * before + 2 * after if latent is None else _spatial_norm(before, latent) + _spatial_norm(after, latent)
    shortcut = 0 if before == after else _linear(before, after)
    return norms + _linear(before, after, taps=27) + _linear(after, after, taps=27) + shortcut


def _spatial_norm(channels: int, latent: int) -> int:
    return 2 * channels + 2 * _linear(latent, channels)
