"""`python -m server bench`, as a person runs it."""

import json
import subprocess
import sys

import pytest
import torch

from server.bench.command import main
from server.bench.workload import Workload
from server.launch import module_environment

# What a borrowed machine does not have.
WITHOUT_THE_SERVER = """
import runpy, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"pydantic", "pydantic_settings", "fastapi", "uvicorn", "platformdirs"}:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Missing())
runpy.run_module("server", run_name="__main__", alter_sys=True)
"""
QUICK = ["--size", "small", "--quick", "--device", "cpu"]
PASSES_ONLY = [*QUICK, "--quality"]


def test_it_runs_without_the_web_framework(tmp_path):
    out = tmp_path / "out.json"
    command = [sys.executable, "-c", WITHOUT_THE_SERVER, "bench", *QUICK, "--json", str(out)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=180, env=module_environment() | {"OMP_NUM_THREADS": "1"}
    )

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    document = json.loads(out.read_text())
    rows = {(row["phase"], row["variant"]): row for row in document["rows"]}
    assert set(rows) == {
        *((phase, variant) for phase in ("pass", "pair") for variant in ("plain", "exact")),
        ("decode both", "exact"),
        ("decode alpha", "exact"),
        *(("step", quality) for quality in ("exact", "balanced", "fast")),
    }
    assert all(row["median_seconds"] > 0 and row["times_floor"] > 0 for row in rows.values())
    assert document["machine"]["torch"] == torch.__version__
    assert document["runs"][0]["agreement"] < 1e-4
    assert document["summary"]["predicted_clips"].keys() == {"plain", "exact"}
    for row in rows.values():
        assert f"| {row['phase']} | {row['variant']} |" in done.stdout


def test_a_second_run_measures_nothing_again(tmp_path, capsys):
    out = tmp_path / "out.json"
    assert main([*PASSES_ONLY, "--json", str(out)]) == 0
    before = json.loads(out.read_text())["rows"]
    assert main([*PASSES_ONLY, "--json", str(out)]) == 0
    assert [row["seconds"] for row in json.loads(out.read_text())["rows"]] == [row["seconds"] for row in before]


def test_a_spent_budget_keeps_what_is_measured_and_the_next_run_goes_on(tmp_path, capsys):
    out = tmp_path / "out.json"
    assert main([*PASSES_ONLY, "--json", str(out), "--budget-seconds", "1e-9"]) == 3
    assert "run the same command again" in capsys.readouterr().err
    assert not any(row["seconds"] for row in json.loads(out.read_text())["rows"])

    assert main([*PASSES_ONLY, "--json", str(out)]) == 0
    assert all(row["seconds"] for row in json.loads(out.read_text())["rows"])


def test_a_baseline_that_does_not_fit_is_a_row(monkeypatch, tmp_path, capsys):
    forward = Workload.forward

    def full(self, batch):
        if type(self.transformer.transformer_blocks[0].attn1.processor).__name__ == "PlainAttnProcessor":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.32 GiB.")
        return forward(self, batch)

    monkeypatch.setattr(Workload, "forward", full)
    assert main([*PASSES_ONLY, "--json", str(tmp_path / "out.json")]) == 0
    said = capsys.readouterr().out
    assert "| pair | plain | did not fit" in said
    rows = {(row["phase"], row["variant"]): row for row in json.loads((tmp_path / "out.json").read_text())["rows"]}
    assert rows["pair", "plain"]["problem"]
    assert rows["pair", "exact"]["seconds"]


def test_an_attention_backend_that_is_not_there_is_a_row(capsys):
    assert main([*PASSES_ONLY, "--no-baseline", "--attention", "flash", "--attention", "_native_math"]) == 0
    said = capsys.readouterr().out
    assert "| pass | exact@flash | the backend is not usable here" in said
    assert "| exact@_native_math |" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--device", "cuda:7"], "--device cpu"),
        (["--device", "toaster"], "use auto, cpu"),
        (["--size", "full", "--device", "cpu"], "use --size small"),
        (["--size", "small", "--device", "cpu", "--width", "65"], "use 64"),
        (["--size", "small", "--device", "cpu", "--frames", "8"], "use 5"),
        ([*QUICK, "--attention", "best"], "no attention backend"),
        ([*QUICK, "--plan", "tiny"], "memory plan"),
    ],
)
def test_what_cannot_be_done_is_said(options, said, capsys):
    assert main(options) == 2
    assert said in capsys.readouterr().err
