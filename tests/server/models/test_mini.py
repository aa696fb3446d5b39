"""The embedded model does what its description says: the prompt's colour shows, and alpha is its own."""

from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

import server.models
from server.client import Client
from server.launch import ServerProcess
from server.models import ModelDescription
from server.transpixar import TransPixarPipeline

MINI = Path(server.models.__file__).parent / "mini"


@pytest.fixture(scope="module")
def generate():
    model = ModelDescription.read(MINI)
    pipe = TransPixarPipeline.from_pretrained(
        MINI, rgba_lora=MINI / model.rgba_lora.file, lora_alpha=model.rgba_lora.lora_alpha, image_optional=True
    )
    pipe.set_progress_bar_config(disable=True)

    def clip(prompt, seed=0, image=None):
        return pipe(
            prompt,
            image=image,
            num_inference_steps=model.defaults.steps,
            guidance_scale=model.defaults.guidance,
            max_sequence_length=model.max_sequence_length,
            generator=torch.Generator().manual_seed(seed),
        ).frames[0]

    return clip


@pytest.mark.parametrize(
    ("prompt", "strong", "weak"), [("orange fire", 0, 2), ("blue fire", 2, 0), ("a green portal", 1, 0)]
)
def test_the_prompt_sets_the_colour(generate, prompt, strong, weak):
    colour = generate(prompt)[..., :3].mean(axis=(0, 1, 2))
    assert colour[strong] > 1.5 * colour[weak]


def test_the_effect_is_opaque_and_its_surroundings_are_empty(generate):
    alpha = generate("orange explosion", seed=1)[..., 3]
    assert alpha.max() > 0.7
    border = np.concatenate(
        [alpha[:, 0].ravel(), alpha[:, -1].ravel(), alpha[:, :, 0].ravel(), alpha[:, :, -1].ravel()]
    )
    assert np.median(border) < 0.04


def test_alpha_follows_colour(generate):
    clip = generate("orange fire", seed=2)
    brightness, alpha = clip[..., :3].max(axis=-1).ravel(), clip[..., 3].ravel()
    assert np.corrcoef(brightness, alpha)[0, 1] > 0.8


def test_it_begins_with_a_first_frame_and_goes_on_from_there(generate):
    given = generate("green portal", seed=3)[0]
    clip = generate("green portal", seed=4, image=given)
    assert np.abs(clip[0] - given).mean() < 0.03 < np.abs(generate("green portal", seed=4)[0] - given).mean()
    assert np.abs(np.diff(clip, axis=0)).mean() > 0.005, "it moves"


def test_the_server_with_mini_stays_under_two_gigabytes(tmp_path):
    with ServerProcess(["--data-dir", str(tmp_path)]) as running:
        client = Client(running.url)
        job = client.create("orange fire", model="mini", steps=2)
        assert list(client.follow(job["id"]))[-1]["state"] == "succeeded"
        parent = psutil.Process(running.process.pid)
        family = [parent, *parent.children(recursive=True)]
        assert sum(process.memory_info().rss for process in family) < 2e9
