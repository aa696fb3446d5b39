"""`python -m server convert`: clips into the file that a compositor, a browser or a game engine reads."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from server.commands.clip_options import STATUS_INTERRUPTED, add_reading_options, opened
from server.commands.finishing_options import add_finishing_options, recipe_of
from server.media.errors import MediaError
from server.media.formats import FORMATS, Format, check_target, export
from server.media.images import SUFFIXES as IMAGE_SUFFIXES
from server.media.naming import SIDECAR_SUFFIX
from server.media.numbering import name_without_number
from server.media.sprite_sheet import SHEET_NAME
from server.media.steps.recipe import Recipe
from server.media.stream import ClipStream


def main(arguments: list[str]) -> int:
    """Convert clips of any kind to one format."""
    options = _parser().parse_args(arguments)
    format = FORMATS[options.to]
    if options.matte and len(options.clips) > 1:
        print("A matte belongs to one clip; convert the clips one by one, each with its --matte.", file=sys.stderr)
        return 2
    try:
        recipe = recipe_of(options)
    except MediaError as error:
        print(error, file=sys.stderr)
        return 2
    failed = 0
    try:
        for path in options.clips:
            try:
                print(_convert(path, format, recipe, options))
            except MediaError as error:
                print(error, file=sys.stderr)
                failed += 1
    except KeyboardInterrupt:
        print("Cancelled.", file=sys.stderr)
        return STATUS_INTERRUPTED
    if failed and len(options.clips) > 1:
        print(f"{failed} of {len(options.clips)} clips were not converted.", file=sys.stderr)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    formats = "\n".join(f"  {format.name:20} {format.title}" for format in FORMATS.values())
    parser = argparse.ArgumentParser(
        prog="python -m server convert",
        description=main.__doc__,
        epilog=f"formats:\n{formats}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "clips",
        nargs="+",
        type=Path,
        metavar="CLIP",
        help="a clip folder, an image sequence (its folder, a frame, or shot_####.png), a movie, an animated picture, "
        "the JSON file of a sprite sheet, or a folder with fgr and pha",
    )
    parser.add_argument("--to", required=True, choices=list(FORMATS), metavar="FORMAT", help="one of those below")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="the file or folder to write; for several clips, or when it is there, the folder that they go into. "
        "Without it they go beside their clips",
    )
    parser.add_argument("--force", action="store_true", help="replace what an earlier conversion has left")
    add_reading_options(parser)
    add_finishing_options(parser)
    return parser


def _convert(path: Path, format: Format, recipe: Recipe, options: argparse.Namespace) -> Path:
    """Convert one clip and return what was written. Raises MediaError."""
    stream = opened(path, options)
    target = _target(path, format, options.out, many=len(options.clips) > 1)
    _protect_source([path, *([options.matte] if options.matte else [])], target)
    check_target(target, format, force=options.force)
    finished = recipe.apply(stream)
    for note in finished.info.notes[len(stream.info.notes) :]:
        print(note, file=sys.stderr)
    return _export(finished, format, target, force=options.force)


def _export(stream: ClipStream, format: Format, target: Path, *, force: bool) -> Path:
    with tqdm(total=stream.info.frame_count, desc=stream.info.name, unit="frame", file=sys.stderr) as bar:

        def progress(count: int) -> None:
            bar.update(count - bar.n)

        return export(stream, format.name, target, force=force, progress=progress)


def _target(path: Path, format: Format, out: Path | None, *, many: bool) -> Path:
    """Where the result goes: `orange-fire_7_1a2b3c4d_prores4444.mov` beside the clip when nothing is said."""
    name = f"{_stem(path)}_{format.name}{format.suffix}"
    if out is None:
        return _clip_itself(path).parent / name
    if many or (out.is_dir() and not _is_export(out, format)):
        return out / name
    return out


def _is_export(out: Path, format: Format) -> bool:
    """Whether a folder that is there is itself what `--force` may replace, and not the place to put things into."""
    return not format.suffix and any((out / name).exists() for name in ("0001.png", "0001.exr", SHEET_NAME))


def _stem(path: Path) -> str:
    """The name of a clip: of its folder, or of its file without suffix and, for an image, number."""
    clip = _clip_itself(path)
    if clip.is_dir():
        return clip.name
    is_image = clip.suffix.lower() in IMAGE_SUFFIXES
    return (name_without_number(clip) if is_image else "") or clip.stem


def _clip_itself(path: Path) -> Path:
    """The folder, when a path names a sidecar or a frame that has only a number for a name; else the path."""
    real = path.resolve()
    alone = real.suffix.lower() in IMAGE_SUFFIXES and not name_without_number(real)
    return real.parent if alone or real.suffix.lower() == SIDECAR_SUFFIX else real


def _protect_source(sources: list[Path], target: Path) -> None:
    """Raises MediaError when the target is a source, or holds one, or lies within one."""
    where = target.resolve()
    for source in sources:
        real = source.resolve()
        folder = real if real.is_dir() else real.parent
        if where in (real, folder) or where in real.parents:
            raise MediaError(f"{target} is the clip itself, which is never changed; choose another name with --out.")
        if real.is_dir() and real in where.parents:
            raise MediaError(f"{target} lies in the clip's own folder; choose another place with --out.")
