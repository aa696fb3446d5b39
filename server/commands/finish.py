"""`python -m server finish`: a clip of this server after a recipe, as a new clip beside it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from server.commands.clip_options import STATUS_INTERRUPTED
from server.commands.finishing_options import add_finishing_options, recipe_of
from server.media.errors import MediaError
from server.media.finishing import FinishedClip, apply_recipe
from server.media.report import sentences
from server.media.steps.recipe import Recipe


def main(arguments: list[str]) -> int:
    """Finish clips: write each, after the steps, as a new clip folder that names its source."""
    options = _parser().parse_args(arguments)
    failed = 0
    try:
        recipe = recipe_of(options)
        if not recipe.steps:
            print("There is nothing to do; name at least one step.", file=sys.stderr)
            return 2
        for clip in options.clips:
            try:
                _tell(_finish(clip, recipe, options.out))
            except MediaError as error:
                print(error, file=sys.stderr)
                failed += 1
    except MediaError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Cancelled.", file=sys.stderr)
        return STATUS_INTERRUPTED
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server finish", description=main.__doc__)
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP", help="a clip folder of this server")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder for the new clips; else beside theirs")
    add_finishing_options(parser)
    return parser


def _finish(clip: Path, recipe: Recipe, out: Path | None) -> FinishedClip:
    with tqdm(desc=clip.name, unit="frame", file=sys.stderr) as bar:

        def progress(count: int, of: int) -> None:
            bar.total = of
            bar.update(count - bar.n)

        return apply_recipe(clip, recipe, out, progress=progress)


def _tell(finished: FinishedClip) -> None:
    print(finished.folder)
    for title, report in (("before", finished.before), ("after", finished.after)):
        print(f"{title}:")
        print("\n".join("  " + line for line in sentences(report)))
    for warning in finished.warnings:
        print(warning, file=sys.stderr)
