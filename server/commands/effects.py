"""`python -m server effects`: effects drawn by a procedure, without any model, as clips."""

from __future__ import annotations

import argparse
import re
import secrets
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from tqdm import tqdm

from server.commands.clip_options import STATUS_INTERRUPTED, rate
from server.files import reason_of
from server.jobs.request import SEED_COUNT
from server.media.colour import Frame
from server.media.errors import MediaError
from server.media.formats import FORMATS, export
from server.media.hand_off_formats import CLIP_FOLDER
from server.media.naming import slug
from server.media.stream import ClipInfo, ClipStream
from server.training import contact_sheet
from server.training.effects import FAMILIES, Look, render
from server.training.effects.captions import NOUNS
from server.training.effects.clip_folder import PROCEDURAL, write_clip_folder
from server.training.effects.long_clips import frames_of
from server.training.effects.palette import COLOURS
from server.training.effects.prompt import USUAL_COLOURS, PromptError, read_prompt

# A clip folder is in memory as a whole before it is written.
_MOST_PIXELS = 500_000_000


def main(arguments: list[str]) -> int:
    """Draw the effect that a prompt names, without any model, and write it as a clip."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        print(_list())
        return 0
    if options.prompt is None and options.sheet is None:
        parser.error("name an effect, for example 'blue sparks', or give --list or --sheet FILE.png")
    # The folder is named where nothing can be written, and not a file of ours that nobody asked for.
    place = options.out
    try:
        if options.sheet is not None:
            place = options.sheet.parent
            write_sheet(options.sheet, seed=options.seed or 0)
            print(options.sheet)
            place = options.out
        if options.prompt is not None:
            print(_draw(options))
    except (PromptError, MediaError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, PromptError) else 1
    except OSError as error:
        print(f"{place} cannot be written ({reason_of(error)}).", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Cancelled.", file=sys.stderr)
        return STATUS_INTERRUPTED
    return 0


def write_sheet(path: Path, *, seed: int = 0) -> None:
    """Write a contact sheet of all effects in their usual colours. Raises OSError, MediaError."""
    if path.suffix.lower() != ".png":
        raise MediaError(f"A contact sheet is a PNG; name it {path.stem}.png.")
    clips = [render(Look(name, USUAL_COLOURS[name]), np.random.default_rng(seed), 9, 96, 96) for name in FAMILIES]
    path.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet.write(path, clips, [f"{USUAL_COLOURS[name]} {name}" for name in FAMILIES])


def _parser() -> argparse.ArgumentParser:
    formats = "\n".join(f"  {format.name:20} {format.title}" for format in FORMATS.values())
    parser = argparse.ArgumentParser(
        prog="python -m server effects",
        description=main.__doc__,
        epilog=f"formats:\n  {CLIP_FOLDER:20} clip folder, 8-bit PNG and sidecar\n{formats}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("prompt", nargs="?", help="an effect and a colour, for example 'a few small blue sparks'")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder that the clip goes into")
    parser.add_argument("--size", type=_size, default=(480, 320), metavar="WxH", help="in pixels (480x320)")
    parser.add_argument("--frames", type=_frames, default=49, metavar="N", help="how many (49)")
    parser.add_argument("--fps", type=rate, default=Fraction(24), help="frames a second (24)")
    parser.add_argument("--seed", type=_seed, metavar="N", help="drawn when not given")
    parser.add_argument(
        "--format", choices=[CLIP_FOLDER, *FORMATS], default=CLIP_FOLDER, metavar="FORMAT", help="one of those below"
    )
    parser.add_argument("--force", action="store_true", help="replace a file of the same name")
    parser.add_argument("--list", action="store_true", help="list the effects and colours, and do nothing else")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="write a contact sheet of all effects")
    return parser


def _draw(options: argparse.Namespace) -> Path:
    """Draw and write a clip. Raises PromptError, MediaError, OSError."""
    reading = read_prompt(options.prompt)
    for note in reading.notes:
        print(note, file=sys.stderr)
    seed = secrets.randbelow(SEED_COUNT) if options.seed is None else options.seed
    width, height = options.size
    if options.format == CLIP_FOLDER and options.fps.denominator != 1:
        raise MediaError(f"A clip folder has a whole number of frames a second; use {round(options.fps)}, or a movie.")
    if width * height * options.frames > _MOST_PIXELS:
        raise MediaError("All frames together have over 500 million pixels; use fewer frames or a smaller size.")
    name = slug(options.prompt)
    info = ClipInfo(
        name=name,
        width=width,
        height=height,
        fps=options.fps,
        frame_count=options.frames,
        metadata={"prompt": options.prompt, "seed": str(seed), "model": PROCEDURAL.name},
        notes=reading.notes,
    )
    with tqdm(total=options.frames, desc=name, unit="frame", file=sys.stderr, disable=None) as bar:

        def frames() -> Iterator[Frame]:
            for frame in frames_of(reading.look, seed, options.frames, height, width):
                yield frame
                bar.update()

        stream = ClipStream(info, frames)
        if options.format == CLIP_FOLDER:
            return write_clip_folder(stream, options.out, prompt=options.prompt, seed=seed)
        target = options.out / f"{name}_{seed}_{options.format}{FORMATS[options.format].suffix}"
        return export(stream, options.format, target, force=options.force)


def _list() -> str:
    width = max(map(len, FAMILIES))
    effects = [f"  {name:{width}}  {', '.join(dict.fromkeys(NOUNS[name]))}" for name in FAMILIES]
    return "\n".join(["effects, and what they are called:", *effects, f"colours: {', '.join(COLOURS)}"])


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text.strip().lower())
    width, height = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not (16 <= width <= 8192 and 16 <= height <= 8192):
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write it as 480x320, each number 16 to 8192")
    return width, height


def _frames(text: str) -> int:
    return _whole(text, 1, 100_000, "number of frames")


def _seed(text: str) -> int:
    return _whole(text, 0, SEED_COUNT - 1, "seed")


def _whole(text: str, low: int, high: int, what: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"'{text}' is no {what}; use a whole number from {low} to {high}")
    return value
