"""The loop of the worker process, over real pipes, with a generator that does what the test says."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server.launch import module_environment
from server.workers.messages import Cancel, Command, Generate, Load
from tests.server.jobs.small_requests import REQUEST

# The worker of these tests: its generator reads what to do from the prompt.
PROGRAM = """
import time
from server.jobs.job import JobError
from server.workers.messages import Hello, Memory, Step
from server.workers.process import open_channels
from server.workers.worker import Worker

class Stopped(Exception):
    pass

class Generator:
    loaded_model = None

    def generate(self, task, report, should_stop):
        self.loaded_model = "first"
        match task.request.prompt:
            case "fail":
                raise ValueError("it went wrong")
            case "too large":
                raise MemoryError
            case "until cancelled":
                report(Step(job=task.job, clip=1, step=1))
                while not should_stop():
                    time.sleep(0.001)
                raise Stopped
            case "compute":
                report(Step(job=task.job, clip=1, step=1))
                deadline = time.monotonic() + 0.5
                while time.monotonic() < deadline:
                    sum(range(1000))
                report(Step(job=task.job, clip=1, step=2))

    def load(self, task, report, should_stop):
        self.loaded_model = "second"

    def unload(self):
        self.loaded_model = None

def explain(error):
    if isinstance(error, Stopped):
        return None
    return JobError(code="out_of_memory" if isinstance(error, MemoryError) else "model_failed", message=str(error))

inbox, outbox = open_channels()
worker = Worker(inbox, outbox, Generator(), explain, lambda: Memory(used_bytes=1, total_bytes=2))
worker.run(Hello(device="cpu", device_name="a processor", versions={}), heartbeat=HEARTBEAT)
"""

Report = dict[str, Any]


class Conversation:
    """A worker process, and what it says."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def tell(self, *commands: Command) -> None:
        assert self._process.stdin is not None
        for command in commands:
            self._process.stdin.write(command.to_line())
        self._process.stdin.flush()

    def hear(self, kind: str) -> list[Report]:
        """The reports up to the next one of this type."""
        assert self._process.stdout is not None
        heard: list[Report] = []
        while not heard or heard[-1]["type"] != kind:
            heard.append(json.loads(self._process.stdout.readline()))
        return heard


@contextmanager
def worker(heartbeat: float = 600) -> Iterator[Conversation]:
    program = PROGRAM.replace("HEARTBEAT", str(heartbeat))
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=module_environment()
    )
    killer = threading.Timer(30, process.kill)
    killer.start()
    try:
        conversation = Conversation(process)
        assert [report["type"] for report in conversation.hear("heartbeat")] == ["hello", "heartbeat"]
        yield conversation
    finally:
        killer.cancel()
        process.communicate()
    assert process.returncode == 0


def generate(job: str, prompt: str) -> Generate:
    return Generate(
        job=job,
        request=REQUEST.model_copy(update={"prompt": prompt}),
        model_folder=Path("m"),
        data_folder=Path("h"),
        clips_folder=Path("c"),
        preview_file=Path("p"),
    )


def test_commands_are_done_one_after_the_other_and_each_ends_with_the_memory_and_a_result() -> None:
    with worker() as its:
        its.tell(
            generate("1", "work"), generate("2", "fail"), Load(job="3", model_folder=Path("m"), data_folder=Path("h"))
        )
        assert its.hear("finished") == [
            {"type": "heartbeat", "loaded_model": "first", "memory": {"used_bytes": 1, "total_bytes": 2}},
            {"type": "finished", "job": "1"},
        ]
        *_, failed = its.hear("failed")
        assert failed["error"] == {"code": "model_failed", "message": "it went wrong", "field": None}
        pulse, finished = its.hear("finished")
        assert (pulse["loaded_model"], finished["job"]) == ("second", "3")


def test_without_memory_the_model_is_dropped_before_anybody_hears_of_it() -> None:
    with worker() as its:
        its.tell(generate("1", "too large"))
        pulse, failed = its.hear("failed")
        assert (pulse["loaded_model"], failed["error"]["code"]) == (None, "out_of_memory")


def test_a_cancel_stops_its_job_and_no_other() -> None:
    with worker() as its:
        its.tell(generate("1", "until cancelled"))
        its.hear("step")
        its.tell(Cancel(job="2"), Cancel(job="1"))
        assert its.hear("cancelled")[-1]["job"] == "1"
        its.tell(generate("1", "work"))
        assert its.hear("finished")[-1]["job"] == "1"


def test_a_job_that_is_cancelled_before_it_begins_is_stopped() -> None:
    with worker() as its:
        its.tell(generate("1", "until cancelled"), generate("2", "until cancelled"), Cancel(job="2"), Cancel(job="1"))
        assert its.hear("cancelled")[-1]["job"] == "1"
        assert its.hear("cancelled")[-1]["job"] == "2"


def test_the_heart_beats_while_the_main_thread_is_at_work() -> None:
    with worker(heartbeat=0.01) as its:
        its.tell(generate("1", "compute"))
        its.hear("step")
        assert "heartbeat" in [report["type"] for report in its.hear("step")]


def test_lines_of_several_threads_stay_whole() -> None:
    with worker(heartbeat=0.0005) as its:
        for number in range(200):
            its.tell(generate(str(number), "work"))
        for number in range(200):
            assert its.hear("finished")[-1]["job"] == str(number)


def test_it_ends_at_a_line_that_is_no_command() -> None:
    with worker() as its:
        stdin = its._process.stdin
        assert stdin is not None
        os.write(stdin.fileno(), b"GET / HTTP/1.1\n")
