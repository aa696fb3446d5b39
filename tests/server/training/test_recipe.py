"""The recipe of `mini`, run for seconds: it resumes, and what it writes is a model folder that generates."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch

from server.launch import module_environment
from server.models import ModelDescription
from server.training.mini import autoencoder, clips, export, loop, transformer
from server.training.mini.attention import MatmulProcessor
from server.training.mini.config import CONFIG
from server.transpixar import TransPixarPipeline, create_rgba_weights, enable_rgba
from tests.tiny_model import make_text_encoder, make_tokenizer

SMALL = dataclasses.replace(
    CONFIG, size=32, num_frames=5, vae_channels=(8, 8, 8), latent_channels=4, heads=1, layers=1, lora_rank=4,
    lora_alpha=4.0, text_width=32, text_length=12,
)  # fmt: skip


@pytest.fixture(scope="module")
def made_clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    clips.make(folder, SMALL, 6, processes=1)
    return clips.load(folder)


def test_clips_are_colour_on_black_with_captions(made_clips):
    array, records = made_clips
    assert array.shape == (6, 5, 32, 32, 4)
    assert (array[..., :3] <= array[..., 3:].astype(int) + 1).all(), "premultiplied colour never exceeds alpha"
    assert all(len(record["captions"]) == clips.CAPTIONS_PER_CLIP for record in records)


def test_normalising_the_latents_changes_their_scale_and_not_the_pictures(made_clips):
    torch.manual_seed(0)
    vae = autoencoder.build(SMALL).eval()
    video = autoencoder.sample_batch(made_clips[0], 2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = vae.decode(vae.encode(video).latent_dist.mean).sample
        autoencoder.normalise(vae, made_clips[0], SMALL)
        latents = vae.encode(video).latent_dist.mean
        after = vae.decode(latents).sample
    assert torch.allclose(before, after, atol=1e-4)
    assert 0.3 < latents.std() < 3


def test_attention_as_it_is_trained_is_attention_as_it_runs():
    torch.manual_seed(0)
    model = transformer.build(SMALL)
    enable_rgba(model, create_rgba_weights(model, SMALL.lora_rank), lora_alpha=SMALL.lora_alpha)
    inputs = {
        "hidden_states": torch.randn(2, 2 * SMALL.latent_frames, 2 * SMALL.latent_channels, 8, 8),
        "encoder_hidden_states": torch.randn(2, SMALL.text_length, SMALL.text_width),
        "timestep": torch.tensor([300, 900]),
        "image_rotary_emb": transformer.rotary(SMALL),
    }
    with torch.no_grad():
        usual = model(**inputs).sample
        model.set_attn_processor(MatmulProcessor())
        torch.testing.assert_close(model(**inputs).sample, usual)


def test_the_stages_make_a_model_that_the_pipeline_loads(made_clips, tmp_path):
    torch.manual_seed(0)
    array, records = made_clips
    vae = autoencoder.train(tmp_path, array, SMALL, minutes=0.02, batch=2)
    latents = transformer.Latents(
        autoencoder.encode_all(vae, array), autoencoder.encode_all(vae, array[:, :1]), torch.ones(len(array))
    )
    assert latents.clips.shape == (6, 2, 4, 3, 8, 8) and latents.first_frames.shape == (6, 2, 4, 1, 8, 8)
    model = transformer.Denoiser(make_text_encoder(), transformer.build(SMALL), SMALL)
    tokens = torch.randint(0, 10, (len(records), 2, SMALL.text_length))
    empty = torch.zeros(1, SMALL.text_length, dtype=torch.long)
    transformer.train_rgb(tmp_path, model, latents, tokens, empty, minutes=0.02, batch=2)
    transformer.train_rgba(tmp_path, model, latents, tokens, empty, SMALL, minutes=0.02, batch=2)

    export.export(tmp_path / "model", vae, make_tokenizer(), model, SMALL)
    description = ModelDescription.read(tmp_path / "model")
    pipe = TransPixarPipeline.from_pretrained(
        tmp_path / "model",
        rgba_lora=tmp_path / "model" / description.rgba_lora.file,
        lora_alpha=description.rgba_lora.lora_alpha,
        image_optional=True,
    )
    pipe.set_progress_bar_config(disable=True)
    frames = pipe("orange fire", height=32, width=32, num_frames=5, num_inference_steps=2).frames
    assert frames.shape == (1, 5, 32, 32, 4) and np.isfinite(frames).all()
    begun = pipe("orange fire", image=np.full((32, 32, 4), 0.5, np.float32), num_frames=5, num_inference_steps=2).frames
    assert not np.allclose(begun, frames), "a first frame makes a difference"

    larger = dataclasses.replace(SMALL, size=48)
    grown = transformer.Denoiser(make_text_encoder(), transformer.build(larger), larger)
    transformer.warm_start(grown, tmp_path / "model")
    for name, value in model.transformer.state_dict().items():
        if name in grown.transformer.state_dict():
            assert torch.allclose(grown.transformer.state_dict()[name], value, atol=1e-3), name


def test_clips_are_drawn_as_often_as_their_weights_say():
    content = torch.arange(3.0).view(3, 1, 1, 1, 1, 1)  # a clip's number is its content
    latents = transformer.Latents(
        content.expand(3, 2, 4, 3, 8, 8), content.expand(3, 2, 4, 1, 8, 8), torch.tensor([1.0, 0.0, 3.0])
    )
    tokens, empty = torch.ones(3, 2, SMALL.text_length).long(), torch.zeros(1, SMALL.text_length).long()
    drawn, _, _ = transformer.batches(latents, tokens, empty, 400)(torch.Generator().manual_seed(0))
    first, second, third = ((drawn[:, 0, 0, 0, 0] == number).sum().item() for number in range(3))
    assert second == 0
    assert 2 < third / first < 4.5


def test_a_stage_that_was_stopped_goes_on_where_it_was(tmp_path):
    def stage(minutes, seen):
        torch.manual_seed(0)
        module = torch.nn.Linear(4, 4)
        optimizers = loop.Optimizers([module.weight], [module.bias], 1e-3, 1e-3)

        def loss_fn(generator):
            seen.append(module.weight.detach().clone())
            return module(torch.randn(8, 4, generator=generator)).square().mean(), {}

        loop.train("stage", tmp_path, module, optimizers, loss_fn, minutes, checkpoint_minutes=0)
        return module

    first: list[torch.Tensor] = []
    stage(0.005, first)
    (tmp_path / "stage.done.pt").unlink()  # as if it had been killed after its last checkpoint
    second: list[torch.Tensor] = []
    stage(0.01, second)
    assert not torch.equal(second[0], first[0]), "it did not start over"
    assert torch.load(tmp_path / "stage.pt", weights_only=True)["step"] == len(first) + len(second)


def test_two_processes_learn_the_same_from_batches_of_their_own(tmp_path):
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    subprocess.run(
        [*launch, "-m", "tests.server.training.rank_learner", str(tmp_path)],
        env=module_environment() | {"OMP_NUM_THREADS": "1"},
        check=True,
    )
    first, second = (torch.load(tmp_path / f"rank_{n}.pt", weights_only=True) for n in (0, 1))
    assert (first["gradient"] == 1.5).all() and (second["gradient"] == 1.5).all(), "the mean of 1 and 2"
    assert not torch.equal(first["drawn"], second["drawn"])
    assert first["steps"] == second["steps"] > 1
    assert torch.equal(first["weight"], second["weight"])
    assert torch.equal(torch.load(tmp_path / "stage.done.pt", weights_only=True)["weight"], first["weight"])
