from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core.sse import EventParser, ServerEvent


def test_an_event_a_ping_and_an_event():
    parser = EventParser()
    stream = b'id: 3\nevent: job\ndata: {"a": 1}\n\n: ping\n\nid: 4\nevent: job\ndata: {"a": 2}\n\n'
    assert parser.feed(stream) == [ServerEvent("job", '{"a": 1}', "3"), ServerEvent("job", '{"a": 2}', "4")]
    assert parser.last_id == "4"


def test_data_lines_are_joined_and_the_id_stays():
    assert EventParser("7").feed(b"data: one\ndata:two\n\n") == [ServerEvent("message", "one\ntwo", "7")]


def test_an_event_that_is_cut_off_is_not_dispatched():
    assert EventParser().feed(b"id: 1\nevent: job\ndata: {}\n") == []


LINES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20)


@given(
    events=st.lists(st.tuples(LINES.filter(bool), st.lists(LINES, min_size=1, max_size=3)), max_size=5),
    newline=st.sampled_from(["\n", "\r\n"]),
    cuts=st.lists(st.integers(1, 7), min_size=1, max_size=50),
)
def test_the_stream_may_be_cut_anywhere(events: list, newline: str, cuts: list[int]):
    lines = [line for name, data in events for line in (f"event: {name}", *(f"data: {one}" for one in data), "")]
    stream = "".join(line + newline for line in lines).encode()
    parser = EventParser()
    got, at = [], 0
    for turn in range(len(stream)):
        size = cuts[turn % len(cuts)]
        got += parser.feed(stream[at : at + size])
        at += size
    # A CR at the very end could be half a CRLF; ours is always followed by its LF.
    assert [(event.name, event.data) for event in got] == [(name, "\n".join(data)) for name, data in events]
