"""What the doctor says about models: there, missing, too large, broken."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from server.doctor.finding import Finding, Level, verdict
from server.doctor.models import Models, duration
from server.models import ModelRegistry
from server.models.places import ModelPlaces
from tests.server.transpixar.full_size import COGVIDEOX_5B


def models_of(*folders: Path, places: Path, free_bytes: int = 10**12, rate: float = 1e12) -> Models:
    registry = ModelRegistry(folders)
    return Models(registry, ModelPlaces(places), on_gpu=False, free_bytes=free_bytes, measure_rate=lambda: rate)


def findings_of(models: Models) -> dict[str, Finding]:
    return {finding.about: finding for finding in models.check()}


def test_a_model_that_is_there(tiny_model_folder, tmp_path):
    findings = findings_of(models_of(tiny_model_folder, places=tmp_path))
    found = findings["Model tiny"]
    assert verdict(findings.values())[0]
    assert found.level is Level.OK
    assert found.facts["plan"] == "resident"
    assert found.facts["predicted_peak_bytes"] > 0


def test_a_machine_half_as_fast_takes_twice_as_long(tiny_model_folder, tmp_path):
    seconds = [
        findings_of(models_of(tiny_model_folder, places=tmp_path, rate=rate))["Model tiny"].facts["about_seconds"]
        for rate in (1e9, 2e9)
    ]
    assert seconds[0] == pytest.approx(2 * seconds[1])


def test_no_model(tmp_path):
    findings = findings_of(models_of(places=tmp_path))
    assert findings["Models"].prevents_clips
    assert not verdict(findings.values())[0]


def test_a_model_whose_clips_do_not_fit(tiny_model_folder, tmp_path):
    findings = findings_of(models_of(tiny_model_folder, places=tmp_path, free_bytes=1000))
    assert "does not fit" in findings["Model tiny"].said
    assert findings["Models"].prevents_clips


def test_a_broken_model_beside_a_good_one(tiny_model_folder, tmp_path):
    broken = shutil.copytree(tiny_model_folder, tmp_path / "broken")
    description = json.loads((broken / "transpixar.json").read_text())
    (broken / "transpixar.json").write_text(json.dumps(description | {"name": "broken"}))
    (broken / "rgba_lora.safetensors").write_bytes(b"not weights")

    findings = findings_of(models_of(broken, tiny_model_folder, places=tmp_path))

    assert findings["Model broken"].level is Level.PROBLEM
    assert "safetensors" in findings["Model broken"].said
    assert verdict(findings.values())[0]


def test_a_model_that_is_still_on_the_hub(tiny_model_folder, tmp_path):
    folder = tmp_path / "full"
    folder.mkdir()
    description = json.loads((tiny_model_folder / "transpixar.json").read_text())
    description |= {
        "name": "full",
        "base": {"repo": "someone/base", "approximate_bytes": 21_000_000_000},
        "rgba_lora": {"repo": "someone/lora", "file": "a.safetensors", "lora_alpha": 1.0, "approximate_bytes": 10**9},
    }
    (folder / "transpixar.json").write_text(json.dumps(description))

    models = models_of(tiny_model_folder, folder, places=tmp_path)
    found = findings_of(models)["Model full"]

    assert found.level is Level.NOTE
    assert "Not downloaded (22.0 GB)." in found.said
    assert "models download full" in str(found.advice)
    assert models.missing_bytes == {"full": 22_000_000_000}


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.01, "1 s"), (59.6, "60 s"), (124, "2 minutes"), (7200, "2 hours"), (10**6, "12 days")]
)
def test_durations_are_rough(seconds, said):
    assert duration(seconds) == said


def test_main_memory_counts_as_the_worker_counts_it(tiny_model_folder, tmp_path, monkeypatch):
    """On a GPU that a clip fits only with weights in main memory, that memory is looked at too."""
    full = replace(COGVIDEOX_5B, transformer={**COGVIDEOX_5B.transformer, "max_text_seq_length": 226})
    monkeypatch.setattr("server.transpixar.memory.ModelMemory.from_folder", lambda *_, **__: full)
    on_gpu = replace(models_of(tiny_model_folder, places=tmp_path), on_gpu=True, free_bytes=12 * 10**9)
    ready = findings_of(replace(on_gpu, host_free_bytes=16 * 10**9))["Model tiny"]
    assert ready.level is Level.OK
    assert ready.facts["plan"] == "offload"
    assert "and 11.4 GB of main memory." in ready.said
    short = findings_of(replace(on_gpu, host_free_bytes=8 * 10**9))["Model tiny"]
    assert short.level is Level.PROBLEM
    assert "which takes 11.4 GB, but 8.0 GB are free" in short.said

    # And where nothing is given, both memories are asked for.
    asked = {"cuda": 12 * 10**9, "cpu": 8 * 10**9}
    monkeypatch.setattr("server.transpixar.planner.available_bytes", lambda device: asked[device])
    assert findings_of(replace(on_gpu, free_bytes=None))["Model tiny"].said == short.said
