"""The engine with real child processes, most of which behave as workers must not."""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from server.workers.child import Patience
from server.workers.engine import EngineState, WorkerDied, WorkerUnusable
from server.workers.local import LocalEngine
from server.workers.messages import Cancelled, Finished, Generate, Load, Phase, Report
from server.workers.restarts import RestartPolicy
from tests.server.jobs.small_requests import REQUEST

PROGRAM = Path(__file__).with_name("misbehaving.py")
PATIENT = Patience(start=30, silence=30, stop=0.5)
IMPATIENT = Patience(start=0.5, silence=0.5, stop=0.5)
# Dies as often as it likes, and is back at once.
FORGIVING = RestartPolicy(first_delay=0.01, longest_delay=0.01, deaths=1000)

Scene = Callable[[LocalEngine], Awaitable[None]]


def task(job: str) -> Generate:
    return Generate(
        job=job,
        request=REQUEST,
        model_folder=Path("m"),
        data_folder=Path("h"),
        clips_folder=Path("c"),
        preview_file=Path("p"),
    )


async def reports_of(engine: LocalEngine, job: str) -> list[Report]:
    return [report async for report in engine.run(task(job))]


def play(
    behaviour: str, scene: Scene, patience: Patience = PATIENT, restarts: RestartPolicy = FORGIVING
) -> list[EngineState]:
    """Play a scene with an engine whose workers behave so. Returns the states that the engine has gone through."""
    states = [EngineState.STOPPED]

    async def whole() -> None:
        def note_state() -> None:
            if engine.state is not states[-1]:
                states.append(engine.state)

        command = [sys.executable, str(PROGRAM), behaviour]
        engine = LocalEngine(command, patience=patience, restarts=restarts, on_change=note_state)
        try:
            await asyncio.wait_for(scene(engine), 30)
        finally:
            pid = engine.pid
            await engine.stop()
        assert engine.state is EngineState.STOPPED
        assert engine.pid is None
        assert pid is None or not psutil.pid_exists(pid)

    asyncio.run(whole())
    return states


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_a_worker_starts_works_and_stops() -> None:
    async def scene(engine: LocalEngine) -> None:
        assert (engine.device, engine.device_name, engine.pid) == ("auto", None, None)
        await engine.start()
        assert (engine.device, engine.device_name) == ("cpu", "a processor")
        assert engine.versions == {"torch": "1"}
        assert await reports_of(engine, "1") == [Phase(job="1", phase="loading"), Finished(job="1")]
        assert [report async for report in engine.load(load("2"))][-1] == Finished(job="2")
        await until(lambda: engine.loaded_model == "tiny")
        assert engine.memory is not None
        assert engine.restarts == 0

    starting, idle, busy = EngineState.STARTING, EngineState.IDLE, EngineState.BUSY
    assert play("works", scene) == [EngineState.STOPPED, starting, idle, busy, idle, busy, idle, EngineState.STOPPED]


def load(job: str) -> Load:
    return Load(job=job, model_folder=Path("m"), data_folder=Path("h"))


def test_a_cancel_is_answered_and_the_worker_stays() -> None:
    async def scene(engine: LocalEngine) -> None:
        pids = set()
        for job in ("1", "2"):
            async for report in engine.run(task(job)):
                pids.add(engine.pid)
                if isinstance(report, Phase):
                    assert engine.state is EngineState.BUSY
                    engine.cancel("another job")
                    engine.cancel(job)
            assert report == Cancelled(job=job)
            assert engine.state is EngineState.IDLE
        assert len(pids) == 1

    play("obeys", scene)


def test_a_job_that_is_cancelled_while_the_worker_starts_never_reaches_it() -> None:
    async def scene(engine: LocalEngine) -> None:
        reports = asyncio.create_task(reports_of(engine, "1"))
        await asyncio.sleep(0)
        engine.cancel("1")
        assert await reports == [Cancelled(job="1")]
        assert (await reports_of(engine, "2"))[-1] == Finished(job="2")

    play("works", scene)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("exits", "ended with status 3"),
        pytest.param(
            "is_killed", "ended by SIGKILL", marks=pytest.mark.skipif(os.name != "posix", reason="POSIX's signals")
        ),
        ("talks_nonsense", "not a message"),
        ("talks_in_one_line", "broke the protocol"),
        ("talks_of_another_job", "does not have"),
        ("floods_reports", "flooded"),
        ("closes_stdout", "closed its output"),
        ("leaves_a_child", "ended with status 3"),
    ],
)
def test_a_worker_that_misbehaves_is_gone_and_the_next_job_gets_a_new_one(behaviour: str, reason: str) -> None:
    async def scene(engine: LocalEngine) -> None:
        await engine.start()
        first = engine.pid
        assert first is not None
        with pytest.raises(WorkerDied, match=reason):
            await reports_of(engine, "1")
        # Whoever is told that the worker has died may rely on it.
        assert not psutil.pid_exists(first)
        assert engine.pid != first
        seen = []
        with pytest.raises(WorkerDied, match=reason):
            async for report in engine.run(task("2")):
                seen.append(report)
        assert seen[0] == Phase(job="2", phase="loading")
        assert engine.restarts >= 1

    play(behaviour, scene)


def test_a_worker_that_falls_silent_is_killed() -> None:
    async def scene(engine: LocalEngine) -> None:
        with pytest.raises(WorkerDied, match="no sign of life"):
            await reports_of(engine, "1")

    play("falls_silent", scene, IMPATIENT)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("never_greets", "not ready for 0.5 seconds"),
        ("does_not_greet_first", "first report is of type heartbeat"),
        ("ends_at_once", "ended with status 1"),
    ],
)
def test_a_worker_that_does_not_come_up_is_started_again(behaviour: str, reason: str) -> None:
    async def scene(engine: LocalEngine) -> None:
        with pytest.raises(WorkerDied, match=reason):
            await engine.start()
        await until(lambda: engine.restarts >= 2)
        assert reason in str(engine.reason)

    play(behaviour, scene, IMPATIENT)


def test_a_worker_that_misbehaves_between_two_jobs_is_replaced() -> None:
    async def scene(engine: LocalEngine) -> None:
        assert (await reports_of(engine, "1"))[-1] == Finished(job="1")
        await until(lambda: engine.restarts == 1)
        await engine.wait_until_usable()
        assert (await reports_of(engine, "2"))[-1] == Finished(job="2")

    play("talks_without_a_job", scene)


def test_one_that_dies_again_and_again_is_degraded_and_jobs_wait_until_it_is_back() -> None:
    async def scene(engine: LocalEngine) -> None:
        for job in ("1", "2", "3"):
            with pytest.raises(WorkerDied, match="status 3"):
                await reports_of(engine, job)
        assert engine.state is EngineState.DEGRADED
        assert "3 times" in str(engine.reason)
        with pytest.raises(WorkerDied, match="3 times"):
            await reports_of(engine, "4")
        await engine.wait_until_usable()
        assert engine.state is EngineState.IDLE
        assert engine.reason is None

    states = play("exits", scene, restarts=RestartPolicy(first_delay=0.01, longest_delay=0.5, deaths=3))
    assert states.index(EngineState.RESTARTING) < states.index(EngineState.DEGRADED)


def test_a_worker_that_cannot_work_here_is_degraded_with_its_own_reason() -> None:
    async def scene(engine: LocalEngine) -> None:
        with pytest.raises(WorkerUnusable, match=r"^There is no GPU\.$") as caught:
            await engine.start()
        assert caught.value.code == "no_gpu"
        assert (engine.state, engine.reason) == (EngineState.DEGRADED, "There is no GPU.")
        with pytest.raises(WorkerUnusable):
            await reports_of(engine, "1")

    play("is_unusable", scene, restarts=RestartPolicy(longest_delay=60))


def test_a_worker_that_cannot_be_started_says_so() -> None:
    async def scene() -> None:
        engine = LocalEngine(["no-such-program-anywhere"])
        with pytest.raises(WorkerDied, match="cannot be started"):
            await engine.start()
        await engine.stop()

    asyncio.run(scene())


def test_a_worker_killed_on_purpose_is_replaced_at_once_and_not_held_against_it() -> None:
    async def scene(engine: LocalEngine) -> None:
        for job in ("1", "2", "3", "4"):
            with pytest.raises(WorkerDied, match="on purpose"):
                async for _ in engine.run(task(job)):
                    engine.kill()
        assert engine.restarts >= 3

    states = play("stays", scene, restarts=RestartPolicy(first_delay=60, deaths=2))
    assert EngineState.DEGRADED not in states


def test_a_job_that_nobody_follows_any_more_ends_with_its_worker() -> None:
    async def scene(engine: LocalEngine) -> None:
        stream = engine.run(task("1"))
        await anext(stream)
        first = engine.pid
        await stream.aclose()
        stream = engine.run(task("2"))
        assert await anext(stream) == Phase(job="2", phase="loading")
        assert engine.pid != first

    play("stays", scene)


def test_stopping_ends_the_job_at_work_and_a_worker_that_does_not_go() -> None:
    async def scene(engine: LocalEngine) -> None:
        stream = engine.run(task("1"))
        await anext(stream)
        stopping = asyncio.create_task(engine.stop())
        with pytest.raises(WorkerDied, match="stopped"):
            await anext(stream)
        await stopping

    play("stays", scene)


def test_unloading_waits_for_the_job_and_ends_the_process_until_the_next_one() -> None:
    async def scene(engine: LocalEngine) -> None:
        stream = engine.run(task("1"))
        await anext(stream)
        pid = engine.pid
        assert pid is not None
        unloading = asyncio.create_task(engine.unload())
        assert (await anext(stream)) == Finished(job="1")
        await unloading
        assert engine.state is EngineState.STOPPED
        assert (engine.loaded_model, engine.memory) == (None, None)
        assert not psutil.pid_exists(pid)
        assert (await reports_of(engine, "2"))[-1] == Finished(job="2")
        assert engine.restarts == 0

    play("works", scene)


def test_a_flood_of_log_lines_neither_blocks_the_worker_nor_fills_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(engine: LocalEngine) -> None:
        assert (await reports_of(engine, "7"))[-1] == Finished(job="7")

    with caplog.at_level(logging.INFO):
        play("floods_log", scene)
    lines = [record for record in caplog.records if record.name == "server.worker"]
    assert 500 <= len(lines) < 5000
    assert lines[0].getMessage() == "job 7: line 0"
    assert lines[0].levelno == logging.ERROR
    assert any("left out" in line.getMessage() for line in lines)
    assert max(len(line.getMessage()) for line in lines) < 3000
