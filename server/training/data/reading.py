"""Whatever goes wrong in a clip becomes a problem of that clip, and the others go on. No torch here."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from server.media.errors import MediaError
from server.training.data.report import Problem

log = logging.getLogger(__name__)


@contextmanager
def named(clip: str, problems: list[Problem]) -> Iterator[None]:
    """Turn an error of reading into a problem of `clip`. Nothing is to be written in the block: a full disk is no
    clip's fault.
    """
    try:
        yield
    except MediaError as error:
        problems.append(Problem(clip, "error", *_unreadable(error)))
    except OSError as error:
        sentence = (
            f"{error.filename or 'It'} cannot be read ({error.strerror or error}); check the file and its rights."
        )
        problems.append(Problem(clip, "error", "unreadable", sentence))
    except (ValueError, ArithmeticError, LookupError, EOFError, UnicodeError) as error:
        # No reader should raise these, but one strange file among thousands must not end a night's work.
        log.exception("%s cannot be read", clip)
        sentence = f"It cannot be read ({type(error).__name__}: {error}); convert or render it again."
        problems.append(Problem(clip, "error", "unreadable", sentence))


def _unreadable(error: MediaError) -> tuple[str, str]:
    """Kind and sentence. The readers' advice names options that they have and training has not."""
    text = str(error)
    if " has no alpha" in text:
        return "no-alpha", (
            "It has no alpha channel; export it with one, or put its matte beside it: fgr/NAME and pha/NAME."
        )
    return "unreadable", text
