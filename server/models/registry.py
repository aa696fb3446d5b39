"""The models on offer. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from server.models.description import DESCRIPTION_FILE, ModelDescription, ModelFolderError
from server.models.files import FileIdentity, identity_of

_PACKAGE = Path(__file__).parent
CATALOGUE = _PACKAGE / "catalogue"
# The embedded model comes first, because it always works: the first model is the default.
BUILT_IN_MODELS = (
    _PACKAGE / "mini",
    CATALOGUE / "cogvideox-5b",
    CATALOGUE / "cogvideox-5b-i2v",
    CATALOGUE / "cogvideox-2b",
)


@dataclass(frozen=True)
class _Place:
    """A folder to look at; one that is `forgiven` may be wrong without taking the other models away."""

    folder: Path
    forgiven: bool


@dataclass
class _Found:
    """What lay in the places at one moment: the models by name, what was wrong, and the description files."""

    models: dict[str, tuple[Path, ModelDescription]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    files: tuple[FileIdentity, ...] = ()


class ModelRegistry:
    """The models on offer, by name, in the order found. May be asked from any thread."""

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        """Read every folder's description.

        Raises ModelFolderError when one is unusable or two models have the same name.
        """
        self._first = tuple(folders)
        self._models_folder: Path | None = None
        self._last: tuple[Path, ...] = ()
        self._found = self._read()

    @classmethod
    def discover(
        cls,
        added: Iterable[Path] = (),
        models_folder: Path | None = None,
        built_in: Iterable[Path] = BUILT_IN_MODELS,
    ) -> Self:
        """The built-in models, those in the sub-folders of `models_folder`, and the folders in `added`, in that order.

        What is wrong with a sub-folder of `models_folder` goes into `problems`, so that one bad folder among the user's
        own does not take all models away. Raises ModelFolderError for the others, as the constructor does.
        """
        registry = cls()
        registry._first, registry._models_folder, registry._last = tuple(built_in), models_folder, tuple(added)
        registry._found = registry._read()
        return registry

    def __iter__(self) -> Iterator[ModelDescription]:
        return iter([description for _, description in self._found.models.values()])

    def __len__(self) -> int:
        return len(self._found.models)

    @property
    def problems(self) -> list[str]:
        """A sentence for each folder that was left out."""
        return self._found.problems

    @property
    def names(self) -> list[str]:
        """The models' names, in order."""
        return list(self._found.models)

    @property
    def default(self) -> str:
        """The name of the model that a request gets when it names none. Raises LookupError without models."""
        if not self._found.models:
            raise LookupError("there is no model")
        return next(iter(self._found.models))

    def get(self, name: str) -> ModelDescription | None:
        """The description of the model `name`, or None."""
        _, description = self._found.models.get(name, (None, None))
        return description

    def folder(self, name: str) -> Path:
        """The folder of the model `name`. Raises KeyError when there is none."""
        return self._found.models[name][0]

    def refresh(self) -> list[str]:
        """Read the descriptions anew when one has come, gone or changed since; else this only looks at their files.

        Whatever is wrong with a folder by now leaves that folder out. Returns the problems that are new.
        """
        before = self._found
        if tuple(identity_of(place.folder / DESCRIPTION_FILE) for place in self._places()) == before.files:
            return []
        self._found = self._read(forgiving=True)
        return [problem for problem in self._found.problems if problem not in before.problems]

    def _places(self) -> list[_Place]:
        # Those that begin with a dot are being written, or were when somebody was killed.
        own = [] if self._models_folder is None else sorted(self._models_folder.glob(f"[!.]*/{DESCRIPTION_FILE}"))
        return [
            *(_Place(folder.resolve(), forgiven=False) for folder in self._first),
            *(_Place(file.parent.resolve(), forgiven=True) for file in own),
            *(_Place(folder.resolve(), forgiven=False) for folder in self._last),
        ]

    def _read(self, forgiving: bool = False) -> _Found:
        """What lies in the places now. Raises ModelFolderError for one that is not forgiven unless all are."""
        places = self._places()
        # Before the contents: what changes while they are read is seen as a change next time.
        found = _Found(files=tuple(identity_of(place.folder / DESCRIPTION_FILE) for place in places))
        for place in places:
            try:
                description = ModelDescription.read(place.folder)
                if description.name in found.models:
                    raise ModelFolderError(
                        f"Two folders hold a model named '{description.name}': {found.models[description.name][0]} "
                        f"and {place.folder}. Rename one of them in its {DESCRIPTION_FILE}."
                    )
            except ModelFolderError as error:
                if not (forgiving or place.forgiven):
                    raise
                found.problems.append(str(error))
            else:
                found.models[description.name] = (place.folder, description)
        return found
