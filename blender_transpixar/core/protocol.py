"""The words between the add-on and its courier: one JSON object a line, UTF-8, both ways."""

import json
from collections.abc import Mapping, Sequence
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
    """Have clips made and bring them to `destination`; previews are laid in `preview_folder`.

    `key` is the Idempotency-Key; with `job`, which the server gave for it, that job is followed instead. The two files
    are uploaded first. A `patient` errand waits for the server for as long as it takes. What becomes of it is written
    to the entry `key` in the folder `history`, if one is given; then the job also outlives the courier.
    """

    type: ClassVar[str] = "generate"
    server: str
    request: Mapping[str, Any]
    destination: str
    preview_folder: str
    key: str = ""
    job: str | None = None
    first_frame_file: str | None = None
    footage_file: str | None = None
    patient: bool = False
    history: str | None = None


@dataclass(frozen=True, slots=True)
class Forget(Message):
    """Remove a job from its server, and the clips in `folders` from this computer; never answered with progress."""

    type: ClassVar[str] = "forget"
    server: str
    job: str
    folders: Sequence[str] = ()


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


@dataclass(frozen=True, slots=True)
class Move(Message):
    """The server of the errand `tag` is at another address from now on."""

    type: ClassVar[str] = "move"
    server: str


@dataclass(frozen=True, slots=True)
class Credential(Message):
    """The token to show to a server from now on; "" shows none."""

    type: ClassVar[str] = "credential"
    server: str
    token: str


@dataclass(frozen=True, slots=True)
class Watch(Message):
    """Look at a server every `interval_s` seconds until cancelled; sent again with its tag, look at once, then so.

    A silent server is asked less and less often, unless its answer is `expected`.
    """

    type: ClassVar[str] = "watch"
    server: str
    interval_s: float
    expected: bool


@dataclass(frozen=True, slots=True)
class ManageModel(Message):
    """Accept the `licences` of a model, load it or unload it: `action` is the last word of the route."""

    type: ClassVar[str] = "manage_model"
    server: str
    model: str
    action: str
    licences: Sequence[str] = ()


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
    """The server is out of reach or takes nothing just now, for a `reason`; asked again after `delay` seconds."""

    type: ClassVar[str] = "reconnecting"
    delay: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Uploading(Message):
    """The file for the request's field `field` is on its way to the server."""

    type: ClassVar[str] = "uploading"
    field: str


@dataclass(frozen=True, slots=True)
class Downloading(Message):
    """`done` of `of` frames are on disk."""

    type: ClassVar[str] = "downloading"
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class ClipReady(Message):
    """Clip `index` of the job, counted from 1, stands complete in `folder`."""

    type: ClassVar[str] = "clip"
    folder: str
    index: int = 1
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Done(Message):
    """The errand ended, and everything it was to bring is there."""

    type: ClassVar[str] = "done"


@dataclass(frozen=True, slots=True)
class Waiting(Message):
    """The server has other exports at work; the courier asks again after `delay` seconds."""

    type: ClassVar[str] = "waiting"
    delay: float


@dataclass(frozen=True, slots=True)
class Exporting(Message):
    """The server has written `done` of the `of` frames of what is to be fetched."""

    type: ClassVar[str] = "exporting"
    done: int
    of: int


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
class ServerSeen(Message):
    """How a watched server is, whenever that changes: what it answered, or the `error` in the way of an answer.

    `status` and `models` are as the server sent them; None where they were not asked for again.
    """

    type: ClassVar[str] = "server"
    error: Mapping[str, Any] | None
    status: Mapping[str, Any] | None
    models: Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True, slots=True)
class ModelManaged(Message):
    """The server did what ManageModel asked for; loading goes on."""

    type: ClassVar[str] = "model"
    model: Mapping[str, Any]


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
