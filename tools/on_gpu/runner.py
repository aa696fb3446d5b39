"""Runs stages one after the other, each in a process of its own and within its time, and keeps what they say.

The results' folder holds results.json, run.log and bench.json; the same folder given again runs what has not succeeded.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages import Stage

ROOT = Path(__file__).resolve().parents[2]
# A stage that is out of time gets this long to write what it has.
_GRACE_SECONDS = 5.0
# With less than this left, a stage is not begun: it could not even import torch.
_LEAST_SECONDS = 15.0


def run(stages: Sequence[Stage], out: Path, *, seconds: float, rehearse: bool) -> int:
    """Run stages that have not succeeded before.

    Args:
        stages: in order.
        out: folder for the results; made where it is missing.
        seconds: time for all of them.
        rehearse: run on the CPU with tiny sizes.

    Returns:
        0 where every stage has succeeded, else 1.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / "results.json"
    results: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    deadline = time.monotonic() + seconds
    for stage in stages:
        left = deadline - time.monotonic()
        if results.get(stage.name, {}).get("status") == "done":
            continue
        if left < _LEAST_SECONDS:
            results.setdefault(stage.name, {"status": "no time left"})
        else:
            print(f"{stage.name}: {min(stage.seconds, left):.0f} s at most", flush=True)
            results[stage.name] = _run_stage(stage, out, min(stage.seconds, left), rehearse=rehearse)
            print(f"{stage.name}: {results[stage.name]['status']}, {results[stage.name]['seconds']} s", flush=True)
        _save(results, path)
    return int(any(results[stage.name]["status"] != "done" for stage in stages))


def _run_stage(stage: Stage, out: Path, seconds: float, *, rehearse: bool) -> dict[str, Any]:
    """Run one stage; return its status, time, exit status and what it measured, whether or not it came to its end."""
    with tempfile.TemporaryDirectory() as folder, (out / "run.log").open("a", encoding="utf-8") as log:
        measured = Path(folder) / "measured.json"
        template = stage.rehearsal if rehearse and stage.rehearsal else stage.command
        words = {
            "json": measured,
            "out": out,
            # The program's own budget ends before it is stopped; torch takes a while to end its compilers.
            "seconds": max(seconds - 25, 5),
            "rehearse": "--rehearse" if rehearse else "",
        }
        command = [sys.executable, *(part.format(**words) for part in template.split())]
        command = [part for part in command if part]
        log.write(f"\n==== {stage.name}: {' '.join(command[1:])}\n")
        log.flush()
        started = time.monotonic()
        process = subprocess.Popen(
            command, cwd=ROOT, env=_environment(rehearse), stdout=log, stderr=log, start_new_session=True
        )
        try:
            status, code = "", process.wait(seconds)
        except subprocess.TimeoutExpired:
            status, code = "out of time", _stop(process)
        result: dict[str, Any] = {
            "status": status or ("done" if code in stage.ok else "failed"),
            "seconds": round(time.monotonic() - started, 1),
            "exit": code,
        }
        if measured.exists():
            result["measured"] = json.loads(measured.read_text("utf-8"))
        return result


def _environment(rehearse: bool) -> dict[str, str]:
    paths = [str(ROOT / ".gpu" / "site"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSPIXAR_TEST_DEVICE": "cpu" if rehearse else "cuda",
    }


def _stop(process: subprocess.Popen[bytes]) -> int:
    """End a stage and all that it started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        os.killpg(process.pid, number)
        try:
            return process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    return process.wait()


def _save(results: dict[str, Any], path: Path) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    partial.replace(path)
