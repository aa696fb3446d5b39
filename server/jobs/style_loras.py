"""The style LoRAs that this server offers: the safetensors files in one folder."""

from __future__ import annotations

from pathlib import Path

_SUFFIX = ".safetensors"


class StyleLoras:
    """Finds style LoRAs by their name, which is their file's without the suffix."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """The names, in order. They are looked up anew, so that a file put into the folder is there at once."""
        if not self._folder.is_dir():
            return []
        # macOS leaves a "._name" beside a file that it copies to another disk.
        found = (path for path in self._folder.iterdir() if path.suffix == _SUFFIX and not path.name.startswith("."))
        return sorted(path.stem for path in found if path.is_file())

    def path(self, name: str) -> Path | None:
        """The file of the LoRA `name`, or None. Only names of files in the folder are found, whatever else they say."""
        return self._folder / (name + _SUFFIX) if name in self.names() else None
