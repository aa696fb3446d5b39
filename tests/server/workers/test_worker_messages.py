"""The worker protocol: one JSON object a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.jobs.job import JobError
from server.workers.messages import Cancel, Failed, Phase, ProtocolError, Step, read_command, read_report

TEXT = st.text(st.characters(codec="utf-8"))


@given(TEXT, TEXT)
def test_any_text_survives_and_stays_on_one_line(job: str, message: str) -> None:
    sent = Failed(job=job, error=JobError(code="model_failed", message=message))
    line = sent.to_line()

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read_report(line) == sent


@given(TEXT, st.integers(0, 100), st.sampled_from(["loading", "running", "decoding", "encoding"]))
def test_reports_and_commands_survive(job: str, step: int, phase: str) -> None:
    step_report, phase_report = Step(job=job, step=step, of=100), Phase.model_validate({"job": job, "phase": phase})
    assert read_report(step_report.to_line()) == step_report
    assert read_report(phase_report.to_line()) == phase_report
    assert read_command(Cancel(job=job).to_line()) == Cancel(job=job)


@pytest.mark.parametrize("line", [b"", b"\n", b"Loading pipeline...\n", b"{}\n", b'{"type": "nothing", "job": "1"}\n'])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_report(line)


def test_a_report_is_no_command() -> None:
    with pytest.raises(ProtocolError):
        read_command(Step(job="1", step=1, of=2).to_line())
