"""The two diffusion stages of `mini`: an RGB text-to-video base, then RGB and alpha jointly (arXiv 2501.03006)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import CogVideoXDPMScheduler, CogVideoXTransformer3DModel
from diffusers.models.embeddings import get_3d_rotary_pos_embed
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import T5EncoderModel

from server.training.mini import loop, ranks
from server.training.mini.attention import MatmulProcessor
from server.training.mini.config import MiniConfig
from server.transpixar import create_rgba_weights, enable_rgba
from server.transpixar.conditioning import lay_out_image

EMPTY_PROMPTS = 0.1  # share of captions replaced by nothing, for classifier-free guidance
# What an effect is and where it stands shows through a thousand times as much noise as signal, for it is the same in
# hundreds of latents. Unshifted, CogVideoX's schedule spends two of thirty steps there; with the signal-to-noise ratio
# divided by this it spends five (Hoogeboom et al. 2023, "simple diffusion").
SNR_SHIFT = 8.0
GIVEN_FIRST_FRAMES = 0.25  # share of clips that are given their first frame; half of those, its alpha too


@dataclass(frozen=True)
class Latents:
    """What the transformer learns from, in half precision.

    clips: (N, 2, C, F, H, W); first_frames: (N, 2, C, 1, H, W), the first frame encoded alone. Index 0 is RGB, 1 alpha.
    weights: (N,), float32, how often a clip is drawn, compared with the others.
    """

    clips: Tensor
    first_frames: Tensor
    weights: Tensor


def build(config: MiniConfig) -> CogVideoXTransformer3DModel:
    """A fresh CogVideoX transformer."""
    return CogVideoXTransformer3DModel(
        num_attention_heads=config.heads,
        attention_head_dim=config.head_dim,
        # Noisy latents, and those of a first frame (zeros where none is given), as CogVideoX-I2V has them.
        in_channels=2 * config.latent_channels,
        out_channels=config.latent_channels,
        time_embed_dim=128,
        text_embed_dim=config.text_width,
        num_layers=config.layers,
        sample_width=config.latent_size,
        sample_height=config.latent_size,
        sample_frames=config.num_frames,
        patch_size=config.patch_size,
        temporal_compression_ratio=2,
        max_text_seq_length=config.text_length,
        use_rotary_positional_embeddings=True,
    )


def scheduler() -> CogVideoXDPMScheduler:
    """CogVideoX's noise schedule, shifted: v-prediction, zero terminal SNR, trailing timesteps."""
    return CogVideoXDPMScheduler(
        beta_schedule="scaled_linear",
        clip_sample=False,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        snr_shift_scale=SNR_SHIFT,
        timestep_spacing="trailing",
    )


def rotary(config: MiniConfig) -> tuple[Tensor, Tensor]:
    """Rotary table of one half, as CogVideoX's pipeline makes it at the model's own size."""
    grid = config.latent_size // config.patch_size
    return get_3d_rotary_pos_embed(
        embed_dim=config.head_dim,
        crops_coords=((0, 0), (grid, grid)),
        grid_size=(grid, grid),
        temporal_size=config.latent_frames,
    )


class Denoiser(nn.Module):
    """Text encoder and transformer, trained together on the v-prediction loss."""

    def __init__(self, encoder: T5EncoderModel, transformer: CogVideoXTransformer3DModel, config: MiniConfig) -> None:
        super().__init__()
        self.encoder = encoder
        self.transformer = transformer
        self.rotary = rotary(config)
        self.alphas = scheduler().alphas_cumprod.float()

    def loss(self, clean: Tensor, image: Tensor, tokens: Tensor, generator: torch.Generator) -> Tensor:
        """Squared error of v, (B, F or 2F, C, H, W).

        clean: (B, F or 2F, C, H, W); image: the same shape, see `lay_out_image`; tokens: (B, L).
        """
        batch = len(clean)
        # Stratified over the schedule: one timestep from each of B equal parts.
        part = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
        steps = (part * len(self.alphas)).long()
        alpha = self.alphas[steps][:, None, None, None, None]
        noise = torch.randn(clean.shape, generator=generator)
        noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
        target = alpha.sqrt() * noise - (1 - alpha).sqrt() * clean
        with torch.autocast("cpu", torch.bfloat16):
            text = self.encoder(tokens)[0]  # no mask, as in CogVideoX's pipeline
            output = self.transformer(
                hidden_states=torch.cat([noisy, image], dim=2),  # (B, F or 2F, 2C, H, W)
                encoder_hidden_states=text,
                timestep=steps,
                image_rotary_emb=self.rotary,
                return_dict=False,
            )[0]
        return (output.float() - target).square()


def _optimizers(model: Denoiser, muon_lr: float, adam_lr: float) -> loop.Optimizers:
    matrices, rest = loop.split(
        model.named_parameters(),
        lambda name: ".transformer_blocks." in name and "lora" not in name,
    )
    return loop.Optimizers(matrices, rest, muon_lr, adam_lr)


def batches(
    latents: Latents, tokens: Tensor, empty: Tensor, batch: int
) -> Callable[[torch.Generator], tuple[Tensor, Tensor, Tensor]]:
    """Draw clips and images, (B, 2F, C, H, W) in float32, and one caption's tokens for each clip.

    batch: clips of all processes together; B is one process's share.
    """
    batch //= ranks.count()

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        index = torch.multinomial(latents.weights, batch, replacement=True, generator=generator)
        which = torch.randint(tokens.shape[1], (batch,), generator=generator)
        text = tokens[index, which]  # (N, captions, L) -> (B, L)
        text = torch.where(torch.rand(batch, 1, generator=generator) < EMPTY_PROMPTS, empty, text)
        clips = latents.clips[index].float()  # (B, 2, C, F, H, W)
        clips = clips.permute(0, 1, 3, 2, 4, 5).flatten(1, 2)  # (B, 2, F, C, H, W) -> (B, 2F, C, H, W)
        rgb, alpha = latents.first_frames[index].float().transpose(2, 3).unbind(1)  # each (B, 1, C, H, W)
        chance = torch.rand(batch, 1, 1, 1, 1, generator=generator)
        rgb = torch.where(chance < GIVEN_FIRST_FRAMES, rgb, 0.0)
        alpha = torch.where(chance < GIVEN_FIRST_FRAMES / 2, alpha, 0.0)
        return clips, lay_out_image(rgb, alpha, clips.shape[1] // 2), text

    return draw


def warm_start(model: Denoiser, start: Path) -> None:
    """Begin with the base and text encoder of a model folder, of whichever size; word vectors are not taken over.

    Where it was trained with another noise schedule, training teaches it this one.
    """
    weights = load_file(start / "transformer" / "diffusion_pytorch_model.safetensors")
    patches, own = weights["patch_embed.proj.weight"], model.transformer.patch_embed.proj.weight
    if patches.shape != own.shape:  # it knows no first frame: (D, C, P, P) -> (D, 2C, P, P)
        weights["patch_embed.proj.weight"] = torch.cat([patches, torch.zeros_like(patches)], dim=1)
    model.transformer.load_state_dict(weights)
    words = load_file(start / "text_encoder" / "model.safetensors")
    model.encoder.load_state_dict(
        {name: value for name, value in words.items() if "shared" not in name and "embed_tokens" not in name},
        strict=False,
    )


def train_rgb(
    folder: Path,
    model: Denoiser,
    latents: Latents,
    tokens: Tensor,
    empty: Tensor,
    minutes: float,
    *,
    rate: float = 1.0,
    batch: int = 32,
    compiled: bool = False,
) -> None:
    """Train the RGB base on the RGB half of every clip, text-to-video and from a first frame.

    rate: times the usual learning rates.
    """
    draw = batches(latents, tokens, empty, batch)
    frames = latents.clips.shape[3]

    def loss_fn(generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        clips, image, text = draw(generator)
        loss = model.loss(clips[:, :frames], image[:, :frames], text, generator).mean()
        return loss, {"rgb": loss.item()}

    if compiled:
        _compile(model)
    loop.train("rgb", folder, model, _optimizers(model, 2e-3 * rate, 1e-3 * rate), loss_fn, minutes)


def train_rgba(
    folder: Path,
    model: Denoiser,
    latents: Latents,
    tokens: Tensor,
    empty: Tensor,
    config: MiniConfig,
    minutes: float,
    *,
    start: Path | None = None,
    rate: float = 1.0,
    batch: int = 24,
    compiled: bool = False,
) -> None:
    """Add the RGBA adapter, fresh or from the model folder `start`, and train it together with the base.

    Noise is drawn for each half on its own. rate: times the usual learning rates.
    """
    if start:
        weights = {name: value.float() for name, value in load_file(start / "rgba_lora.safetensors").items()}
    else:
        weights = create_rgba_weights(model.transformer, config.lora_rank, generator=torch.Generator().manual_seed(0))
    enable_rgba(model.transformer, weights, lora_alpha=config.lora_alpha)
    model.transformer.set_attn_processor(MatmulProcessor())
    model.transformer.requires_grad_(True)
    draw = batches(latents, tokens, empty, batch)
    frames = config.latent_frames

    def loss_fn(generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        clips, image, text = draw(generator)
        error = model.loss(clips, image, text, generator)
        rgb, alpha = error[:, :frames].mean(), error[:, frames:].mean()
        return rgb + alpha, {"rgb": rgb.item(), "alpha": alpha.item()}

    if compiled:
        _compile(model)
    loop.train("rgba", folder, model, _optimizers(model, 1.5e-3 * rate, 1e-3 * rate), loss_fn, minutes)


def _compile(model: Denoiser) -> None:
    """Compile each block in place: on two cores 33.5 samples a second instead of 29.6 at 96 pixels, RGB alone."""
    for block in model.transformer.transformer_blocks:
        block.compile()
