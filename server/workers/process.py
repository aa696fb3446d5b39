"""The worker process, `python -m server.workers.process`: commands come on stdin, reports go to stdout.

It ends when its stdin does, so that it never outlives the server.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys

from server.ending import leave_signals_to_parent
from server.environment import hide_secrets
from server.jobs.job import JobError
from server.workers.device import DEVICES, DeviceUnusable, describe_device, hide_other_gpus, memory_probe, torch_device
from server.workers.inbox import Inbox
from server.workers.messages import Hello, Unusable
from server.workers.outbox import Outbox, claim_stdout
from server.workers.worker import HEARTBEAT_SECONDS, Worker

log = logging.getLogger(__name__)


def open_channels() -> tuple[Inbox, Outbox]:
    """Connect this process with the server. From here on, what is printed is log."""
    leave_signals_to_parent()
    outbox = Outbox(claim_stdout())
    # The server adds the time.
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", force=True)
    return Inbox(sys.stdin.buffer), outbox


def main(arguments: list[str]) -> None:
    """Make clips until stdin ends."""
    options = _parser().parse_args(arguments)
    inbox, outbox = open_channels()
    # What compiles kernels, for example, need not know them.
    hide_secrets()
    hide_other_gpus(options.device)
    try:
        worker, hello = _build(options.device, inbox, outbox)
    except DeviceUnusable as error:
        outbox.send(Unusable(code=error.code, message=str(error)))
        return
    except ImportError as error:
        log.exception("the libraries cannot be loaded")
        message = f"A library that makes clips cannot be loaded ({error}); install the server's packages again."
        outbox.send(Unusable(code="worker_unusable", message=message))
        return
    worker.run(hello, options.heartbeat)


def _build(device: str, inbox: Inbox, outbox: Outbox) -> tuple[Worker, Hello]:
    """The worker and its greeting. Raises DeviceUnusable and ImportError."""
    name = torch_device(device)
    # These take seconds: the thread that notices the server's end runs by now.
    from server.workers.failures import describe_failure, is_cancel
    from server.workers.generator import ClipGenerator

    def explain(error: Exception) -> JobError | None:
        return None if is_cancel(error) else describe_failure(error)

    return Worker(inbox, outbox, ClipGenerator(name), explain, memory_probe(name)), describe_device(device, name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server.workers.process", description=main.__doc__)
    parser.add_argument("--device", type=_device, default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--heartbeat", type=float, default=HEARTBEAT_SECONDS, help="seconds between two signs of life")
    return parser


def _device(name: str) -> str:
    if not DEVICES.fullmatch(name):
        raise argparse.ArgumentTypeError(f"'{name}' is no device; take auto, cpu, cuda or cuda:N")
    return name


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Exception:
        log.exception("the worker cannot go on")
    # Without the interpreter's own end, which the inbox thread, waiting for stdin, would get in the way of.
    os._exit(1)
