"""What the stages' programs share: their options, the model they measure, and a record that survives a stop."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from server.bench.sizes import FULL, SMALL, BenchSize  # noqa: E402


@dataclass
class Record:
    """What a program measured; written after every entry, so that a stop loses nothing.

    Attributes:
        path: where to.
        rows: entry by entry.
    """

    path: Path
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, **row: Any) -> None:
        """Keep and print a row."""
        self.rows.append(row)
        print(json.dumps(row), flush=True)
        self.path.write_text(json.dumps(self.rows), "utf-8")


@dataclass
class Program:
    """A stage's program.

    Attributes:
        record: what it measures goes there.
        device: the GPU, or the CPU for a rehearsal.
        dtype: bfloat16 on a GPU, float32 on a CPU.
        size: the full model and clip, or tiny ones.
        rehearse: whether this is a rehearsal.
    """

    record: Record
    device: torch.device
    dtype: torch.dtype
    size: BenchSize
    rehearse: bool

    @classmethod
    def from_arguments(cls, description: str | None) -> Program:
        """Read the command line."""
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--json", type=Path, required=True)
        parser.add_argument("--rehearse", action="store_true")
        options = parser.parse_args()
        device = torch.device("cpu") if options.rehearse else torch.device("cuda", 0)
        size = replace(SMALL, width=32, height=32, num_frames=5) if options.rehearse else FULL
        dtype = torch.float32 if options.rehearse else torch.bfloat16
        torch.manual_seed(0)
        return cls(Record(options.json), device, dtype, size, options.rehearse)
