"""A complete text-to-RGBA model with random weights, small enough for tests: `write_tiny_model` puts it on disk.

It has the layout of "A model is a folder" in docs/api.md and goes through the same classes as every other model; what
it generates is coloured noise.
"""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXDPMScheduler,
    CogVideoXImageToVideoPipeline,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
)
from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

from server.training.mini.text import SPECIAL, word_tokenizer
from server.transpixar import create_rgba_weights
from server.transpixar.weights import write_rgba_weights

WORDS = ("a", "puff", "of", "orange", "blue", "green", "smoke", "fire", "sparks", "water", "bursting", "burning")
RANK = 4
LORA_ALPHA = 4.0
MAX_SEQUENCE_LENGTH = 12


# The kinds of CogVideoX that there are, by what their transformers' configurations differ in.
SINCOS = {"use_rotary_positional_embeddings": False}  # 2B
IMAGE_TO_VIDEO = {"in_channels": 8, "use_learned_positional_embeddings": True}  # 5B-I2V
JOINED_FRAMES = {"patch_size_t": 2, "sample_width": 16, "sample_height": 16}  # 1.5-5B, sizes up to 64
JOINED_FRAMES_IMAGE_TO_VIDEO = JOINED_FRAMES | {"in_channels": 8, "ofs_embed_dim": 16}  # 1.5-5B-I2V


def write_tiny_model(
    folder: Path, name: str = "tiny", *, image_to_video: bool = False, sincos: bool = False, **overrides: Any
) -> Path:
    """Write the model and return the folder.

    Clips are 32x32 with 5 frames by default; sizes are multiples of 16, frame counts 2k + 1.

    Args:
        folder: made if it is not there.
        name: the model's name in transpixar.json.
        image_to_video: make it a base that starts from an image, as CogVideoX-5B-I2V, of one size.
        sincos: give it the positions of CogVideoX-2B.
        overrides: entries of transpixar.json to replace; a dict is merged into the one that is there, for example
            ``limits={"max_frames": 9}``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipeline_class = CogVideoXImageToVideoPipeline if image_to_video else CogVideoXPipeline
        pipe = pipeline_class(
            tokenizer=make_tokenizer(),
            text_encoder=make_text_encoder(),
            vae=make_autoencoder(),
            transformer=make_transformer(**IMAGE_TO_VIDEO if image_to_video else SINCOS if sincos else {}),
            scheduler=make_scheduler(),
        )
        # Under diffusers' own class names, so that the folder is a base model that stock diffusers can load too.
        pipe.save_pretrained(folder)
        write_rgba_weights(make_rgba_weights(pipe.transformer), folder / "rgba_lora.safetensors")
    if image_to_video:
        only = {"min_size": 32, "max_width": 32, "max_height": 32, "max_frames": 5}
        overrides = {"tasks": ["image", "footage"]} | overrides | {"limits": only | overrides.get("limits", {})}
    (folder / "transpixar.json").write_text(json.dumps(describe(name, **overrides), indent=2) + "\n", "utf-8")
    return folder


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Make the tokenizer of a dozen words."""
    return word_tokenizer(WORDS, MAX_SEQUENCE_LENGTH)


def make_text_encoder() -> T5EncoderModel:
    """Make a T5 encoder of width 32."""
    return T5EncoderModel(
        T5Config(
            vocab_size=len(SPECIAL) + len(WORDS),
            d_model=32,
            d_kv=16,
            d_ff=64,
            num_layers=2,
            num_heads=2,
            feed_forward_proj="gated-gelu",
            is_encoder_decoder=False,
            use_cache=False,
        )
    ).eval()


def make_autoencoder() -> AutoencoderKLCogVideoX:
    """Make an autoencoder of 4 times in space, 2 times in time and 4 channels."""
    return AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 3,
        up_block_types=("CogVideoXUpBlock3D",) * 3,
        block_out_channels=(8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=1,
        temporal_compression_ratio=2,
        sample_height=32,
        sample_width=32,
        scaling_factor=1.0,
    ).eval()


def make_transformer(**overrides: Any) -> CogVideoXTransformer3DModel:
    """Make a transformer of width 32 and 2 blocks for 32x32x5 clips; overrides replace entries of its config."""
    config: dict[str, Any] = {
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "in_channels": 4,
        "out_channels": 4,
        "time_embed_dim": 16,
        "text_embed_dim": 32,
        "num_layers": 2,
        "sample_width": 8,
        "sample_height": 8,
        "sample_frames": 5,
        "patch_size": 4,
        "temporal_compression_ratio": 2,
        "max_text_seq_length": MAX_SEQUENCE_LENGTH,
        "use_rotary_positional_embeddings": True,
    }
    return CogVideoXTransformer3DModel(**config | overrides).eval()


def make_scheduler() -> CogVideoXDPMScheduler:
    """Make CogVideoX's own noise schedule."""
    return CogVideoXDPMScheduler(
        beta_schedule="scaled_linear",
        clip_sample=False,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        snr_shift_scale=1.0,
        timestep_spacing="trailing",
    )


def make_rgba_weights(transformer: CogVideoXTransformer3DModel, rank: int = RANK) -> dict[str, torch.Tensor]:
    """Make RGBA weights that do something: random B matrices and domain embedding in place of zeros."""
    state = create_rgba_weights(transformer, rank)
    return {key: value if ".lora_A." in key else torch.randn_like(value) * 0.1 for key, value in state.items()}


def describe(name: str, **overrides: Any) -> dict[str, Any]:
    """Describe the model as transpixar.json does."""
    description: dict[str, Any] = {
        "name": name,
        "title": f"{name} (random weights)",
        "description": "A model for tests; it generates coloured noise.",
        "licence": "GPL-3.0-or-later",
        "rgba_lora": {"file": "rgba_lora.safetensors", "lora_alpha": LORA_ALPHA},
        "rgb": "premultiplied",
        "max_sequence_length": MAX_SEQUENCE_LENGTH,
        "defaults": {
            "width": 32,
            "height": 32,
            "num_frames": 5,
            "steps": 4,
            "guidance": 4.0,
            "cfg_schedule": "constant",
            "fps": 8,
        },
        "limits": {
            "size_multiple": 16,
            "min_size": 16,
            "max_width": 64,
            "max_height": 64,
            "frames_multiple": 2,
            "min_frames": 1,
            "max_frames": 9,
            "max_steps": 100,
            "max_guidance": 20.0,
            "max_prompt_characters": 400,
        },
    }
    for key, value in overrides.items():
        if isinstance(value, dict) and isinstance(description.get(key), dict):
            description[key] |= value
        else:
            description[key] = value
    return description
