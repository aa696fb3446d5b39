"""What was found in a folder of clips: facts, and problems in sentences. No torch here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Severity = Literal["error", "warning"]
Thumbnails = list[npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Problem:
    """Something about one clip, or, with an empty name, about the folder.

    An `error` must be mended before the clip can be used; a `warning` should be looked at. `kind` is one word for
    programs: unreadable, no-alpha, empty, opaque, no-caption, captions, too-short, enlarged, cropped, repeated,
    assumed, duplicate, unpaired, background, no-clips.
    """

    clip: str
    severity: Severity
    kind: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.clip}: {self.sentence}" if self.clip else self.sentence


@dataclass
class CheckedClip:
    """What is known of one clip; fields are None where it could not be read so far.

    Sizes in pixels, `fps` in frames a second as a fraction, alphas in 0..1. `bucket` is what it is trained at, and
    `parts` how many clips a long one is trained as. `thumbnails` are a few small frames (h, w, 4).
    """

    name: str
    captions: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None
    frame_count: int | None = None
    fps: str | None = None
    alpha_mode: str | None = None
    bit_depth: int | None = None
    mean_alpha: float | None = None
    highest_alpha: float | None = None
    bucket: str | None = None
    parts: int = 0
    thumbnails: Thumbnails = field(default_factory=list, repr=False)

    def as_json(self) -> dict[str, Any]:
        """The facts without the pictures."""
        facts = asdict(self)
        del facts["thumbnails"]
        return facts


@dataclass
class Report:
    """All clips of a folder, in the order of their names, and all problems."""

    folder: Path
    clips: list[CheckedClip] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> list[Problem]:
        """What must be mended."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """What should be looked at."""
        return [problem for problem in self.problems if problem.severity == "warning"]

    @property
    def is_usable(self) -> bool:
        """Whether nothing must be mended."""
        return not self.errors

    def of(self, clip: str) -> list[Problem]:
        """The problems of a clip, by its name; of the folder itself for the empty one."""
        return [problem for problem in self.problems if problem.clip == clip]

    def add(self, problems: Iterable[Problem]) -> None:
        """Take more problems."""
        self.problems.extend(problems)

    def sentences(self) -> list[str]:
        """The report as people read it: what there is, then what must be mended, then the rest."""
        lines = [f"{self.folder.name}: {_counted(len(self.clips), 'clip')}"]
        bad = {problem.clip for problem in self.errors}
        usable = [clip for clip in self.clips if clip.bucket and clip.name not in bad]
        buckets = Counter(clip.bucket for clip in usable for _ in range(clip.parts))
        lines += [f"  {name}: {_counted(count, 'clip')} to train on" for name, count in sorted(buckets.items())]
        for title, problems in (("must be mended", self.errors), ("should be looked at", self.warnings)):
            if problems:
                lines += ["", f"{_counted(len(problems), 'thing')} that {title}:"]
                lines += [f"  {problem}" for problem in problems]
        if not self.problems:
            lines.append("Nothing to mend.")
        return lines

    def to_json(self) -> str:
        """The report for programs: `format`, `folder`, `is_usable`, `clips` and `problems`."""
        contents = {
            "format": "transpixar-data-report",
            "format_version": 1,
            "folder": self.folder.name,
            "is_usable": self.is_usable,
            "clips": [clip.as_json() for clip in self.clips],
            "problems": [asdict(problem) for problem in self.problems],
        }
        text = json.dumps(contents, indent=2, ensure_ascii=False) + "\n"
        # Bytes in a file's name that are no text become the escapes that JSON has for them.
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
