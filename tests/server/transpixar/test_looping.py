"""Clips that the model makes loop."""

import numpy as np
import pytest
import torch

from server.transpixar.denoiser import Denoiser
from server.transpixar.looping import LoopingDenoiser, decode_loop
from tests.server.transpixar.pipelines import PROMPT, generator, make_pipeline

pytestmark = pytest.mark.device

CLIP = {"height": 32, "width": 32, "num_frames": 9, "num_inference_steps": 5, "guidance_scale": 1.0}


def test_the_model_sees_the_clip_begin_one_frame_later_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[float]] = []

    def predict(self: Denoiser, latents: torch.Tensor, timestep: torch.Tensor, scale: float) -> torch.Tensor:
        seen.append(latents[0, :, 0, 0, 0].tolist())
        return latents

    monkeypatch.setattr(Denoiser, "predict", predict)
    denoiser = LoopingDenoiser(None, None)
    # Three frames of colour, then three of alpha.
    latents = torch.tensor([0.0, 1, 2, 10, 11, 12])[None, :, None, None, None]
    for _ in range(4):
        assert denoiser.predict(latents, torch.tensor(1), 1.0).equal(latents)

    assert seen == [
        [0, 1, 2, 10, 11, 12],
        [1, 2, 0, 11, 12, 10],
        [2, 0, 1, 12, 10, 11],
        [0, 1, 2, 10, 11, 12],
    ]


def test_a_loop_has_a_full_group_of_frames_for_every_latent_frame() -> None:
    pipe = make_pipeline()
    plain = pipe(PROMPT, generator=generator(), **CLIP).frames
    loop = pipe(PROMPT, generator=generator(), loop=True, **CLIP).frames

    assert plain.shape == (1, 9, 32, 32, 4)
    assert loop.shape == (1, 10, 32, 32, 4)
    assert np.isfinite(loop).all()


def test_a_loop_of_one_image_stands_still() -> None:
    """Every latent frame is the same, so every decoded one is, at the seam as well."""
    pipe = make_pipeline()
    half = torch.randn((1, 1, 4, 4, 4), generator=generator()).expand(-1, 5, -1, -1, -1)
    frames = decode_loop(pipe.decode_frames, torch.cat([half, half], dim=1), 2)

    later = frames[0, 4:]
    np.testing.assert_allclose(later, np.broadcast_to(later[:1], later.shape), atol=1e-4)


def test_given_frames_do_not_loop() -> None:
    with pytest.raises(ValueError, match="cannot begin with an image or follow a video"):
        make_pipeline()(PROMPT, rgb_video=np.zeros((9, 32, 32, 3), np.float32), loop=True, **CLIP)
