"""An evaluation as a table, as JSON and as a picture."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from server import __version__
from server.media.straight import straight_frames
from server.training import contact_sheet
from server.training.evaluation.evaluation import Evaluation, by_family
from server.training.evaluation.figures import Mark, MarkSet, as_json, marks

_CLIPS_A_FAMILY = 3


def verdicts(evaluation: Evaluation, trained_on: MarkSet) -> dict[str, tuple[Mark, bool]]:
    """For the name of each figure that has a mark: the mark, and whether it is reached."""
    found = {figure.name: figure for figure in evaluation.figures}
    families = len(evaluation.effects)
    return {mark.figure: (mark, mark.is_met(found[mark.figure], families)) for mark in marks(trained_on)}


def table(evaluation: Evaluation, trained_on: MarkSet) -> str:
    """The figures with their intervals, ceilings, controls and PASS or FAIL, then the effects one by one."""
    judged = verdicts(evaluation, trained_on)
    rows = [("figure", "value", "95 %", "real", "control", "clips", f"mark ({trained_on})", "")]
    for figure in evaluation.figures:
        mark, met = judged.get(figure.name, (None, None))
        interval = f"{_number(figure.low)} to {_number(figure.high)}"
        rows.append(
            (
                figure.title, _number(figure.value), interval, _number(figure.real), _number(figure.control),
                str(figure.count), mark.words() if mark else "", "" if met is None else "PASS" if met else "FAIL",
            )
        )  # fmt: skip
    lines = [f"{evaluation.model}, {evaluation.device}, {evaluation.threads} threads", "", *_columns(rows), ""]
    effects = [("effect", "effect right", "colour right", "taken for")]
    for family, found in by_family(evaluation.sampled).items():
        effects.append(
            (family, f"{found['effect_right']:.2f}", f"{found['colour_right']:.2f}", str(found["taken_for"]))
        )
    return "\n".join([*lines, *_columns(effects)])


def as_document(evaluation: Evaluation, trained_on: MarkSet) -> dict[str, Any]:
    """Everything that was measured, as JSON can hold it."""
    judged = verdicts(evaluation, trained_on)
    return {
        "model": evaluation.model,
        "version": __version__,
        "device": evaluation.device,
        "threads": evaluation.threads,
        "marks": trained_on,
        "passed": all(met for _, met in judged.values()),
        "figures": [
            as_json(figure) | {"mark": judged[figure.name][0].words(), "passed": judged[figure.name][1]}
            if figure.name in judged
            else as_json(figure) | {"mark": None, "passed": None}
            for figure in evaluation.figures
        ],
        "effects": by_family(evaluation.sampled),
        "prompts": [
            {"prompt": one.prompt.text, "effect": one.prompt.family, "colour": one.prompt.colour,
             "seed": one.prompt.seed, "taken_for": one.named, "colour_group": one.colour_group}
            for one in evaluation.sampled
        ],
    }  # fmt: skip


def write_sheet(evaluation: Evaluation, path: Path) -> None:
    """Write a contact sheet: of each effect the first clips, which differ in colour, as the server delivers them."""
    chosen = []
    for family in evaluation.effects:
        members = [one for one in evaluation.sampled if one.prompt.family == family]
        chosen += members[:_CLIPS_A_FAMILY]
    clips = [(straight_frames(one.clip, premultiplied=True) / 255).astype(np.float32) for one in chosen]
    labels = [f"{one.prompt.text}  [{one.named}, {one.colour_group}]" for one in chosen]
    contact_sheet.write(path, clips, labels, columns=_CLIPS_A_FAMILY)


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.4f}"
