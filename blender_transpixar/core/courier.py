"""The courier: a child process that does everything that may wait, so that Blender never does.

Commands arrive on standard input, events leave on standard output (see `protocol.py`). Threads are allowed here, since
this is not Blender's process; each errand has one. The end of standard input, which also is Blender's end, ends it.
"""

import os
import sys
import threading
from typing import BinaryIO

from .client import ServerClient
from .errand import Errand
from .fetch import FetchErrand
from .forget import ForgetErrand
from .model_errand import ModelErrand
from .outbox import Outbox
from .protocol import Cancel, Credential, Fetch, Forget, Generate, ManageModel, Message, Move, Watch, decode
from .server_watch import ServerWatch

AnyErrand = Errand | FetchErrand | ForgetErrand | ServerWatch | ModelErrand

# How long errands may take to remove their temporary folders when Blender ends.
_FAREWELL_S = 2.0
_LAST_WORDS_S = 0.3


class Courier:
    """Reads commands, runs errands, writes events."""

    def __init__(self, commands: BinaryIO, events: BinaryIO) -> None:
        self._commands = commands
        self._outbox = Outbox(events)
        self._tokens: dict[str, str] = {}
        self._errands: dict[int, tuple[AnyErrand, threading.Thread]] = {}

    def run(self) -> None:
        """Serve until standard input ends."""
        for line in self._commands:
            self._obey(decode(line))
        self._say_farewell()

    def emit(self, message: Message) -> None:
        """Send one event to the add-on."""
        self._outbox.put(message)

    def _obey(self, message: Message) -> None:
        if isinstance(message, Generate):
            self._begin(message.tag, Errand(message, self._new_client, self.emit))
        elif isinstance(message, Fetch):
            self._begin(message.tag, FetchErrand(message, self._new_client(message.server), self.emit))
        elif isinstance(message, Forget):
            self._begin(message.tag, ForgetErrand(message, self._new_client(message.server), self.emit))
        elif isinstance(message, Watch):
            self._watch(message)
        elif isinstance(message, ManageModel):
            self._begin(message.tag, ModelErrand(message, self._new_client(message.server), self.emit))
        elif isinstance(message, Credential):
            self._tokens[message.server] = message.token
        elif isinstance(message, Move):
            errand, _ = self._errands.get(message.tag, (None, None))
            if isinstance(errand, Errand):
                errand.move(message.server)
        elif isinstance(message, Cancel) and message.tag in self._errands:
            errand, _ = self._errands[message.tag]
            # In a thread of its own, because telling the server may wait while more commands arrive.
            threading.Thread(target=errand.cancel, daemon=True).start()

    def _watch(self, command: Watch) -> None:
        watching, thread = self._errands.get(command.tag, (None, None))
        if isinstance(watching, ServerWatch) and thread is not None and thread.is_alive():
            watching.adjust(command)
        else:
            self._begin(command.tag, ServerWatch(command, self._new_client, self.emit))

    def _begin(self, tag: int, errand: AnyErrand) -> None:
        self._errands = {tag: (each, at_work) for tag, (each, at_work) in self._errands.items() if at_work.is_alive()}
        thread = threading.Thread(target=errand.run, daemon=True)
        self._errands[tag] = errand, thread
        thread.start()

    def _new_client(self, server: str) -> ServerClient:
        return ServerClient(server, self._tokens.get(server) or None)

    def _say_farewell(self) -> None:
        """End what runs. Clips that are in the history are left to the server; the next Blender asks for them."""
        threads = [thread for _, thread in self._errands.values() if thread.is_alive()]
        for errand, thread in self._errands.values():
            if thread.is_alive():
                end = errand.leave if isinstance(errand, Errand) else errand.cancel
                threads.append(threading.Thread(target=end, daemon=True))
                threads[-1].start()
        for thread in threads:
            thread.join(_FAREWELL_S / len(threads))
        # Nobody reads any more; what is in the history is on the disk.
        self._outbox.close(_LAST_WORDS_S)


def main() -> None:
    """Run the courier on this process's standard streams."""
    events = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # A stray print must not end up between the events.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    Courier(sys.stdin.buffer, events).run()
