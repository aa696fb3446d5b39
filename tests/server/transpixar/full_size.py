"""The configurations of CogVideoX-5B, for formulas: nothing of it is loaded."""

from server.transpixar.memory import ClipSize, ModelMemory

TRANSFORMER = {
    "num_attention_heads": 48,
    "attention_head_dim": 64,
    "in_channels": 16,
    "out_channels": 16,
    "time_embed_dim": 512,
    "text_embed_dim": 4096,
    "num_layers": 42,
    "patch_size": 2,
    "use_rotary_positional_embeddings": True,
}
TEXT_ENCODER = {
    "vocab_size": 32128,
    "d_model": 4096,
    "d_kv": 64,
    "d_ff": 10240,
    "num_layers": 24,
    "num_heads": 64,
    "feed_forward_proj": "gated-gelu",
}
VAE = {
    "in_channels": 3,
    "out_channels": 3,
    "block_out_channels": (128, 256, 256, 512),
    "latent_channels": 16,
    "layers_per_block": 3,
    "temporal_compression_ratio": 4,
    "sample_height": 480,
    "sample_width": 720,
}
COGVIDEOX_5B = ModelMemory(TRANSFORMER, TEXT_ENCODER, VAE, lora_rank=128, text_length=226)
FULL_CLIP = ClipSize(width=720, height=480, num_frames=49)
