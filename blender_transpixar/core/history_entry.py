"""What is remembered of one wish for a clip, and how it stands in its file."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

FORMAT = "transpixar-history"
FORMAT_VERSION = 1
_KEY = re.compile(r"[0-9a-f]{32}")


class EntryState(StrEnum):
    """How a wish stands. Only `OPEN` is taken up again by itself; whatever stopped it for now is its `error`."""

    OPEN = "open"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class KeptClip:
    """A clip on the disk: its number in the job from 1, its folder, and whether it was placed in a scene."""

    index: int
    folder: str
    seed: int | None = None
    placed: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One wish.

    `key` is its Idempotency-Key and names its file. `request` is the body of `POST /v1/videos`; the ids of its files
    are in it as soon as they are uploaded. `job` is the server's id once it has answered. `preview` is the size in
    pixels of the picture beside the file. `created_at` is UTC in ISO 8601.
    """

    key: str
    created_at: str
    server: str
    request: Mapping[str, Any]
    destination: str
    state: EntryState = EntryState.OPEN
    job: str | None = None
    clips: tuple[KeptClip, ...] = ()
    error: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    first_frame_file: str | None = None
    footage_file: str | None = None
    blend_file: str = ""
    scene: str = ""
    preview: tuple[int, int] | None = None

    @property
    def prompt(self) -> str:
        """What was asked for."""
        return str(self.request.get("prompt", ""))

    @property
    def unplaced(self) -> tuple[KeptClip, ...]:
        """The clips that are on the disk and in no scene."""
        return tuple(clip for clip in self.clips if not clip.placed)

    def with_clip(self, clip: KeptClip) -> tuple[KeptClip, ...]:
        """The clips with this one among them, in order; it replaces the one of its number."""
        others = [each for each in self.clips if each.index != clip.index]
        return tuple(sorted([*others, clip], key=lambda each: each.index))

    def to_json(self) -> dict[str, Any]:
        """What its file holds."""
        return {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, data: Any) -> "Entry":
        """Read what a file holds; fields of newer versions are left out. Raises ValueError for anything else."""
        if not isinstance(data, dict) or (data.get("format"), data.get("format_version")) != (FORMAT, FORMAT_VERSION):
            raise ValueError("This is no entry of the history.")
        try:
            entry = cls(
                key=_text(data["key"]),
                created_at=_text(data["created_at"]),
                server=_text(data["server"]),
                request=_mapping(data["request"]),
                destination=_text(data["destination"]),
                state=EntryState(data["state"]),
                job=_optional_text(data.get("job")),
                clips=tuple(_clip(each) for each in data.get("clips") or ()),
                error=None if data.get("error") is None else _mapping(data["error"]),
                warnings=tuple(_text(each) for each in data.get("warnings") or ()),
                first_frame_file=_optional_text(data.get("first_frame_file")),
                footage_file=_optional_text(data.get("footage_file")),
                blend_file=_text(data.get("blend_file", "")),
                scene=_text(data.get("scene", "")),
                preview=_size(data.get("preview")),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("This entry of the history is damaged.") from error
        if not is_key(entry.key):
            raise ValueError("This entry of the history has no key.")
        return entry


def is_key(text: str) -> bool:
    """Whether this is a key as they are made here; also keeps file names of others out."""
    return _KEY.fullmatch(text) is not None


def now() -> str:
    """The time as `created_at` has it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _optional_text(value: Any) -> str | None:
    return None if value is None else _text(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value


def _clip(value: Any) -> KeptClip:
    seed = value.get("seed")
    return KeptClip(
        index=_number(value["index"]),
        folder=_text(value["folder"]),
        seed=None if seed is None else _number(seed),
        placed=value.get("placed") is True,
    )


def _size(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    width, height = value
    return _number(width), _number(height)
