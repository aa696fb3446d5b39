"""The comparison with the released code, on the golden vectors, which that code made."""

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny_model import LORA_ALPHA, write_tiny_model
from tools.compare_with_reference import main, psnr

GOLDEN = Path(__file__).parents[1] / "golden" / "transpixar_tiny"
GOLDEN_MODEL = ["--base", str(GOLDEN), "--rgba-lora", str(GOLDEN / "rgba_lora.safetensors")]
ON_CPU = ["--device", "cpu", "--dtype", "float32"]


def settings(**changes):
    case = json.loads((GOLDEN / "case.json").read_text())
    return {
        "prompt": "",
        "negative_prompt": "",
        "seed": case["seed"],
        "generator_device": "cpu",
        "text_to_alpha": "reference",
        "width": 8 * case["grid"][1],
        "height": 8 * case["grid"][0],
        "num_frames": 4 * (case["latent_frames"] - 1) + 1,
        "steps": case["steps"],
        "guidance": case["guidance"],
        "cfg_schedule": "dynamic",
    } | changes


def write_case(path, tensors, **changes):
    save_file(tensors, path, metadata={"case": json.dumps(settings(**changes))})


@pytest.fixture
def cases(tmp_path):
    golden = load_file(GOLDEN / "cases.safetensors")
    embeds = {name: golden[name] for name in ("prompt_embeds", "negative_prompt_embeds")}
    for mode in ("strict", "reference"):
        for schedule in ("dynamic", "constant"):
            latents = golden[f"latents.{mode}.{schedule}_cfg"]
            path = tmp_path / f"{mode}-{schedule}.safetensors"
            write_case(path, embeds | {"latents": latents}, text_to_alpha=mode, cfg_schedule=schedule)
    return tmp_path


def test_the_golden_vectors_agree_in_their_own_mode_and_differ_in_the_other(cases, capsys):
    assert main([str(cases), *GOLDEN_MODEL, *ON_CPU, "--max-error", "2e-5"]) == 0
    _, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    assert len(rows) == 8
    for _, made_in, sampled_in, max_error, rgb, alpha, *frames in rows:
        assert (float(max_error) <= 2e-5) == (made_in == sampled_in)
        assert (min(float(rgb), float(alpha)) > 90) == (made_in == sampled_in)
        assert frames == ["-", "-"]


def test_a_difference_beyond_the_limit_fails(cases, capsys):
    case = cases / "strict-constant.safetensors"
    tensors = load_file(case)
    write_case(case, tensors | {"latents": tensors["latents"] + 0.5}, text_to_alpha="strict", cfg_schedule="constant")
    assert main([str(case), *GOLDEN_MODEL, *ON_CPU, "--max-error", "0.1"]) == 1
    assert "A case differs by 5.00e-01 in its own mode" in capsys.readouterr().out


def test_a_whole_model_compares_frames_too(tmp_path, capsys):
    folder = write_tiny_model(tmp_path / "tiny")
    shape = {"width": 32, "height": 32, "num_frames": 5, "prompt": "orange smoke"}
    case = tmp_path / "case.safetensors"
    write_case(case, {"latents": torch.randn(1, 6, 4, 8, 8), "frames": torch.zeros(5, 32, 32, 4)}, **shape)
    model = ["--base", str(folder), "--rgba-lora", str(folder / "rgba_lora.safetensors"), "--lora-alpha"]
    assert main([str(case), *model, str(LORA_ALPHA), *ON_CPU, "--modes", "strict"]) == 0
    assert "-" not in capsys.readouterr().out.splitlines()[1].split()[-2:]


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "there is no case in this folder"),
        (lambda path: path.write_text("nothing"), "case.safetensors: this is not a readable case"),
        (lambda path: save_file({"latents": torch.zeros(1)}, path), "an entry is missing, or one too many ('case')"),
        (lambda path: write_case(path, {}), "an entry is missing, or one too many ('latents')"),
        (lambda path: write_case(path, {"latents": torch.zeros(1)}, speed=1), "unexpected keyword argument 'speed'"),
    ],
)
def test_a_wrong_case_is_told(tmp_path, capsys, write, message):
    write(tmp_path / "case.safetensors")
    assert main([str(tmp_path), *GOLDEN_MODEL, *ON_CPU]) == 2
    assert message in capsys.readouterr().err


def test_latents_of_another_shape_are_told(tmp_path, cases, capsys):
    case = cases / "strict-constant.safetensors"
    write_case(case, load_file(case) | {"latents": torch.zeros(1, 2, 16, 8, 12)}, text_to_alpha="strict")
    assert main([str(case), *GOLDEN_MODEL, *ON_CPU]) == 2
    assert "strict-constant: the latents should have the shape (1, 6, " in capsys.readouterr().err


def test_psnr_is_of_the_range():
    theirs = torch.tensor([0.0, 2.0])
    assert psnr(theirs, theirs) == math.inf
    assert psnr(theirs + 0.2, theirs) == pytest.approx(20, abs=1e-4)
    assert psnr(theirs + 0.1, theirs, peak=1.0) == pytest.approx(20, abs=1e-4)
