"""Checkpoints: folders `000500` that are there whole or not at all, and hold all that the next update depends on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from server.files import sync, sync_folder
from server.training.lora.errors import TrainingError
from server.transpixar.weights import write_rgba_weights

STATE_FILE = "state.pt"
WEIGHTS_FILE = "rgba_lora.safetensors"
_PARTIAL = ".partial"


class Checkpoints:
    """The checkpoints of one run, in a folder of its own.

    A checkpoint holds the weights as a result would, and `state.pt` to go on from.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        """Keep the newest `keep` checkpoints."""
        self.folder = folder
        self._keep = keep

    def save(
        self,
        iteration: int,
        state: Mapping[str, Any],
        weights: Mapping[str, torch.Tensor],
        metadata: Mapping[str, str],
    ) -> Path:
        """Write a checkpoint and remove those that are too old; return its folder.

        Args:
            iteration: number of updates that were made.
            state: anything that `torch.save` takes and loads again with ``weights_only``.
            weights: in the released file's key names.
            metadata: for the weights' header.

        Raises:
            OSError, TrainingError: it cannot be written; the checkpoints that are there stay.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_partial()
        final = self.folder / f"{iteration:06d}"
        partial = self.folder / f"{final.name}{_PARTIAL}"
        partial.mkdir()
        try:
            write_rgba_weights(weights, partial / WEIGHTS_FILE, metadata)
            torch.save(dict(state), partial / STATE_FILE)
            sync(partial)
            self._put_in_place(partial, final)
        # torch and safetensors do not raise OSError where a disk is full.
        except (RuntimeError, SafetensorError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
            shutil.rmtree(partial, ignore_errors=True)
            raise TrainingError(
                f"The checkpoint {final} cannot be written ({reason}); make room and give the same command again, it "
                "goes on from the checkpoint before."
            ) from error
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync_folder(self.folder)
        for old in self.all()[: -self._keep]:
            shutil.rmtree(old)
        return final

    def _put_in_place(self, partial: Path, final: Path) -> None:
        """Rename what is whole; what an earlier run has left under that name goes when this stands there."""
        replaced = self.folder / f"{final.name}.replaced{_PARTIAL}"
        if final.exists():
            final.rename(replaced)
        try:
            partial.rename(final)
        except OSError:
            if replaced.exists():
                replaced.rename(final)
            raise
        shutil.rmtree(replaced, ignore_errors=True)

    def all(self) -> list[Path]:
        """All checkpoints, the oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(
            (path for path in self.folder.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name)
        )

    def load_latest(self) -> dict[str, Any] | None:
        """Read the state of the newest checkpoint, on the CPU; None where there is none.

        Raises:
            TrainingError: it cannot be read.
        """
        checkpoints = self.all()
        if not checkpoints:
            return None
        path = checkpoints[-1] / STATE_FILE
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        # torch raises whatever its readers came upon.
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise TrainingError(
                f"{path} cannot be read ({reason}); remove {path.parent} to go on from the checkpoint before."
            ) from error
        return state

    def _remove_partial(self) -> None:
        """Remove what a process that was killed has left half written."""
        for path in self.folder.glob(f"*{_PARTIAL}"):
            shutil.rmtree(path)
