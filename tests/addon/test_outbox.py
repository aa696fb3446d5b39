import os
import threading

import pytest

from blender_transpixar.core.outbox import Outbox
from blender_transpixar.core.protocol import ClipReady, Done, Downloading, JobChanged, Message, decode


class SlowReader:
    """A stream that takes nothing until it is told to, as the pipe to a Blender that renders."""

    def __init__(self) -> None:
        self.offered = threading.Event()
        self.reads = threading.Event()
        self.lines: list[Message] = []

    def write(self, line: bytes) -> None:
        self.offered.set()
        assert self.reads.wait(30)
        self.lines.append(decode(line))

    def flush(self) -> None:
        pass


def test_a_blender_that_does_not_read_finds_the_newest_of_each_kind_and_nothing_missing():
    stream = SlowReader()
    outbox = Outbox(stream)
    outbox.put(JobChanged(1, {"sequence": 0}))
    assert stream.offered.wait(30), "the first is on its way: it cannot be taken back"
    for sequence in range(1, 1000):
        outbox.put(JobChanged(1, {"sequence": sequence}))
        outbox.put(JobChanged(2, {"sequence": sequence}))
        outbox.put(Downloading(1, sequence, 1000))
    outbox.put(ClipReady(1, "a", 1))
    outbox.put(ClipReady(1, "b", 2))
    outbox.put(Done(1))
    stream.reads.set()
    outbox.close(30)
    assert stream.lines == [
        JobChanged(1, {"sequence": 0}),
        JobChanged(1, {"sequence": 999}),
        JobChanged(2, {"sequence": 999}),
        Downloading(1, 999, 1000),
        ClipReady(1, "a", 1),
        ClipReady(1, "b", 2),
        Done(1),
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_a_blender_that_is_gone_stops_nobody(count: int):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as stream:
        outbox = Outbox(stream)
        for _ in range(count):
            outbox.put(Done(1))
        outbox.close(30)
