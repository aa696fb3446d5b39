"""The process of one export, `python -m server.exports.process`: its order comes on stdin, its reports go to stdout.

Not a thread: decoding and encoding would keep the server from answering, and what a recipe asks for can take all of the
memory, or find a mistake in a library, and then this process ends and not the server. It stops when stdin ends.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Literal

from server.ending import leave_signals_to_parent
from server.exports.messages import ExportOrder, ExportOutcome, ExportProblem, ExportProgress
from server.logs import log_to_stderr
from server.media.errors import ExportCancelled, MediaError
from server.media.hand_off import ClipTooLarge, hand_off
from server.workers.outbox import claim_stdout

log = logging.getLogger(__name__)

_TELL_SECONDS = 0.2
# For the frame at hand, and to remove what was begun.
_LAST_SECONDS = 2.0


def main() -> None:
    """Write a clip as the order says."""
    leave_signals_to_parent()
    _step_back()
    answers = claim_stdout()
    log_to_stderr()
    order = ExportOrder.model_validate_json(sys.stdin.buffer.readline())
    stopping = threading.Event()
    threading.Thread(target=_watch, args=[stopping], name="stdin", daemon=True).start()
    with suppress(ExportCancelled), answers:
        answers.write(_outcome(order, stopping, _Progress(answers)).to_line())


def _outcome(order: ExportOrder, stopping: threading.Event, progress: _Progress) -> ExportOutcome:
    """Do what was ordered. Raises ExportCancelled."""
    try:
        order.folder.mkdir(parents=True)
        file = hand_off(
            order.clip_folder,
            order.format,
            order.recipe,
            order.folder,
            max_pixels=order.max_pixels,
            progress=progress,
            should_stop=stopping.is_set,
        )
    except ClipTooLarge as error:
        return _failed(str(error), "clip_too_large")
    except MediaError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"The clip cannot be written: {error.strerror or error}.")
    except ExportCancelled:
        raise
    except Exception:
        log.exception("an export failed")
        return _failed("The clip cannot be written in this way; the server's log has the details.")
    return ExportOutcome(file=file.name)


class _Progress:
    """Tells the server how many frames are written, as often as a person can see it."""

    def __init__(self, answers: BinaryIO) -> None:
        self._answers = answers
        self._told_at = -_TELL_SECONDS

    def __call__(self, done: int, of: int) -> None:
        """Raises OSError when the server has gone."""
        now = time.monotonic()
        if done < of and now - self._told_at < _TELL_SECONDS:
            return
        self._told_at = now
        self._answers.write(ExportProgress(frames_done=done, frames_total=of).to_line())
        self._answers.flush()


def _failed(message: str, code: Literal["not_convertible", "clip_too_large"] = "not_convertible") -> ExportOutcome:
    return ExportOutcome(problem=ExportProblem(code=code, message=message))


def _watch(stopping: threading.Event) -> None:
    """Stop when the server closes stdin, or has gone: in order, or else by force."""
    # Not sys.stdin: a thread that holds its lock would keep the interpreter from ending.
    while os.read(0, 4096):
        pass
    stopping.set()
    time.sleep(_LAST_SECONDS)
    os._exit(1)


def _step_back() -> None:
    """Leave the processor and the memory to the server and its workers, as far as the system lets us."""
    if hasattr(os, "nice"):
        os.nice(5)
    with suppress(OSError):
        # When memory runs out, Linux ends this process before the one that has a model in it.
        Path("/proc/self/oom_score_adj").write_text("1000", "utf-8")


if __name__ == "__main__":
    try:
        main()
    except Exception:
        log.exception("an export failed")
    # Without the interpreter's own end, at which OpenImageIO complains when there is another thread.
    os._exit(0)
