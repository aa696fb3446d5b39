"""The words between the add-on and its courier: one JSON object a line, UTF-8, both ways."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Message:
    """Base of all messages; `tag` says which errand a message belongs to."""

    type: ClassVar[str] = ""
    tag: int


# --- from the add-on to the courier ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Generate(Message):
    """Have a clip made and bring it to `destination`; previews are laid in `preview_folder`."""

    type: ClassVar[str] = "generate"
    server: str
    request: Mapping[str, Any]
    destination: str
    preview_folder: str


@dataclass(frozen=True, slots=True)
class Fetch(Message):
    """Have the server finish or convert a clip of the job `job`, the one of this `seed`, and bring the result.

    `finishing` is a recipe or None for the raw clip. `target` is a file, which is replaced; for formats of several
    files a new folder; for the format "clip" the folder in which the finished clip's own folder is laid.
    """

    type: ClassVar[str] = "fetch"
    server: str
    job: str
    seed: int | None
    format: str
    finishing: Mapping[str, Any] | None
    target: str


@dataclass(frozen=True, slots=True)
class Cancel(Message):
    """Stop the errand `tag`; answered by Cancelled, or by its regular end when it was faster."""

    type: ClassVar[str] = "cancel"


# --- from the courier to the add-on ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JobChanged(Message):
    """The server's job, as it sent it."""

    type: ClassVar[str] = "job"
    job: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PreviewReady(Message):
    """A preview as raw bytes at `path`: RGBA, 8 bit, premultiplied, display-encoded, rows from the bottom up."""

    type: ClassVar[str] = "preview"
    path: str
    width: int
    height: int
    step: int


@dataclass(frozen=True, slots=True)
class Reconnecting(Message):
    """The server is out of reach; the courier tries again after `delay` seconds."""

    type: ClassVar[str] = "reconnecting"
    delay: float


@dataclass(frozen=True, slots=True)
class Downloading(Message):
    """`done` of `of` frames are on disk."""

    type: ClassVar[str] = "downloading"
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class ClipReady(Message):
    """The clip stands complete in `folder`."""

    type: ClassVar[str] = "clip"
    folder: str


@dataclass(frozen=True, slots=True)
class Waiting(Message):
    """The server has other exports at work; the courier asks again after `delay` seconds."""

    type: ClassVar[str] = "waiting"
    delay: float


@dataclass(frozen=True, slots=True)
class Receiving(Message):
    """`done` bytes of `of` (None: unknown) have arrived."""

    type: ClassVar[str] = "receiving"
    done: int
    of: int | None


@dataclass(frozen=True, slots=True)
class ContentReady(Message):
    """What was fetched stands complete at `path`, a file or a folder."""

    type: ClassVar[str] = "content"
    path: str


@dataclass(frozen=True, slots=True)
class Cancelled(Message):
    """The errand ended without a result because it was cancelled."""

    type: ClassVar[str] = "cancelled"


@dataclass(frozen=True, slots=True)
class Failed(Message):
    """The errand ended with an error, in the shape of the server's `error` objects."""

    type: ClassVar[str] = "failed"
    error: Mapping[str, Any]


_TYPES: dict[str, type[Message]] = {cls.type: cls for cls in Message.__subclasses__()}


def encode(message: Message) -> bytes:
    """The line for a message, with its newline. JSON escapes newlines, so one message is always one line."""
    return json.dumps({"type": message.type, **asdict(message)}).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of a line. Raises ValueError for anything else."""
    data = json.loads(line)
    try:
        return _TYPES[data.pop("type")](**data)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"Not a message of this protocol: {line[:200]!r}") from error
