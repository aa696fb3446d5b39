"""The worker protocol: one JSON object a line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.jobs.job import JobError
from server.workers.messages import (
    Cancel,
    Failed,
    Heartbeat,
    Load,
    Memory,
    ProtocolError,
    Step,
    read_command,
    read_report,
)

TEXT = st.text(st.characters(codec="utf-8"))


@given(TEXT, TEXT)
def test_any_text_survives_and_stays_on_one_line(job: str, message: str) -> None:
    sent = Failed(job=job, error=JobError(code="model_failed", message=message))
    line = sent.to_line()

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read_report(line) == sent


@given(TEXT, st.integers(0, 100), st.none() | st.floats(0, 1e6))
def test_reports_survive(job: str, step: int, eta: float | None) -> None:
    report = Step(job=job, clip=1, step=step, eta_seconds=eta)
    assert read_report(report.to_line()) == report


@given(st.none() | TEXT, st.none() | st.builds(Memory, used_bytes=st.integers(0), total_bytes=st.integers(0)))
def test_heartbeats_survive(model: str | None, memory: Memory | None) -> None:
    heartbeat = Heartbeat(loaded_model=model, memory=memory)
    assert read_report(heartbeat.to_line()) == heartbeat


def test_commands_survive() -> None:
    folder = Path("models") / "a model"
    load = Load(job="1", model_folder=folder, data_folder=Path("hub"))
    assert read_command(load.to_line()) == load
    assert read_command(Cancel(job="1").to_line()) == Cancel(job="1")


@pytest.mark.parametrize("line", [b"", b"\n", b"Loading pipeline...\n", b"{}\n", b'{"type": "nothing", "job": "1"}\n'])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_report(line)


def test_a_report_is_no_command() -> None:
    with pytest.raises(ProtocolError):
        read_command(Step(job="1", clip=1, step=1).to_line())
