"""Logs go to standard error; standard output belongs to machine-readable lines."""

from __future__ import annotations

import logging
import sys


def log_to_stderr() -> None:
    """Set up logging for a program of this package."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
