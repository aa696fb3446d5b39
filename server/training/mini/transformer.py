"""The two diffusion stages of `mini`: an RGB text-to-video base, then RGB and alpha jointly (arXiv 2501.03006)."""

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import CogVideoXDPMScheduler, CogVideoXTransformer3DModel
from diffusers.models.embeddings import get_3d_rotary_pos_embed
from torch import Tensor, nn
from transformers import T5EncoderModel

from server.training.mini import loop
from server.training.mini.config import MiniConfig
from server.transpixar import create_rgba_weights, enable_rgba

EMPTY_PROMPTS = 0.1  # share of captions replaced by nothing, for classifier-free guidance


def build(config: MiniConfig) -> CogVideoXTransformer3DModel:
    """A fresh CogVideoX transformer."""
    return CogVideoXTransformer3DModel(
        num_attention_heads=config.heads,
        attention_head_dim=config.head_dim,
        in_channels=config.latent_channels,
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
    """CogVideoX's noise schedule: v-prediction, zero terminal SNR, trailing timesteps."""
    return CogVideoXDPMScheduler(
        beta_schedule="scaled_linear",
        clip_sample=False,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        snr_shift_scale=1.0,
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

    def loss(self, clean: Tensor, tokens: Tensor, generator: torch.Generator) -> Tensor:
        """Squared error of v, per token half: clean (B, F or 2F, C, H, W), tokens (B, L) -> (B, same, ...)."""
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
                hidden_states=noisy,
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


def _batches(
    latents: Tensor, tokens: Tensor, empty: Tensor, batch: int
) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
    """Draw (B, 2, C, F, H, W) latents in float32 and one caption's tokens for each."""

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        index = torch.randint(len(latents), (batch,), generator=generator)
        which = torch.randint(tokens.shape[1], (batch,), generator=generator)
        text = tokens[index, which]  # (N, captions, L) -> (B, L)
        text = torch.where(torch.rand(batch, 1, generator=generator) < EMPTY_PROMPTS, empty, text)
        return latents[index].float(), text

    return draw


def train_rgb(
    folder: Path, model: Denoiser, latents: Tensor, tokens: Tensor, empty: Tensor, minutes: float, batch: int = 32
) -> None:
    """Train the RGB base: latents (N, 2, C, F, H, W), of which the first of each pair is used."""
    draw = _batches(latents, tokens, empty, batch)

    def loss_fn(generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        pair, text = draw(generator)
        loss = model.loss(pair[:, 0].transpose(1, 2), text, generator).mean()
        return loss, {"rgb": loss.item()}

    loop.train("rgb", folder, model, _optimizers(model, 2e-3, 1e-3), loss_fn, minutes)


def train_rgba(
    folder: Path,
    model: Denoiser,
    latents: Tensor,
    tokens: Tensor,
    empty: Tensor,
    config: MiniConfig,
    minutes: float,
    batch: int = 24,
) -> None:
    """Add the RGBA adapter and train it together with the base; noise is drawn for each half on its own."""
    weights = create_rgba_weights(model.transformer, config.lora_rank, generator=torch.Generator().manual_seed(0))
    enable_rgba(model.transformer, weights, lora_alpha=config.lora_alpha)
    model.transformer.requires_grad_(True)
    draw = _batches(latents, tokens, empty, batch)
    frames = config.latent_frames

    def loss_fn(generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        pair, text = draw(generator)  # (B, 2, C, F, H, W)
        both = torch.cat([pair[:, 0], pair[:, 1]], dim=2).transpose(1, 2)  # (B, 2F, C, H, W)
        error = model.loss(both, text, generator)
        rgb, alpha = error[:, :frames].mean(), error[:, frames:].mean()
        return rgb + alpha, {"rgb": rgb.item(), "alpha": alpha.item()}

    loop.train("rgba", folder, model, _optimizers(model, 1.5e-3, 1e-3), loss_fn, minutes)
