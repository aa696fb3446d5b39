"""Logs go to standard error, with the job that a line is about; standard output is for machine-readable lines."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar

_FORMAT = "%(asctime)s %(levelname)s %(name)s%(job)s: %(message)s"
_job_id: ContextVar[str | None] = ContextVar("job_id", default=None)


def about_job(job_id: str) -> None:
    """Mark what is logged from here on in this task, a call of the API for example, with a job."""
    _job_id.set(job_id)


def log_to_stderr() -> None:
    """Set up logging for a program of this package."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_add_job)
    logging.basicConfig(handlers=[handler], level=logging.INFO, format=_FORMAT, force=True)


def _add_job(record: logging.LogRecord) -> bool:
    job_id = _job_id.get()
    # What is about a job alone names it by itself.
    record.job = f" [job {job_id}]" if job_id and job_id not in record.getMessage() else ""
    return True
