"""The server's models, as it describes them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .model import Model


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence that a person must accept; `part` of the model is `base` or `rgba_lora`."""

    id: str
    part: str
    name: str
    url: str
    notice: str


@dataclass(frozen=True, slots=True)
class ServerModel:
    """A model. `state` is `ready`, `not_downloaded`, `licence_not_accepted` or `unusable`; `problem` is a sentence.

    `model` is what a request may ask of it, None when the server does not say. `effects` are those that the model says
    it knows. Bytes are None for a model without a download.
    """

    name: str
    title: str = ""
    description: str = ""
    licence: str = ""
    tasks: tuple[str, ...] = ()
    state: str = "ready"
    problem: str | None = None
    loaded: bool = False
    licences: tuple[Licence, ...] = ()
    bytes_total: int | None = None
    bytes_present: int | None = None
    model: Model | None = None
    effects: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether a clip can be asked of it; what is not downloaded yet comes with the first one."""
        return self.state in ("ready", "not_downloaded")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ServerModel":
        """Read a model object; what is missing or odd in it is as if it were not there."""
        download = _mapping(data.get("download"))
        problem = data.get("problem")
        return cls(
            name=str(data.get("name", "")),
            title=str(data.get("title") or data.get("name", "")),
            description=str(data.get("description") or ""),
            licence=str(data.get("licence") or ""),
            tasks=_words(data.get("tasks")),
            state=str(data.get("state", "unusable")),
            problem=None if problem is None else str(problem),
            loaded=bool(data.get("loaded")),
            licences=tuple(_licence(each) for each in _mappings(data.get("licences"))),
            bytes_total=_count(download.get("bytes_total")),
            bytes_present=_count(download.get("bytes_present")),
            model=Model.from_json(data),
            effects=_words(data.get("effects")),
        )


def models_of(listed: Iterable[Mapping[str, Any]]) -> tuple[ServerModel, ...]:
    """The models of `GET /v1/models`, in the server's order."""
    return tuple(model for model in map(ServerModel.from_json, listed) if model.name)


def _licence(data: Mapping[str, Any]) -> Licence:
    return Licence(**{name: str(data.get(name) or "") for name in Licence.__slots__})


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
