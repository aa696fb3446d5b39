"""Where models, downloads and accepted licences lie in the data folder. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ModelPlaces:
    """The places in the data folder `root` that have to do with models."""

    root: Path

    @property
    def hub(self) -> Path:
        """The folder of what was downloaded from the Hugging Face hub, in its own cache layout."""
        return self.root / "hub"

    @property
    def models(self) -> Path:
        """The folder of the user's own models, one sub-folder each."""
        return self.root / "models"

    @property
    def licences(self) -> Path:
        """The file with the licences that were accepted; see `Acceptances`."""
        return self.root / "licences.json"
