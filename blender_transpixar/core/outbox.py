"""Events on their way to Blender, which may be busy for an hour: the courier must not wait for it meanwhile."""

import threading
from collections import OrderedDict
from typing import BinaryIO

from .protocol import Downloading, JobChanged, Message, PreviewReady, Receiving, Reconnecting, encode

# Of these only the newest matters. A rendering Blender reads nothing, and every step makes one.
_LATEST_WINS = (JobChanged, PreviewReady, Reconnecting, Downloading, Receiving)


class Outbox:
    """Writes messages in a thread of its own, in order; news that was not sent yet gives way to newer of its kind."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: OrderedDict[object, Message] = OrderedDict()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._write_all, daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        """Send a message as soon as the other side reads; never waits."""
        with self._changed:
            kind = (message.tag, message.type) if isinstance(message, _LATEST_WINS) else object()
            # At the end again: what is newest must not overtake what came between.
            self._waiting.pop(kind, None)
            self._waiting[kind] = message
            self._changed.notify()

    def close(self, patience_s: float) -> None:
        """Send what waits, for no longer than this."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(patience_s)

    def _write_all(self) -> None:
        while (message := self._next()) is not None:
            try:
                self._stream.write(encode(message))
                self._stream.flush()
            except (BrokenPipeError, ValueError):
                # Blender is gone; standard input ends too, and with it the courier.
                return

    def _next(self) -> Message | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return self._waiting.popitem(last=False)[1] if self._waiting else None
