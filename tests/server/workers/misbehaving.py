"""A worker program that behaves as its argument says: `python misbehaving.py BEHAVIOUR`. Standard library only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

FOR_EVER = 600.0


def say(kind: str, **fields: Any) -> None:
    os.write(1, json.dumps({"type": kind, **fields}).encode() + b"\n")


def hello() -> None:
    say("hello", device="cpu", device_name="a processor", versions={"torch": "1"})


def beat_for_ever() -> None:
    def beat() -> None:
        while True:
            say("heartbeat", loaded_model="tiny", memory={"used_bytes": 1, "total_bytes": 2})
            time.sleep(0.05)

    threading.Thread(target=beat, daemon=True).start()


def command() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        os._exit(0)
    received: dict[str, Any] = json.loads(line)
    return received


def begin() -> str:
    """Wait for a job and begin it."""
    job: str = command()["job"]
    say("phase", job=job, phase="loading")
    return job


def works() -> None:
    say("finished", job=begin())


def obeys() -> None:
    job = begin()
    command()
    say("cancelled", job=job)


def exits() -> None:
    begin()
    os._exit(3)


def is_killed() -> None:
    begin()
    os.kill(os.getpid(), 9)


def stays() -> None:
    """Does not do what it is told, and neither ends when its stdin does."""
    begin()
    time.sleep(FOR_EVER)


def talks_nonsense() -> None:
    begin()
    os.write(1, b"Loading pipeline components\n")
    time.sleep(FOR_EVER)


def talks_in_one_line() -> None:
    begin()
    while True:
        os.write(1, b"x" * 4096)


def talks_of_another_job() -> None:
    begin()
    say("step", job="another", clip=1, step=1)
    time.sleep(FOR_EVER)


def talks_without_a_job() -> None:
    say("finished", job=begin())
    say("step", job="another", clip=1, step=1)
    time.sleep(FOR_EVER)


def floods_reports() -> None:
    job = begin()
    while True:
        say("step", job=job, clip=1, step=1)


def floods_log() -> None:
    job = begin()
    for number in range(50_000):
        os.write(2, b"ERROR line %d\n" % number)
    os.write(2, b"x" * (1 << 22))
    say("finished", job=job)


def closes_stdout() -> None:
    begin()
    os.close(1)
    time.sleep(FOR_EVER)


def leaves_a_child() -> None:
    """Its child holds its pipes, as a program for videos would."""
    begin()
    subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({FOR_EVER})"])
    os._exit(3)


def greet_and(behave: Callable[[], None]) -> None:
    hello()
    beat_for_ever()
    while True:
        behave()


def falls_silent() -> None:
    hello()
    begin()
    time.sleep(FOR_EVER)


def never_greets() -> None:
    time.sleep(FOR_EVER)


def does_not_greet_first() -> None:
    say("heartbeat")
    time.sleep(FOR_EVER)


def is_unusable() -> None:
    say("unusable", code="no_gpu", message="There is no GPU.")


def ends_at_once() -> None:
    os.write(2, b"ImportError: no such library\n")
    os._exit(1)


if __name__ == "__main__":
    behaviour = globals()[sys.argv[1]]
    if behaviour in (falls_silent, never_greets, does_not_greet_first, is_unusable, ends_at_once):
        behaviour()
    else:
        greet_and(behaviour)
