"""The model that is measured: loaded from its folder, asked for clips."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from server.models import ModelDescription, ModelFolderError
from server.models.architecture import check_model
from server.models.files import ModelFiles, locate
from server.training.evaluation.measures import Clip
from server.transpixar import TransPixarPipeline
from server.transpixar.weights import RGBAWeightsError


class Subject:
    """A model's pipeline with the settings that its description names.

    Attributes:
        description: what the model says of itself.
        effects: the families that it lists and that can be measured.
    """

    def __init__(self, folder: Path, hub_folder: Path | None = None, *, device: str = "cpu") -> None:
        """Load the model.

        Raises:
            ModelFolderError: it is none, a file is missing, damaged or does not fit, or it lists no effects.
        """
        self.description = ModelDescription.read(folder)
        self.effects = list(self.description.effects)
        if not self.effects:
            raise ModelFolderError(
                f"'{self.description.name}' cannot be evaluated: its transpixar.json lists no \"effects\" that it was "
                "trained on. Evaluate mini, or a model that was trained on these effects."
            )
        files: ModelFiles = locate(self.description, folder, hub_folder or folder)
        try:
            check_model(files)
        except RGBAWeightsError as error:
            raise ModelFolderError(str(error)) from None
        dtype = torch.bfloat16 if self.description.dtype == "bfloat16" and device != "cpu" else torch.float32
        self.pipe: Any = TransPixarPipeline.from_pretrained(
            files.base, rgba_lora=files.rgba_lora, lora_alpha=files.lora_alpha, dtype=dtype
        )
        # One that makes clips from words too was taught so with empty image latents.
        self.pipe.image_optional = "text" in self.description.tasks
        self.pipe.to(device)
        self.pipe.set_progress_bar_config(disable=True)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, height and width of its clips."""
        defaults = self.description.defaults
        return defaults.num_frames, defaults.height, defaults.width

    def sample(self, prompt: str, seed: int, **given: Any) -> Clip:
        """One clip with the colour on black, (F, H, W, 4); `given` holds the pipeline's `image` or `rgb_video`."""
        defaults = self.description.defaults
        frames = self.pipe(
            prompt,
            **given,
            height=defaults.height,
            width=defaults.width,
            num_frames=defaults.num_frames,
            num_inference_steps=defaults.steps,
            guidance_scale=defaults.guidance,
            cfg_schedule=defaults.cfg_schedule,
            max_sequence_length=self.description.max_sequence_length,
            generator=torch.Generator("cpu").manual_seed(seed),
        ).frames[0]
        return self._on_black(frames) if "rgb_video" not in given else frames

    def first_frame(self, clip: Clip) -> Clip:
        """The first frame (H, W, 4) of a clip with the colour on black, as this model's RGB half holds colour."""
        frame = clip[0]
        if self.description.rgb == "premultiplied":
            return frame
        alpha = frame[..., 3:]
        return np.concatenate([np.clip(frame[..., :3] / np.maximum(alpha, 1 / 255), 0, 1), alpha], axis=-1)

    @torch.no_grad()
    def reconstruct(self, clip: Clip) -> Clip:
        """A clip (F, H, W, 4), colour on black, through the autoencoder, alpha as grey."""
        vae = self.pipe.vae
        video = torch.from_numpy(clip).to(vae.device, vae.dtype) * 2 - 1
        halves = torch.stack([video[..., :3], video[..., 3:].expand(*video.shape[:-1], 3)]).permute(0, 4, 1, 2, 3)
        decoded = vae.decode(vae.encode(halves).latent_dist.mode()).sample.float().clamp(-1, 1)  # (2, 3, F, H, W)
        rgb, alpha = decoded.permute(0, 2, 3, 4, 1).add(1).div(2).cpu()
        return torch.cat([rgb, alpha.amax(dim=-1, keepdim=True)], dim=-1).numpy()

    def _on_black(self, frames: Clip) -> Clip:
        if self.description.rgb == "premultiplied":
            return frames
        return np.concatenate([frames[..., :3] * frames[..., 3:], frames[..., 3:]], axis=-1)
