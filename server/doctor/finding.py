"""What the doctor says: one line for each thing looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How a finding is meant."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One line.

    Attributes:
        about: what was looked at, in a word or two.
        level: see `Level`.
        said: what was found, a sentence.
        advice: what to do about it, a sentence; None where there is nothing to do.
        prevents_clips: no clip can be made until it is mended.
        facts: the same for programs.
    """

    about: str
    level: Level
    said: str
    advice: str | None = None
    prevents_clips: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    def lines(self) -> str:
        """Return the finding as text."""
        mark = {Level.OK: "OK", Level.NOTE: "note", Level.PROBLEM: "PROBLEM"}[self.level]
        text = f"{mark:8}{self.about}: {self.said}"
        return text if self.advice is None else f"{text}\n{'':8}-> {self.advice}"


def ok(about: str, said: str, **facts: Any) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(about, Level.OK, said, facts=facts)


def note(about: str, said: str, advice: str | None = None, **facts: Any) -> Finding:
    """Return a finding that is good to know."""
    return Finding(about, Level.NOTE, said, advice, facts=facts)


def problem(about: str, said: str, advice: str, *, prevents_clips: bool = False, **facts: Any) -> Finding:
    """Return a finding that is to be mended."""
    return Finding(about, Level.PROBLEM, said, advice, prevents_clips, facts)


def verdict(findings: Iterable[Finding]) -> tuple[bool, str]:
    """Return whether clips can be made, and a sentence that says so."""
    preventing = [finding.about for finding in findings if finding.prevents_clips]
    if preventing:
        return False, f"No clip can be made until this is mended: {', '.join(preventing)}."
    return True, "Clips can be made on this machine."


def gigabytes(count: float) -> str:
    """Return a size for people."""
    return f"{count / 1e9:.1f} GB"
