"""The worker process with the real model: its channels, its greeting, its memory, its end."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from server.launch import module_environment
from server.workers.engine import EngineState
from server.workers.local import LocalEngine
from server.workers.messages import Finished, Load


def test_what_libraries_print_does_not_reach_the_protocol() -> None:
    program = (
        "import os, subprocess, sys\n"
        "from server.workers.outbox import claim_stdout\n"
        "reports = claim_stdout()\n"
        "print('noise from Python', flush=True)\n"
        "os.write(1, b'noise from C\\n')\n"
        "subprocess.run([sys.executable, '-c', 'print(\"noise from a child\")'])\n"
        "reports.write(b'a report\\n')\n"
        "reports.flush()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=module_environment(), check=True)

    assert done.stdout == b"a report\n"
    assert done.stderr.decode().split("\n")[:3] == ["noise from Python", "noise from C", "noise from a child"]


def test_the_worker_ends_when_the_server_has_gone() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "server.workers.process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=module_environment(),
    )
    assert worker.stdin is not None
    worker.stdin.close()

    assert worker.wait(20) == 0


def test_a_gpu_that_is_not_there_is_said_before_anything_else() -> None:
    environment = {**module_environment(), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "server.workers.process", "--device", "cuda:3"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as worker:
        assert worker.stdout is not None
        (line,) = worker.stdout.readlines()

    report = json.loads(line)
    assert (report["type"], report["code"]) == ("unusable", "no_gpu")
    assert "'cuda:3'" in report["message"]


def test_a_device_that_does_not_exist_is_refused() -> None:
    command = [sys.executable, "-m", "server.workers.process", "--device", "abacus"]
    done = subprocess.run(command, capture_output=True, env=module_environment(), timeout=60)

    assert done.returncode == 2
    assert b"'abacus' is no device" in done.stderr


def test_loading_and_unloading_a_model_gives_all_its_memory_back(tiny_model_folder: Path, tmp_path: Path) -> None:
    # Of all the processes that this one has started, since unloading ends one of them.
    def used_by_workers() -> int:
        return sum(child.memory_info().rss for child in psutil.Process().children(recursive=True))

    async def scene() -> None:
        engine = LocalEngine(device="cpu")
        before = used_by_workers()
        try:
            load = Load(job="load", model_folder=tiny_model_folder, data_folder=tmp_path)
            assert [report async for report in engine.load(load)][-1] == Finished(job="load")
            assert engine.loaded_model == "tiny"
            assert (engine.device, bool(engine.device_name)) == ("cpu", True)
            assert engine.memory is not None
            assert engine.memory.used_bytes == pytest.approx(used_by_workers() - before, rel=0.2)
            await engine.unload()
            assert used_by_workers() - before < 20_000_000
            assert (engine.state, engine.loaded_model) == (EngineState.STOPPED, None)
        finally:
            await engine.stop()

    asyncio.run(scene())
