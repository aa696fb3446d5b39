"""What was measured, kept in a JSON file row by row, so that a run which is cut short goes on where it stopped."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from server.files import write_file

FORMAT = "transpixar-bench"
FORMAT_VERSION = 1


class ResultsUnusable(Exception):
    """A results file that cannot be continued; the message says what to do."""


@dataclass
class Row:
    """One phase computed one way.

    Attributes:
        phase: "pass", "pair", "step", "decode both" or "decode alpha".
        variant: how it was computed.
        flops: that the phase needs, by the formulas of `server.transpixar.flops`.
        run: index of the run that measured it; only rows of one run are compared.
        wanted: how many times it is to be measured.
        seconds: the measured times.
        warm_up_seconds: of the first, unmeasured time, which loads and compiles kernels.
        peak_bytes: see `PeakMemory`.
        problem: why there are no times.
        note: what a reader must know.
    """

    phase: str
    variant: str
    flops: int
    run: int
    wanted: int
    seconds: list[float] = field(default_factory=list)
    warm_up_seconds: float | None = None
    peak_bytes: int | None = None
    problem: str | None = None
    note: str | None = None

    @property
    def is_done(self) -> bool:
        """Nothing is left to measure."""
        return self.problem is not None or len(self.seconds) >= self.wanted

    @property
    def median(self) -> float | None:
        """The median time in seconds."""
        return statistics.median(self.seconds) if self.seconds else None

    def to_json(self, matmul_rate: float) -> dict[str, Any]:
        """Return the row and what follows from it at a matmul rate."""
        derived: dict[str, Any] = {"median_seconds": self.median, "floor_seconds": self.flops / matmul_rate}
        if self.median:
            derived["flops_per_second"] = self.flops / self.median
            derived["times_floor"] = self.median * matmul_rate / self.flops
        return asdict(self) | derived


@dataclass
class Run:
    """One start of the program.

    Attributes:
        date: when, in UTC.
        matmul_rates: measured along the run, in operations a second.
        agreement: largest difference of product and baseline, relative to the largest output.
        product: its memory plan and attention kernel.
    """

    date: str
    matmul_rates: list[float] = field(default_factory=list)
    agreement: float | None = None
    product: dict[str, Any] = field(default_factory=dict)

    @property
    def matmul_rate(self) -> float:
        """The median rate."""
        return statistics.median(self.matmul_rates)


@dataclass
class Results:
    """Everything that was measured with the same settings on the same machine.

    Attributes:
        machine: see `describe_machine`.
        settings: size, clip and precision.
        runs: in order.
        rows: in order.
        summary: see `summarise`; filled in when saving.
    """

    machine: dict[str, Any]
    settings: dict[str, Any]
    runs: list[Run] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)

    def row(self, phase: str, variant: str) -> Row | None:
        """Return the row of a phase computed one way, if it is there."""
        return next((row for row in self.rows if (row.phase, row.variant) == (phase, variant)), None)

    def put(self, row: Row) -> None:
        """Add a row, in place of one of the same phase and variant."""
        for index, old in enumerate(self.rows):
            if (old.phase, old.variant) == (row.phase, row.variant):
                self.rows[index] = row
                return
        self.rows.append(row)

    def rate_of(self, row: Row) -> float:
        """Return the matmul rate of the run that measured a row."""
        return self.runs[row.run].matmul_rate

    def ratio(self, phase: str, slow: str, fast: str) -> float | None:
        """Return how much longer one variant takes than another: the median over the rounds of one run.

        The two stand side by side in a round, so that what else the machine does falls on both.
        """
        a, b = self.row(phase, slow), self.row(phase, fast)
        if a is None or b is None or a.run != b.run or not (a.seconds and b.seconds):
            return None
        return statistics.median(one / other for one, other in zip(a.seconds, b.seconds, strict=False))

    def save(self, path: Path) -> None:
        """Write the file; the one that is there is replaced when all is written."""
        document = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "machine": self.machine,
            "settings": self.settings,
            "runs": [asdict(run) | {"matmul_rate": run.matmul_rate} for run in self.runs if run.matmul_rates],
            "rows": [row.to_json(self.rate_of(row)) for row in self.rows],
            "summary": self.summary,
        }
        write_file(path, (json.dumps(document, indent=2) + "\n").encode())

    @classmethod
    def load(cls, path: Path, machine: dict[str, Any], settings: dict[str, Any]) -> Results:
        """Read a file to go on with, or begin.

        Raises:
            ResultsUnusable: it is no results file, or of another machine or other settings.
        """
        if not path.exists():
            return cls(machine, settings)
        try:
            document = json.loads(path.read_text("utf-8"))
            usable = document["format"] == FORMAT and document["format_version"] == FORMAT_VERSION
        except (OSError, ValueError, TypeError, KeyError):
            usable = False
        if not usable:
            raise ResultsUnusable(f"{path} is no benchmark of this version; choose another file with --json.")
        for name, wanted in (("machine", machine), ("settings", settings)):
            for key, value in wanted.items():
                if document[name].get(key) != value:
                    raise ResultsUnusable(
                        f"{path} was measured with {key} {document[name].get(key)} and not {value}; choose another "
                        "file with --json."
                    )
        return cls(
            machine,
            settings,
            [Run(run["date"], run["matmul_rates"], run["agreement"], run["product"]) for run in document["runs"]],
            [Row(**{key: row[key] for key in Row.__dataclass_fields__}) for row in document["rows"]],
            document["summary"],
        )
