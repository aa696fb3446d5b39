"""Server-sent events (WHATWG HTML, section 9.2), fed with bytes as they arrive."""

import codecs
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its name, its data (lines joined by newlines) and the last id seen."""

    name: str
    data: str
    last_id: str


@dataclass(slots=True)
class EventParser:
    """Turns pieces of a stream, cut anywhere, into events. Lines may end in CR, LF or both."""

    last_id: str = ""
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="replace")
    )
    _rest: str = ""
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, piece: bytes) -> list[ServerEvent]:
        """The events that this piece completes, in order."""
        self._rest += self._decoder.decode(piece)
        events: list[ServerEvent] = []
        while (line := self._next_line()) is not None:
            event = self._take(line)
            if event is not None:
                events.append(event)
        return events

    def _next_line(self) -> str | None:
        ends = [at for at in (self._rest.find("\r"), self._rest.find("\n")) if at >= 0]
        if not ends:
            return None
        at = min(ends)
        # A CR at the very end may be the first half of CRLF: wait for what follows.
        if self._rest[at] == "\r" and at + 1 == len(self._rest):
            return None
        width = 2 if self._rest.startswith("\r\n", at) else 1
        line, self._rest = self._rest[:at], self._rest[at + width :]
        return line

    def _take(self, line: str) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "event":
            self._name = value
        elif key == "data":
            self._data.append(value)
        elif key == "id" and "\0" not in value:
            self.last_id = value
        return None

    def _dispatch(self) -> ServerEvent | None:
        name, data = self._name or "message", self._data
        self._name, self._data = "", []
        return ServerEvent(name, "\n".join(data), self.last_id) if data else None
