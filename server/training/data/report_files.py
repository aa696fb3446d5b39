"""A report as files: JSON for programs, and one HTML page with pictures for people. No torch here."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from server.files import write_file
from server.media.colour import quantised
from server.training.contact_sheet import checkerboard, over
from server.training.data.report import CheckedClip, Problem, Report, Thumbnails

_STYLE = """
body { background: #1b1d21; color: #ddd; font: 14px/1.45 system-ui, sans-serif; margin: 2em; }
table { border-collapse: collapse; width: 100%; }
td, th { border-top: 1px solid #3a3d44; padding: 8px; text-align: left; vertical-align: top; }
img { display: block; image-rendering: pixelated; }
.error { color: #ff8a80; }
.warning { color: #ffd180; }
ul { margin: 0; padding-left: 1.2em; }
"""


def write_report(report: Report, stem: Path) -> tuple[Path, Path]:
    """Write `<stem>.json` and `<stem>.html` and return them. Raises OSError."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    as_json, as_page = stem.with_name(stem.name + ".json"), stem.with_name(stem.name + ".html")
    write_file(as_json, report.to_json().encode())
    write_file(as_page, page(report).encode())
    return as_json, as_page


def page(report: Report) -> str:
    """One HTML page that needs no other file. Clips with errors come first, then those with warnings."""
    folder_wide = "".join(_problem(problem) for problem in _of_no_clip(report))
    clips = sorted(report.clips, key=lambda clip: _urgency(report, clip))
    rows = "\n".join(_row(clip, report.of(clip.name)) for clip in clips)
    name = escape(report.folder.name)
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{name}: training data</title><style>{_STYLE}</style></head>
<body>
<h1>{name}</h1>
<p>{len(report.clips)} clips; errors (must be mended): {len(report.errors)}, warnings: {len(report.warnings)}</p>
<ul>{folder_wide}</ul>
<table>
<tr><th>over a checkerboard, and alpha</th><th>clip</th><th>captions</th><th>problems</th></tr>
{rows}
</table>
</body>
</html>
"""


def _of_no_clip(report: Report) -> list[Problem]:
    """Problems of the folder, and of files that are no clip."""
    names = {clip.name for clip in report.clips}
    return [problem for problem in report.problems if problem.clip not in names]


def _urgency(report: Report, clip: CheckedClip) -> tuple[bool, bool, str]:
    severities = {problem.severity for problem in report.of(clip.name)}
    return "error" not in severities, "warning" not in severities, clip.name


def _row(clip: CheckedClip, problems: list[Problem]) -> str:
    picture = f'<img alt="" src="{_strip(clip.thumbnails)}">' if clip.thumbnails else ""
    captions = "".join(f"<li>{escape(text)}</li>" for text in clip.captions)
    sentences = "".join(_problem(problem, named=False) for problem in problems)
    facts = "<br>".join(escape(line) for line in _facts(clip))
    return (
        f"<tr><td>{picture}</td><td><b>{escape(clip.name)}</b><br>{facts}</td><td><ul>{captions}</ul></td>"
        f"<td><ul>{sentences}</ul></td></tr>"
    )


def _facts(clip: CheckedClip) -> list[str]:
    if clip.width is None or clip.fps is None:
        return []
    lines = [f"{clip.width} x {clip.height}, {clip.frame_count} frames at {clip.fps} fps"]
    if clip.mean_alpha is not None:
        lines.append(f"alpha {clip.alpha_mode}, mean {clip.mean_alpha:.3f}, highest {clip.highest_alpha:.3f}")
    if clip.bucket:
        lines.append(f"trained at {clip.bucket}" + (f", in {clip.parts} parts" if clip.parts > 1 else ""))
    return lines


def _problem(problem: Problem, *, named: bool = True) -> str:
    return f'<li class="{problem.severity}">{escape(str(problem) if named else problem.sentence)}</li>'


def _strip(thumbnails: Thumbnails) -> str:
    """Frames over a checkerboard side by side, their alphas below, as a data address."""
    height, width, _ = thumbnails[0].shape
    board = checkerboard(height, width)
    shown = np.concatenate([over(frame, board) for frame in thumbnails], axis=1)
    alphas = np.concatenate([np.repeat(frame[..., 3:], 3, axis=-1) for frame in thumbnails], axis=1)
    picture = Image.fromarray(quantised(np.concatenate([shown, alphas]), 8))
    data = io.BytesIO()
    picture.save(data, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode("ascii")
