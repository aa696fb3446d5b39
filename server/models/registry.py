"""The models on offer. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from server.models.description import DESCRIPTION_FILE, ModelDescription, ModelFolderError

_PACKAGE = Path(__file__).parent
CATALOGUE = _PACKAGE / "catalogue"
# The embedded model comes first, because it always works: the first model is the default.
BUILT_IN_MODELS = (
    _PACKAGE / "mini",
    CATALOGUE / "cogvideox-5b",
    CATALOGUE / "cogvideox-5b-i2v",
    CATALOGUE / "cogvideox-2b",
)


class ModelRegistry:
    """The models on offer, by name, in the order found.

    Attributes:
        problems: a sentence for each folder that was left out.
    """

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        """Read every folder's description.

        Raises ModelFolderError when one is unusable or two models have the same name.
        """
        self._folders: dict[str, Path] = {}
        self._descriptions: dict[str, ModelDescription] = {}
        self.problems: list[str] = []
        for folder in folders:
            self._add(folder)

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
        registry = cls(built_in)
        if models_folder is not None:
            for file in sorted(models_folder.glob(f"*/{DESCRIPTION_FILE}")):
                try:
                    registry._add(file.parent)
                except ModelFolderError as error:
                    registry.problems.append(str(error))
        for folder in added:
            registry._add(folder)
        return registry

    def __iter__(self) -> Iterator[ModelDescription]:
        return iter(self._descriptions.values())

    def __len__(self) -> int:
        return len(self._descriptions)

    @property
    def names(self) -> list[str]:
        """The models' names, in order."""
        return list(self._descriptions)

    @property
    def default(self) -> str:
        """The name of the model that a request gets when it names none. Raises LookupError without models."""
        if not self._descriptions:
            raise LookupError("there is no model")
        return next(iter(self._descriptions))

    def get(self, name: str) -> ModelDescription | None:
        """The description of the model `name`, or None."""
        return self._descriptions.get(name)

    def folder(self, name: str) -> Path:
        """The folder of the model `name`. Raises KeyError when there is none."""
        return self._folders[name]

    def _add(self, folder: Path) -> None:
        folder = folder.resolve()
        description = ModelDescription.read(folder)
        if description.name in self._folders:
            raise ModelFolderError(
                f"Two folders hold a model named '{description.name}': {self._folders[description.name]} and "
                f"{folder}. Rename one of them in its {DESCRIPTION_FILE}."
            )
        self._folders[description.name] = folder
        self._descriptions[description.name] = description
