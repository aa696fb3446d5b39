"""`tools/on_gpu` keeps what each stage measured, whatever becomes of it, and goes on where it stopped."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

ON_GPU = Path(__file__).parents[2] / "tools" / "on_gpu"


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The tool's own modules, which it imports as a program does: by their bare names."""
    monkeypatch.syspath_prepend(str(ON_GPU))
    import runner

    yield runner
    for name in ("runner", "stages"):
        sys.modules.pop(name, None)


def stage(on_gpu: Any, name: str, script: Path, seconds: float = 60.0) -> Any:
    return on_gpu.Stage(name, f"{script} {{json}} {{rehearse}}", seconds)


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text("import sys, time, pathlib\nout = pathlib.Path(sys.argv[1])\n" + text, "utf-8")
    return path


def read(out: Path) -> dict[str, Any]:
    return json.loads((out / "results.json").read_text("utf-8"))


def test_a_stage_s_measurements_and_words_are_kept(on_gpu: Any, tmp_path: Path) -> None:
    text = "out.write_text('[{\"rate\": 7}]'); print('seven')"
    assert (
        on_gpu.run([stage(on_gpu, "rate", script(tmp_path, "rate", text))], tmp_path / "out", seconds=60, rehearse=True)
        == 0
    )
    assert read(tmp_path / "out")["rate"]["measured"] == [{"rate": 7}]
    assert "seven" in (tmp_path / "out" / "run.log").read_text("utf-8")


def test_a_stage_that_fails_or_is_too_slow_keeps_what_it_has_and_the_next_runs(on_gpu: Any, tmp_path: Path) -> None:
    stages = [
        stage(on_gpu, "fails", script(tmp_path, "fails", "out.write_text('[1]'); sys.exit(4)")),
        stage(on_gpu, "slow", script(tmp_path, "slow", "out.write_text('[2]'); time.sleep(600)"), seconds=2),
        stage(on_gpu, "good", script(tmp_path, "good", "out.write_text('[3]')")),
    ]
    assert on_gpu.run(stages, tmp_path / "out", seconds=60, rehearse=True) == 1
    results = read(tmp_path / "out")
    assert [results[name]["status"] for name in ("fails", "slow", "good")] == ["failed", "out of time", "done"]
    assert [results[name]["measured"] for name in ("fails", "slow", "good")] == [[1], [2], [3]]


def test_the_same_folder_runs_only_what_has_not_succeeded(on_gpu: Any, tmp_path: Path) -> None:
    count = f"log = pathlib.Path({str(tmp_path / 'count')!r}); log.open('a').write(sys.argv[0][-4]); "
    stages = [
        stage(on_gpu, "a", script(tmp_path, "a", count)),
        stage(
            on_gpu, "b", script(tmp_path, "b", count + f"sys.exit(not pathlib.Path({str(tmp_path / 'ok')!r}).exists())")
        ),
    ]
    assert on_gpu.run(stages, tmp_path / "out", seconds=60, rehearse=True) == 1
    (tmp_path / "ok").touch()
    assert on_gpu.run(stages, tmp_path / "out", seconds=60, rehearse=True) == 0
    assert (tmp_path / "count").read_text() == "abb"


def test_no_stage_begins_without_time(on_gpu: Any, tmp_path: Path) -> None:
    late = stage(on_gpu, "late", script(tmp_path, "late", "raise SystemExit('must not run')"))
    assert on_gpu.run([late], tmp_path / "out", seconds=1, rehearse=True) == 1
    assert read(tmp_path / "out")["late"] == {"status": "no time left"}
