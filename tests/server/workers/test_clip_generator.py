"""Whole jobs with a real tiny model: several clips, given frames, style LoRAs, cancels, and memory that runs out."""

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from server.jobs.request import StyleLora, VideoRequest
from server.media.clean_up import cleaned
from server.media.sidecar import Sidecar
from server.transpixar import GenerationCancelled
from server.transpixar.planner import DoesNotFit
from server.workers.clip_job import ClipJob, MemoryRanOut
from server.workers.generator import ClipGenerator
from server.workers.loaded_model import LoadedModel
from server.workers.messages import ClipReady, Generate, JobReport, Load, Phase, Planned, Preview, Step, Warned
from tests.server.transpixar.full_size import COGVIDEOX_5B, FULL_CLIP
from tests.tiny_model import write_tiny_model

JOB = "a" * 32


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", tasks=["text", "footage"])


@pytest.fixture(scope="module")
def tiny_i2v(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny-i2v", image_to_video=True)


@pytest.fixture
def generator():
    return ClipGenerator("cpu")


def make_task(folder: Path, model: Path, **changes) -> Generate:
    request = {
        "prompt": "orange smoke",
        "negative_prompt": "",
        "seed": 7,
        "width": 32,
        "height": 32,
        "num_frames": 5,
        "steps": 3,
        "guidance": 3.0,
        "cfg_schedule": "constant",
        "text_to_alpha": "strict",
        "model": "tiny",
    }
    given = {
        name: changes.pop(name) for name in ("first_clip", "first_frame", "footage", "style_loras") if name in changes
    }
    return Generate(
        job=JOB,
        request=VideoRequest(**request | changes),
        model_folder=model,
        data_folder=folder,
        clips_folder=folder / "clips",
        preview_file=folder / "preview.png",
        **given,
    )


def run(generator: ClipGenerator, task: Generate, should_stop=lambda: False) -> list[JobReport]:
    reports: list[JobReport] = []
    generator.generate(task, reports.append, should_stop)
    return reports


def read_clip(report: ClipReady) -> np.ndarray:
    frames = sorted(Path(report.clip.folder).glob("*.png"))
    return np.stack([np.asarray(Image.open(frame)) for frame in frames])


def clips_of(reports: list[JobReport]) -> list[np.ndarray]:
    return [read_clip(report) for report in reports if isinstance(report, ClipReady)]


def test_several_clips_are_those_of_their_seeds_made_alone(generator, tiny, tmp_path):
    reports = run(generator, make_task(tmp_path / "both", tiny, num_clips=2))
    alone = run(generator, make_task(tmp_path / "alone", tiny, seed=8))

    first, second = clips_of(reports)
    assert not np.array_equal(first, second)
    assert np.array_equal(second, clips_of(alone)[0])
    phases = [report.phase for report in reports if isinstance(report, Phase)]
    assert phases == ["loading", *["running", "decoding", "encoding"] * 2]
    assert [(report.clip, report.step) for report in reports if isinstance(report, Step)] == [
        (clip, step) for clip in (1, 2) for step in (0, 1, 2, 3)
    ]


def test_every_sidecar_holds_the_request_that_makes_its_clip_alone(generator, tiny, tmp_path):
    reports = run(generator, make_task(tmp_path, tiny, num_clips=2))
    second = [report.clip for report in reports if isinstance(report, ClipReady)][1]

    sidecar = Sidecar.from_json(Path(second.folder, second.sidecar).read_bytes())

    assert (sidecar.request.seed, sidecar.request.num_clips) == (8, 1)
    assert sidecar.execution is not None and sidecar.execution.plan == "resident"
    assert set(sidecar.execution.seconds) >= {"loading", "encoding_text", "sampling", "decoding"}


def test_a_job_that_was_interrupted_goes_on_with_the_clip_that_is_missing(generator, tiny, tmp_path):
    reports = run(generator, make_task(tmp_path, tiny, num_clips=3, first_clip=3))

    assert [report.clip.index for report in reports if isinstance(report, ClipReady)] == [3]
    assert [report.clip.seed for report in reports if isinstance(report, ClipReady)] == [9]


def test_previews_and_the_execution_are_reported(generator, tiny, tmp_path):
    reports = run(generator, make_task(tmp_path, tiny))

    assert any(isinstance(report, Preview) for report in reports)
    assert (tmp_path / "preview.png").stat().st_size > 0
    last = [report for report in reports if isinstance(report, Planned)][-1].execution
    assert (last.device, last.quality, last.attention) == ("CPU", "exact", "PyTorch")
    assert last.predicted_peak_bytes is not None and last.predicted_peak_bytes > 0


@pytest.mark.parametrize("quality", ["exact", "balanced", "fast"])
@pytest.mark.parametrize("plan", ["auto", "text-freed", "tiled-sequential"])
def test_every_quality_and_plan_makes_a_clip(generator, tiny, tmp_path, quality, plan):
    reports = run(generator, make_task(tmp_path, tiny, quality=quality, memory_plan=plan))

    assert clips_of(reports)[0].shape == (5, 32, 32, 4)
    executed = [report for report in reports if isinstance(report, Planned)][-1].execution
    assert executed.quality == quality
    assert executed.plan == ("resident" if plan == "auto" else plan)


def test_given_footage_keeps_its_colour_and_gets_an_alpha(generator, tiny, tmp_path):
    frames = np.stack([np.full((32, 32, 3), (255, 40 * index, 0), np.uint8) for index in range(5)])
    movie = write_movie(tmp_path / "footage.mkv", frames)

    reports = run(generator, make_task(tmp_path, tiny, footage=movie))

    (clip,) = clips_of(reports)
    opaque = clip[..., 3] > 0
    assert opaque.any()
    assert np.abs(clip[..., :3].astype(int) - frames)[opaque].max() <= 1


def test_a_first_frame_conditions_an_image_model(generator, tiny_i2v, tmp_path):
    image = tmp_path / "first.png"
    Image.new("RGBA", (40, 32), (255, 128, 0, 90)).save(image)
    other = tmp_path / "other.png"
    Image.new("RGBA", (40, 32), (0, 0, 255, 255)).save(other)

    one, two = (
        clips_of(run(generator, make_task(tmp_path / name.stem, tiny_i2v, first_frame=name)))[0]
        for name in (image, other)
    )

    assert not np.array_equal(one, two)


def write_style(model: Path, file: Path) -> Path:
    config = json.loads((model / "transformer" / "config.json").read_text())
    width = config["num_attention_heads"] * config["attention_head_dim"]
    key = "transformer.transformer_blocks.0.attn1.to_q"
    torch.manual_seed(0)
    save_file({f"{key}.lora_A.weight": torch.randn(2, width), f"{key}.lora_B.weight": torch.randn(width, 2)}, file)
    return file


def test_style_loras_come_and_go_with_their_jobs(generator, tiny, tmp_path):
    style = write_style(tiny, tmp_path / "style.safetensors")

    plain = clips_of(run(generator, make_task(tmp_path / "1", tiny)))[0]
    task = make_task(tmp_path / "2", tiny, style_loras=(style,))
    task = task.model_copy(update={"request": task.request.model_copy(update={"style_loras": (StyleLora(name="s"),)})})
    styled = clips_of(run(generator, task))[0]
    again = clips_of(run(generator, make_task(tmp_path / "3", tiny)))[0]

    assert not np.array_equal(plain, styled)
    assert np.array_equal(plain, again)


def scaled(file: Path, factor: float) -> None:
    """Train a LoRA on, so to speak."""
    tensors = {key: value * factor for key, value in load_file(file).items()}
    file.unlink()
    save_file(tensors, file)
    stat = file.stat()
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**6))


def test_an_rgba_lora_that_was_trained_again_is_taken(generator, tmp_path):
    """As docs/training.md goes: a model of one's own, and the LoRA written once more at the same path."""
    model = write_tiny_model(tmp_path / "tiny")
    before = clips_of(run(generator, make_task(tmp_path / "1", model)))[0]
    (lora,) = model.glob("rgba*.safetensors")
    scaled(lora, -3.0)
    after = clips_of(run(generator, make_task(tmp_path / "2", model)))[0]
    fresh = clips_of(run(ClipGenerator("cpu"), make_task(tmp_path / "3", model)))[0]

    assert not np.array_equal(before, after)
    assert np.array_equal(after, fresh)


@pytest.mark.parametrize("name", ["transformer/diffusion_pytorch_model.safetensors", "transpixar.json"])
def test_another_file_of_the_model_s_folder_makes_it_another_model(generator, tmp_path, monkeypatch, name):
    model = write_tiny_model(tmp_path / "tiny")
    loads = []
    load = LoadedModel._load
    monkeypatch.setattr(LoadedModel, "_load", lambda self: loads.append(1) or load(self))
    order = Load(job="l", model_folder=model, data_folder=tmp_path)
    for _ in range(2):
        generator.load(order, lambda report: None, lambda: False)
    assert len(loads) == 1
    os.utime(model / name, ns=(1, 1))
    generator.load(order, lambda report: None, lambda: False)
    assert len(loads) == 2


def test_a_style_lora_that_was_trained_again_is_taken(generator, tiny, tmp_path):
    style = write_style(tiny, tmp_path / "style.safetensors")
    task = make_task(tmp_path / "1", tiny, style_loras=(style,))
    task = task.model_copy(update={"request": task.request.model_copy(update={"style_loras": (StyleLora(name="s"),)})})
    before = clips_of(run(generator, task))[0]
    scaled(style, -3.0)
    after = clips_of(run(generator, task.model_copy(update={"clips_folder": tmp_path / "2"})))[0]
    assert not np.array_equal(before, after)


def test_a_loop_has_the_frames_that_lead_back_to_its_beginning(generator, tiny, tmp_path):
    (clip,) = clips_of(run(generator, make_task(tmp_path, tiny, loop=True)))

    assert clip.shape == (6, 32, 32, 4)  # 5 frames, and one more for the autoencoder's compression of 2


def test_a_clip_is_cleaned_when_asked_for_and_otherwise_as_the_model_made_it(generator, tiny, tmp_path):
    (raw,) = clips_of(run(generator, make_task(tmp_path / "raw", tiny)))
    (clean,) = clips_of(run(generator, make_task(tmp_path / "clean", tiny, clean_up=True)))

    expected = cleaned((raw / 255).astype(np.float32))
    np.testing.assert_array_equal(clean[..., :3], raw[..., :3])
    # The raw one was rounded to 8 bits before.
    np.testing.assert_allclose(clean[..., 3], expected[..., 3] * 255, atol=1.1)
    for edge in (clean[:, 0], clean[:, -1], clean[:, :, 0], clean[:, :, -1]):
        assert not edge[..., 3].any()
    assert raw[:, 0, :, 3].any()


def test_footage_that_is_cleaned_is_not_faded_at_the_edges_of_its_frame(generator, tiny, tmp_path):
    movie = write_movie(tmp_path / "footage.mkv", np.full((5, 32, 32, 3), 200, np.uint8))
    (clip,) = clips_of(run(generator, make_task(tmp_path, tiny, footage=movie, clean_up=True)))
    assert clip[:, 0, :, 3].any()


def test_a_prompt_that_is_too_long_for_the_model_is_told(generator, tiny, tmp_path):
    reports = run(generator, make_task(tmp_path, tiny, prompt="orange smoke " * 10 + "burning sparks"))

    (warning,) = [report.warning for report in reports if isinstance(report, Warned)]
    assert "burning sparks" in warning


def test_a_cancelled_job_leaves_a_generator_that_works(generator, tiny, tmp_path):
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 12

    with pytest.raises(GenerationCancelled):
        run(generator, make_task(tmp_path / "cancelled", tiny), should_stop)

    assert not list((tmp_path / "cancelled").glob("clips/*"))
    assert clips_of(run(generator, make_task(tmp_path / "next", tiny)))


def test_load_and_unload(generator, tiny, tmp_path):
    generator.load(Load(job="l", model_folder=tiny, data_folder=tmp_path), lambda report: None, lambda: False)
    assert generator.loaded_model == "tiny"

    generator.unload()
    assert generator.loaded_model is None


class RunningOut:
    """Stands for a device whose memory runs out the first `times` times that work is done there."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, work):
        def attempt(*args, **kwargs):
            if self.times:
                self.times -= 1
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
            return work(*args, **kwargs)

        return attempt


@pytest.mark.parametrize("phase", ["_sample", "_decode"])
def test_where_memory_runs_out_once_the_clip_is_made_under_a_leaner_plan(generator, tiny, tmp_path, monkeypatch, phase):
    plain = clips_of(run(generator, make_task(tmp_path / "plain", tiny)))[0]
    monkeypatch.setattr(ClipJob, phase, RunningOut(1)(getattr(ClipJob, phase)))
    # Small as it is, its plans hardly differ: say that every one that is next in line needs notably less.
    monkeypatch.setattr("server.transpixar.planner._WORTHWHILE", 1.0)

    reports = run(generator, make_task(tmp_path / "second", tiny))

    plans = [report.execution.plan for report in reports if isinstance(report, Planned)]
    assert plans[0] == "resident" and plans[-1] != "resident"
    assert any("Memory ran out" in report.warning for report in reports if isinstance(report, Warned))
    assert np.abs(clips_of(reports)[0].astype(int) - plain.astype(int)).max() <= 1


def test_memory_that_runs_out_while_the_weights_are_placed_counts_too(generator, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(LoadedModel, "prepare", RunningOut(1)(LoadedModel.prepare))
    monkeypatch.setattr("server.transpixar.planner._WORTHWHILE", 1.0)

    reports = run(generator, make_task(tmp_path, tiny))

    assert clips_of(reports)
    assert "resident" not in [report.execution.plan for report in reports if isinstance(report, Planned)]
    assert any("Memory ran out" in report.warning for report in reports if isinstance(report, Warned))


def test_where_memory_runs_out_twice_the_job_fails_with_what_to_lower(generator, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("server.transpixar.planner._WORTHWHILE", 1.0)
    sample = ClipJob._sample
    with monkeypatch.context() as patch, pytest.raises(MemoryRanOut, match="use "):
        patch.setattr(ClipJob, "_sample", RunningOut(2)(sample))
        run(generator, make_task(tmp_path, tiny))

    assert clips_of(run(generator, make_task(tmp_path / "next", tiny)))


def test_a_plan_asked_for_by_name_is_not_left_when_memory_runs_out(generator, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(ClipJob, "_sample", RunningOut(1)(ClipJob._sample))

    with pytest.raises(MemoryRanOut, match="text-freed"):
        run(generator, make_task(tmp_path, tiny, memory_plan="text-freed"))


def test_a_clip_for_which_no_plan_is_enough_is_refused_before_it_begins(generator, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("server.transpixar.planner.available_bytes", lambda device: 10**6)

    with pytest.raises(DoesNotFit, match="GB are free"):
        run(generator, make_task(tmp_path, tiny))


def test_the_second_offloaded_clip_is_planned_as_the_first(generator, tiny, tmp_path, monkeypatch):
    """Weights that offloading has pinned are held by this process; they are not charged to the next clip again."""
    run(generator, make_task(tmp_path, tiny))
    model = generator._model
    host = {"free": 26 * 10**9, "held": 10**9}
    monkeypatch.setattr(
        "server.transpixar.planner.available_bytes",
        lambda device: 12 * 2**30 if device != "cpu" else host["free"] + host["held"],
    )
    # The planner's sums for a full model; nothing is moved.
    monkeypatch.setattr(model, "_device", "cuda:0")
    monkeypatch.setattr(model, "_memory", COGVIDEOX_5B)
    first = model.planner(FULL_CLIP, quality="exact", guided=True).choose()
    assert first.plan.name == "offload"
    assert model.execution.weights_are_copies  # it made a clip under another plan
    monkeypatch.setattr(model.execution, "_placement", SimpleNamespace(plan=first.plan))
    host["free"] -= first.predicted_host_bytes
    host["held"] += first.predicted_host_bytes
    assert not model.execution.weights_are_copies
    assert model.planner(FULL_CLIP, quality="exact", guided=True).choose().plan == first.plan


def write_movie(path: Path, frames: np.ndarray) -> Path:
    """Write (F, H, W, 3) frames losslessly."""
    _, height, width, _ = frames.shape
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", "8", "-i", "-", "-c:v", "ffv1", "-pix_fmt", "bgr0", str(path)]
    subprocess.run(command, input=frames.tobytes(), check=True)
    return path


def test_a_prompt_that_a_small_model_does_not_know_is_told(generator, tmp_path):
    taught = write_tiny_model(tmp_path / "taught", tasks=["text", "footage"], effects=["fire", "smoke"])

    def warnings(prompt: str, **changes) -> list[str]:
        task = make_task(tmp_path / prompt.replace(" ", "-"), taught, prompt=prompt, steps=1, **changes)
        return [report.warning for report in run(generator, task) if isinstance(report, Warned)]

    assert warnings("orange smoke") == []
    (warning,) = warnings("orange car")
    assert "'car'" in warning and "It knows fire, smoke;" in warning
    movie = write_movie(tmp_path / "footage.mkv", np.zeros((5, 32, 32, 3), np.uint8))
    assert warnings("a car drives", footage=movie) == [], "footage shows by itself what it is"
