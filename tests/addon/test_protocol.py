import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core.backoff import Backoff
from blender_transpixar.core.pipe import PipeReader
from blender_transpixar.core.protocol import (
    Cancel,
    ClipReady,
    Done,
    Failed,
    Generate,
    Move,
    PreviewReady,
    Reconnecting,
    decode,
    encode,
)

TAGS = st.integers(0, 10**6)
MESSAGES = st.one_of(
    st.builds(
        Generate,
        TAGS,
        st.text(),
        st.dictionaries(st.text(), st.text() | st.integers()),
        st.text(),
        st.text(),
        key=st.text(),
        job=st.none() | st.text(),
        first_frame_file=st.none() | st.text(),
        patient=st.booleans(),
        history=st.none() | st.text(),
    ),
    st.builds(Move, TAGS, st.text()),
    st.builds(ClipReady, TAGS, st.text(), st.integers(1), st.none() | st.integers()),
    st.builds(Done, TAGS),
    st.builds(Cancel, TAGS),
    st.builds(PreviewReady, TAGS, st.text(), st.integers(), st.integers(), st.integers()),
    st.builds(Reconnecting, TAGS, st.floats(0, 10), st.text()),
    st.builds(Failed, TAGS, st.dictionaries(st.text(), st.none() | st.text())),
)


@given(MESSAGES)
def test_every_message_survives_the_pipe_as_one_line(message):
    line = encode(message)
    assert line.count(b"\n") == 1
    assert decode(line) == message


@pytest.mark.parametrize("line", [b"", b"hello", b"[]", b'{"type": "dance", "tag": 1}', b'{"type": "cancel"}'])
def test_other_lines_are_value_errors(line: bytes):
    with pytest.raises(ValueError):
        decode(line)


def test_reading_never_waits_and_half_lines_are_kept():
    code = "import sys; [(sys.stdout.write(w), sys.stdout.flush(), sys.stdin.readline()) for w in ('one\\ntw', 'o\\n')]"
    child = subprocess.Popen([sys.executable, "-c", code], bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with child:
        reader = PipeReader(child.stdout)
        assert reader.lines() == []  # the child has hardly started
        assert read_until(reader, 1) == [b"one"]
        child.stdin.write(b"go on\n")
        assert read_until(reader, 1) == [b"two"]
        assert not reader.closed
        child.stdin.write(b"go on\n")
        while not reader.closed:
            assert reader.lines() == []


def read_until(reader: PipeReader, count: int) -> list[bytes]:
    lines: list[bytes] = []
    while len(lines) < count:
        lines += reader.lines()
        os.sched_yield()
    return lines


def test_backoff_doubles_up_to_eight_seconds_and_gives_up():
    now = [0.0]
    backoff = Backoff(patience_s=60.0, clock=lambda: now[0])
    delays = []
    while (delay := backoff.next_delay()) is not None:
        delays.append(delay)
        now[0] += delay
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0]
    backoff.succeeded()
    assert backoff.next_delay() == 0.5
