"""What a run leaves for people to look at: losses as CSV and in TensorBoard, and sheets of validation clips."""

from __future__ import annotations

import csv
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from server.training import contact_sheet

LOSSES_FILE = "losses.csv"
SHEETS = "validation"
TENSORBOARD = "tensorboard"


@dataclass(frozen=True)
class Figures:
    """What is known of an update.

    Attributes:
        iteration: counted from 1.
        loss: what was minimised: the halves' losses by their weights.
        rgb: mean squared error of v, RGB half.
        alpha: likewise, alpha half.
        learning_rate: that the update was made with.
        gradient_norm: before it was limited.
    """

    iteration: int
    loss: float
    rgb: float
    alpha: float
    learning_rate: float
    gradient_norm: float


class Records:
    """The records of a run, in its folder; use as a context manager.

    A run that goes on from a checkpoint forgets what came after that, because it comes again.
    """

    def __init__(self, folder: Path, iteration: int) -> None:
        """Go on after `iteration` updates. Raises OSError."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._file, self._rows = _open_losses(folder / LOSSES_FILE, iteration)
        self._board = _open_board(folder / TENSORBOARD, iteration)

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()

    def add(self, figures: Figures) -> None:
        """Record an update."""
        # repr tells every bit of a float, so that two runs can be compared exactly.
        self._rows.writerow(asdict(figures))
        self._file.flush()
        if self._board is None:
            return
        values = asdict(figures)
        iteration = values.pop("iteration")
        for name, value in values.items():
            group = "loss" if name in ("loss", "rgb", "alpha") else "optimisation"
            self._board.add_scalar(f"{group}/{name}", value, iteration)

    def add_clips(self, iteration: int, clips: Sequence[NDArray[np.float32]], labels: Sequence[str]) -> Path:
        """Record validation clips, straight ``(F, H, W, 4)`` each, as a contact sheet; return its file."""
        path = self._folder / SHEETS / f"{iteration:06d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet.write(path, clips, labels, columns=1)
        if self._board is not None:
            with Image.open(path) as sheet:
                self._board.add_image("validation", np.asarray(sheet), iteration, dataformats="HWC")
        return path


def _open_losses(path: Path, iteration: int) -> tuple[TextIO, csv.DictWriter[str]]:
    names = [field.name for field in fields(Figures)]
    kept: list[dict[str, str]] = []
    if iteration and path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            # A killed process may have left half a row.
            complete = (row for row in csv.DictReader(file) if None not in row.values())
            kept = [row for row in complete if int(row["iteration"]) <= iteration]
    partial = path.with_suffix(".partial")
    file = partial.open("w", newline="", encoding="utf-8")
    rows = csv.DictWriter(file, names)
    rows.writeheader()
    rows.writerows(kept)
    file.flush()
    partial.replace(path)
    return file, rows


def _open_board(folder: Path, iteration: int) -> Any:
    """TensorBoard's writer, or None where it is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        print(f"TensorBoard is not installed, so losses go to {LOSSES_FILE} only; `pip install tensorboard` shows them "
              "as curves.", file=sys.stderr)  # fmt: skip
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder, purge_step=iteration + 1 if iteration else None)
