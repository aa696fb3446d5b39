"""The options that finish a clip, as a recipe."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from server.commands.clip_options import rate
from server.media.errors import MediaError
from server.media.steps.background import RemoveBackground
from server.media.steps.choke import Choke
from server.media.steps.crop import Crop, Recentre
from server.media.steps.edges import FadeEdges
from server.media.steps.extension import Extend
from server.media.steps.levels import Levels
from server.media.steps.loop import Loop
from server.media.steps.luma_key import LumaKey
from server.media.steps.order import Hold, PingPong, Reverse, Trim
from server.media.steps.recipe import Recipe, Step
from server.media.steps.resize import Resize
from server.media.steps.retime import Retime
from server.media.steps.smoothing import Smooth

_COLOURS = {"black": (0.0, 0.0, 0.0), "white": (1.0, 1.0, 1.0)}


def add_finishing_options(parser: argparse.ArgumentParser) -> None:
    """One option for every step, and one for a recipe that was written down."""
    group = parser.add_argument_group(
        "finishing", "what is done to the clip, in this order whatever the order of the options"
    )

    def add(name: str, help: str, **how: Any) -> None:
        group.add_argument(name, help=help, **how)

    def optional(step: Callable[..., Step], setting: str, kind: Callable[[str], float], metavar: str) -> dict[str, Any]:
        return {"nargs": "?", "const": step(), "type": _single(step, setting, kind), "metavar": metavar}

    add("--trim", "frames A to B, both included, from 1; A: and :B leave one open", type=_trim, metavar="A:B")
    add("--key", "alpha from brightness over black, for fire, sparks and lightning", choices=["luma"])
    add(
        "--despill",
        "take the background's colour out of the edges: auto, black, white or #rrggbb",
        type=_despill,
        metavar="COLOUR",
    )
    add("--levels", "alpha's black and white point, 0 to 1, and gamma", type=_levels, metavar="BLACK,WHITE[,GAMMA]")
    add(
        "--smooth",
        "less flicker of alpha; changes above GATE (0.1) are taken for movement",
        **optional(Smooth, "gate", float, "GATE"),
    )
    add(
        "--choke",
        "move the outline inwards, or outwards when negative; parts of pixels are possible",
        type=_single(Choke, "pixels", float),
        metavar="PIXELS",
    )
    add(
        "--fade-edges",
        "fade the effect out over the outermost PIXELS of the frame",
        type=_single(FadeEdges, "pixels", float),
        metavar="PIXELS",
    )
    add(
        "--extend",
        "continue colour under pixels up to ALPHA (0: those that cannot be seen)",
        **optional(Extend, "below", float, "ALPHA"),
    )
    add("--crop", "cut to the effect with MARGIN (8) pixels around it", **optional(Crop, "margin", int, "MARGIN"))
    add("--recentre", "move the effect to the middle of the frame", action="store_const", const=Recentre())
    add("--fps", "frames a second of the result, for example 24 or 24000/1001", type=rate)
    add("--rate", "how --fps makes frames (repeat)", choices=["repeat", "blend", "motion"], default="repeat")
    add("--reverse", "the last frame first", action="store_const", const=Reverse())
    add("--ping-pong", "forwards, then backwards", action="store_const", const=PingPong())
    add(
        "--loop",
        "dissolve the end into the beginning over FRAMES (a quarter)",
        **optional(Loop, "overlap", int, "FRAMES"),
    )
    add("--hold", "show the first and the last frame so many frames longer", type=_hold, metavar="[START,]END")
    add("--scale", "times the size, for example 2 or 0.5", type=_single(Resize, "scale", float), metavar="FACTOR")
    add("--recipe", "a recipe in a file, instead of the options above", type=Path, metavar="JSON")


_STEPS = (
    *("trim", "despill", "levels", "smooth", "choke", "fade_edges", "extend", "crop", "recentre"),
    *("reverse", "ping_pong", "loop", "hold", "scale"),
)


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The recipe that the options describe. Raises MediaError when its file is none, or both are given."""
    steps: list[Step] = [getattr(options, name) for name in _STEPS if getattr(options, name) is not None]
    if options.key:
        steps.append(LumaKey())
    if options.fps:
        steps.append(Retime(fps=options.fps, method=options.rate))
    elif options.rate != "repeat":
        raise MediaError("--rate says how frames are made for another rate; name that rate with --fps.")
    if options.loop and options.ping_pong:
        raise MediaError("A clip that goes forwards and backwards repeats by itself; use --loop or --ping-pong.")
    if options.recipe is None:
        return Recipe.ordered(steps)
    if steps:
        raise MediaError("A recipe is the whole finishing; leave the other finishing options out, or the recipe.")
    try:
        return Recipe.from_json(options.recipe.read_bytes())
    except OSError as error:
        raise MediaError(f"The recipe {options.recipe} cannot be read ({error.strerror}).") from None
    except MediaError as error:
        raise MediaError(f"{options.recipe}: {error}") from None


def _single(step: Callable[..., Step], setting: str, kind: Callable[[str], float]) -> Callable[[str], Step]:
    """A type for options that hold one number, the setting of a step."""

    def parsed(text: str) -> Step:
        return _made(text, lambda: step(**{setting: kind(text)}))

    return parsed


def _trim(text: str) -> Step:
    first, colon, last = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"'{text}' is no range; write it as 2:40, 2: or :40")
    return _made(text, lambda: Trim(first=int(first or 1), last=int(last) if last else None))


def _despill(text: str) -> Step:
    if text == "auto":
        return RemoveBackground()
    if text in _COLOURS:
        return RemoveBackground(colour=_COLOURS[text])
    if not re.fullmatch("#?[0-9a-fA-F]{6}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no colour; write auto, black, white or #rrggbb")

    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return RemoveBackground(colour=(red / 255, green / 255, blue / 255))


def _levels(text: str) -> Step:
    parts = text.split(",")
    if len(parts) not in (2, 3):
        raise argparse.ArgumentTypeError(f"'{text}' must be a black and a white point, as in 0.02,0.98")

    def step() -> Step:
        black, white, gamma = map(float, [*parts, "1"][:3])
        return Levels(black=black, white=white, gamma=gamma)

    return _made(text, step)


def _hold(text: str) -> Step:
    start, _, end = text.rpartition(",")
    return _made(text, lambda: Hold(start=int(start or 0), end=int(end)))


def _made(text: str, make: Callable[[], Step]) -> Step:
    try:
        return make()
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise argparse.ArgumentTypeError(f"'{text}' is not possible ({message})") from None
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no number; name the clips before the options") from None
