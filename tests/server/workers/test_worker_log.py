"""The worker's stderr in the server's log."""

import asyncio
import logging

from hypothesis import given
from hypothesis import strategies as st

from server.workers.worker_log import drain_log


def told(*chunks: bytes) -> list[tuple[int, str]]:
    lines: list[tuple[int, str]] = []

    async def drain() -> None:
        stream = asyncio.StreamReader()
        draining = asyncio.create_task(drain_log(stream, lambda level, line: lines.append((level, line))))
        for chunk in chunks:
            stream.feed_data(chunk)
            await asyncio.sleep(0)
        stream.feed_eof()
        await draining

    asyncio.run(drain())
    return lines


def test_lines_keep_their_level() -> None:
    assert told(b"WARNING server.x: be careful\nTraceback (most recent call last):\n  File ...\n") == [
        (logging.WARNING, "server.x: be careful"),
        (logging.INFO, "Traceback (most recent call last):"),
        (logging.INFO, "  File ..."),
    ]


def test_a_last_line_without_an_end_is_told() -> None:
    assert told(b"Segmentation fault") == [(logging.INFO, "Segmentation fault")]


def test_a_line_without_end_is_cut_and_what_follows_is_told() -> None:
    (_, long), (_, following) = told(b"x" * 3000, b"x" * 100_000, b"x\nafter\n")

    assert len(long) < 2100
    assert following == "after"


def test_a_flood_is_thinned_out_and_counted() -> None:
    lines = told(b"again\n" * 100_000)

    assert len(lines) < 5000
    assert lines[-1][1].endswith("lines of the worker's log are left out here)")


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_any_bytes_in_any_pieces_give_the_same_lines(chunks: list[bytes]) -> None:
    assert told(*chunks) == told(b"".join(chunks))
