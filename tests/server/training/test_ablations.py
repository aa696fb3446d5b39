"""The arms of the ablations are what they are called, and a run of them can be taken up again."""

import dataclasses
import json
import shutil

import pytest
import torch
from diffusers import CogVideoXDPMScheduler

from server.training.ablations import arms, data, learning, plots, run, variants
from server.training.mini import autoencoder, export, transformer
from server.training.mini.config import CONFIG
from tests.tiny_model import make_text_encoder, make_tokenizer

SMALL = dataclasses.replace(
    CONFIG, size=32, num_frames=5, vae_channels=(8, 8, 8), latent_channels=4, heads=1, layers=2, text_width=32,
    text_length=12,
)  # fmt: skip
ARMS = {arm.name: arm for arm in arms.ARMS}


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("base")
    model = transformer.Denoiser(make_text_encoder(), transformer.build(SMALL), SMALL)
    export.export_base(folder, autoencoder.build(SMALL), make_tokenizer(), model)
    return folder


@pytest.fixture(scope="module")
def base(base_folder):
    return data.Base.load(base_folder)


@torch.no_grad()
def halves(base, arm, *, alpha_seed=0, trained=True):
    """What an arm makes of one noisy clip: (RGB, alpha), each (1, F, C, H, W)."""
    model = variants.build(base.transformer, arm, seed=0)
    if trained:
        generator = torch.Generator().manual_seed(1)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    shape = (1, 3, SMALL.latent_channels, 8, 8)
    rgb, alpha = (torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in (7, alpha_seed))
    noisy = torch.cat([rgb, alpha], dim=1)
    output = model(
        hidden_states=torch.cat([noisy, torch.zeros_like(noisy)], dim=2),
        encoder_hidden_states=base.text(["orange fire"]),
        timestep=torch.tensor([500]),
        image_rotary_emb=variants.rotary(model.config, 3, 2, arm.positions),
        return_dict=False,
    )[0]
    return output.chunk(2, dim=1)


def test_a_base_keeps_the_noise_schedule_it_was_trained_with(base_folder, tmp_path):
    shutil.copytree(base_folder, tmp_path / "base")
    CogVideoXDPMScheduler(snr_shift_scale=1.0).save_pretrained(tmp_path / "base" / "scheduler")
    assert data.Base.load(base_folder).scheduler.config.snr_shift_scale == transformer.SNR_SHIFT
    assert data.Base.load(tmp_path / "base").scheduler.config.snr_shift_scale == 1.0


def test_every_question_is_answered_by_known_arms_beside_the_recipe():
    for names in arms.QUESTIONS.values():
        assert "paper" in names and set(names) <= set(ARMS)


def test_rgb_depends_on_alpha_unless_it_does_not_see_it(base):
    for name, depends in (("paper", True), ("open", True), ("no-rgb-to-alpha", False)):
        first, second = (halves(base, ARMS[name], alpha_seed=seed)[0] for seed in (1, 2))
        assert torch.allclose(first, second, atol=1e-6) is not depends, name


def test_positions_of_alpha_tokens_differ_between_arms(base):
    shared, consecutive = (halves(base, ARMS[name], trained=False)[1] for name in ("paper", "consecutive"))
    assert not torch.allclose(shared, consecutive, atol=1e-4)


def test_arms_train_what_they_say(base):
    def trained(name):
        model = variants.build(base.transformer, ARMS[name], seed=0)
        return {each for each, parameter in model.named_parameters() if parameter.requires_grad}

    paper = trained("paper")
    assert "patch_embed.domain_emb" in paper and all("lora" in name or "domain" in name for name in paper)
    assert trained("no-domain") == paper - {"patch_embed.domain_emb"}
    assert trained("joint") > paper


def test_a_run_writes_figures_plots_and_a_table_and_is_taken_up_again(base_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "HELD_OUT", 4)
    monkeypatch.setattr(run, "SAMPLED_CLIPS", 2)
    said: list[str] = []
    options = {"steps": 2, "batch": 2, "clips": 12, "arms": (ARMS["paper"], ARMS["consecutive"]), "report": said.append}
    results = run.run(tmp_path, base_folder, seeds=[0], **options)
    figures = json.loads((results / "paper_0.json").read_text())
    assert [point["step"] for point in figures["curve"]] == [0, 1, 2]
    assert set(figures["agreement"]) == {"matched", "mismatched"}

    said.clear()
    run.run(tmp_path, base_folder, seeds=[0, 1], **options)
    assert said and all("seed 1" in line for line in said), "what was finished is not done again"
    assert "| the paper's recipe | 2 |" in plots.table(results)
    pytest.importorskip("matplotlib")
    assert all(path.stat().st_size > 1000 for path in plots.draw(results, tmp_path / "plots"))


def test_arms_of_one_seed_see_the_same_clips(base, base_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "HELD_OUT", 2)
    train, held_out = data.prepare(tmp_path, base, 6)
    empty, alphas = base.text([""]), base.scheduler.alphas_cumprod.float()
    first, second = (
        learning.learn(
            variants.build(base.transformer, ARMS["paper"], 0), ARMS["paper"], 0, train, held_out, empty, alphas,
            steps=2, batch=2, every=1, report=lambda line: None,
        )
        for _ in range(2)
    )  # fmt: skip
    assert first == second
