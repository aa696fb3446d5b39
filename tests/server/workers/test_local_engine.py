"""The engine with real child processes that behave as workers must not."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from server.workers.engine import EngineState, WorkerDied
from server.workers.local import LocalEngine
from server.workers.messages import Cancelled, Generate, Phase, Report
from tests.server.jobs.small_requests import REQUEST

# The start of every worker below: `tell` writes a report about the job that came first.
WORKER = """
import json, sys, time
def command():
    line = sys.stdin.readline()
    return json.loads(line) if line else sys.exit(0)
def tell(type, **fields):
    print(json.dumps({"type": type, "job": job, **fields}), flush=True)
while True:
    job = command()["job"]
    tell("phase", phase="loading")
"""
OBEYS = WORKER + "    command(); tell('cancelled')\n"
DIES = WORKER + "    sys.exit(3)\n"
TALKS_NONSENSE = WORKER + "    print('Loading pipeline components', flush=True); time.sleep(60)\n"
TALKS_WITHOUT_END = WORKER + "    print('x' * (1 << 21), flush=True); time.sleep(60)\n"
SPEAKS_OF_ANOTHER_JOB = WORKER + "    job = 'other'; tell('step', step=1, of=20); time.sleep(60)\n"
HANGS = WORKER + "    time.sleep(60)\n"


def task(job: str) -> Generate:
    return Generate(job=job, request=REQUEST, model_folder=Path("m"), clips_folder=Path("c"), preview_file=Path("p"))


async def reports_of(engine: LocalEngine, job: str) -> list[Report]:
    return [report async for report in engine.run(task(job))]


def play(worker: str, scene: Callable[[LocalEngine], Awaitable[None]]) -> None:
    async def whole() -> None:
        engine = LocalEngine([sys.executable, "-c", worker])
        try:
            await asyncio.wait_for(scene(engine), 20)
        finally:
            await engine.stop()
        assert engine.state is EngineState.STOPPED

    asyncio.run(whole())


def test_a_cancel_is_answered_and_the_worker_stays() -> None:
    async def scene(engine: LocalEngine) -> None:
        pids = set()
        for job in ("1", "2"):
            async for report in engine.run(task(job)):
                assert engine.state is EngineState.BUSY
                pids.add(engine.pid)
                if isinstance(report, Phase):
                    engine.cancel("another job")
                    engine.cancel(job)
            assert report == Cancelled(job=job)
            assert engine.state is EngineState.IDLE
        assert len(pids) == 1

    play(OBEYS, scene)


def test_a_cancel_that_comes_before_the_worker_is_up_is_not_lost() -> None:
    async def scene(engine: LocalEngine) -> None:
        reports = asyncio.create_task(reports_of(engine, "1"))
        await asyncio.sleep(0)
        engine.cancel("1")
        assert (await reports)[-1] == Cancelled(job="1")

    play(OBEYS, scene)


@pytest.mark.parametrize(
    ("worker", "reason"),
    [
        (DIES, "ended with status 3"),
        (TALKS_NONSENSE, "not a message"),
        (TALKS_WITHOUT_END, "limit"),
        (SPEAKS_OF_ANOTHER_JOB, "does not have"),
    ],
    ids=["dies", "nonsense", "endless line", "another job"],
)
def test_a_worker_that_misbehaves_is_gone_and_the_next_job_gets_a_new_one(worker: str, reason: str) -> None:
    async def scene(engine: LocalEngine) -> None:
        await engine.start()
        first = engine.pid
        with pytest.raises(WorkerDied, match=reason):
            await reports_of(engine, "1")
        seen = []
        with pytest.raises(WorkerDied, match=reason):
            async for report in engine.run(task("2")):
                seen.append(report)
                assert engine.pid != first
        assert Phase(job="2", phase="loading") in seen

    play(worker, scene)


def test_a_killed_worker_is_replaced() -> None:
    async def scene(engine: LocalEngine) -> None:
        with pytest.raises(WorkerDied):
            async for _ in engine.run(task("1")):
                engine.kill()
        stream = engine.run(task("2"))
        assert await anext(stream) == Phase(job="2", phase="loading")
        await stream.aclose()

    play(HANGS, scene)


def test_a_worker_that_does_not_go_is_made_to() -> None:
    async def scene(engine: LocalEngine) -> None:
        stream = engine.run(task("1"))
        await anext(stream)
        await stream.aclose()

    play(HANGS, scene)


def test_a_worker_that_cannot_be_started_says_so() -> None:
    async def scene() -> None:
        with pytest.raises(WorkerDied, match="cannot be started"):
            await reports_of(LocalEngine(["no-such-program-anywhere"]), "1")

    asyncio.run(scene())
