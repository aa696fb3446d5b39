"""`python -m server inspect`: what there is to say about a clip, in numbers and as a picture."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from server.commands.clip_options import STATUS_INTERRUPTED, add_reading_options, opened
from server.files import new_file
from server.media.contact_sheet import ContactSheet
from server.media.errors import MediaError
from server.media.report import ClipReport, Measure, sentences
from server.media.stream import ClipInfo, ClipStream


def main(arguments: list[str]) -> int:
    """Print a report about a clip of any kind and write a contact sheet of it."""
    options = _parser().parse_args(arguments)
    try:
        stream = opened(options.clip, options)
        sheet = None if options.no_sheet else options.sheet or _sheet_path(options.clip)
        if sheet and sheet.parent.is_dir() and not os.access(sheet.parent, os.W_OK):
            print(_unwritable(sheet, "it is read-only"), file=sys.stderr)
            return 1
        report = _inspect(stream, sheet)
    except MediaError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(_unwritable(sheet or options.clip, error.strerror or str(error)), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Cancelled.", file=sys.stderr)
        return STATUS_INTERRUPTED
    if options.json:
        # In ASCII, because a file's name may hold bytes that are no text.
        print(json.dumps(_as_json(stream.info, report, sheet), indent=2))
    else:
        print("\n".join([*_about(stream.info), *sentences(report), *([f"contact sheet     {sheet}"] if sheet else [])]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server inspect", description=main.__doc__)
    parser.add_argument("clip", type=Path, metavar="CLIP", help="a clip, as `convert` takes it")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="the contact sheet's file; else beside the clip")
    parser.add_argument("--no-sheet", action="store_true", help="write no contact sheet")
    add_reading_options(parser)
    return parser


def _inspect(stream: ClipStream, sheet: Path | None) -> ClipReport:
    """Read the clip once. Raises MediaError and OSError."""
    measure, pictures = Measure(), ContactSheet(stream)
    bar = tqdm(total=stream.info.frame_count, desc=stream.info.name, unit="frame", file=sys.stderr, leave=False)
    with bar, closing(stream.frames()) as frames:
        for frame in frames:
            measure.add(frame)
            pictures.add(frame)
            bar.update()
    if sheet:
        with new_file(sheet) as partial:
            pictures.draw().save(partial, "PNG")
    return measure.report()


def _sheet_path(clip: Path) -> Path:
    """`orange-fire_7_1a2b3c4d_inspect.png` beside the clip; nothing is written into it."""
    real = clip.resolve()
    real = real.parent if real.suffix.lower() == ".transpixar" else real
    return real.parent / f"{real.name if real.is_dir() else real.stem}_inspect.png"


def _unwritable(sheet: Path, reason: str) -> str:
    return (
        f"The contact sheet cannot be written into the folder {sheet.absolute().parent} ({reason}); name another place "
        "with --sheet, or leave it out with --no-sheet."
    )


def _about(info: ClipInfo) -> list[str]:
    fps = f"{float(info.fps):.3f}".rstrip("0").rstrip(".")
    return [
        info.name,
        f"{info.width} x {info.height}, {info.frame_count} frames of {fps} a second ({float(info.seconds):.2f} s)",
        f"{info.bit_depth} bits, {info.colour_space}, alpha {info.alpha_mode}",
        *(f"{key}: {value}" for key, value in info.metadata.items()),
    ]


def _as_json(info: ClipInfo, report: ClipReport, sheet: Path | None) -> dict[str, Any]:
    about = {**asdict(info), "fps": str(info.fps)}
    return {"clip": about, "report": asdict(report), "contact_sheet": str(sheet) if sheet else None}
