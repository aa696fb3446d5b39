"""The options of `python -m server generate`."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

Json = dict[str, Any]

# What stands in the request as it is.
_REQUEST_FIELDS = (
    "negative_prompt", "seed", "num_clips", "width", "height", "num_frames", "footage_start", "steps", "guidance",
    "cfg_schedule", "text_to_alpha", "quality", "memory_plan", "model", "loop", "clean_up",
)  # fmt: skip


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(prog="python -m server generate", description=description)
    parser.add_argument("prompt", help="what to show, for example 'orange fire'")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder that the clips' folders go into")
    _add_clip_options(parser.add_argument_group("the clips"))
    _add_model_options(parser.add_argument_group("how they are made"))
    _add_server_options(parser.add_argument_group("where they are made"))
    return parser


def request_fields(options: argparse.Namespace) -> Json:
    """The fields of the request that the options name, besides the prompt and the uploads."""
    fields = {name: getattr(options, name) for name in _REQUEST_FIELDS}
    if options.size is not None:
        fields["width"], fields["height"] = options.size
    if options.style_lora:
        fields["style_loras"] = options.style_lora
    return {name: value for name, value in fields.items() if value is not None}


def _add_clip_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--negative-prompt", metavar="TEXT", help="what not to show")
    group.add_argument("--clips", type=int, dest="num_clips", metavar="N", help="how many, each with the next seed")
    group.add_argument("--seed", type=int, help="number that the noise comes from; drawn when not given")
    group.add_argument("--size", type=_size, metavar="WxH", help="width and height in pixels, for example 64x64")
    group.add_argument("--width", type=int)
    group.add_argument("--height", type=int)
    group.add_argument("--frames", type=int, dest="num_frames")
    group.add_argument("--image", type=Path, metavar="FILE", help="image that the clips begin with")
    group.add_argument("--footage", type=Path, metavar="FILE", help="video that gets an alpha")
    group.add_argument("--footage-start", type=int, metavar="N", help="frames of it to leave out at its beginning")


def _add_model_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--model", help="name of the model")
    group.add_argument("--steps", type=int, help="sampling steps")
    group.add_argument("--guidance", type=float, help="guidance scale")
    group.add_argument("--cfg-schedule", choices=["constant", "dynamic"])
    group.add_argument("--text-to-alpha", choices=["strict", "reference", "open"])
    group.add_argument("--quality", choices=["exact", "balanced", "fast"])
    group.add_argument("--loop", action="store_true", default=None, help="a clip whose end leads to its beginning")
    group.add_argument(
        "--clean-up",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="take the haze out of alpha and fade the frame's edges; done when not given",
    )
    group.add_argument("--plan", dest="memory_plan", help="memory plan, see docs/memory.md; chosen when not given")
    group.add_argument(
        "--style-lora",
        type=_style_lora,
        action="append",
        metavar="NAME[=STRENGTH]",
        help="a style LoRA of the server and its strength, 1 when not given; can be repeated",
    )


def _add_server_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--server", metavar="URL", help="a running server; otherwise the one on this machine, or one for these clips"
    )
    group.add_argument("--data-dir", type=Path, metavar="DIR", help="data folder of the server for these clips")
    group.add_argument(
        "--model-dir", action="append", default=[], metavar="DIR", help="a model folder besides the built-in ones"
    )


def _size(text: str) -> tuple[int, int]:
    """The width and height in a text such as `64x64`. Raises argparse.ArgumentTypeError."""
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text.strip().lower())
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a size; write it as 64x64")
    return int(match[1]), int(match[2] or match[1])


def _style_lora(text: str) -> Json:
    """The name and strength in a text such as `watercolour=0.8`. Raises argparse.ArgumentTypeError."""
    name, _, strength = text.partition("=")
    try:
        return {"name": name, "strength": float(strength or 1)}
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' has no number after the =; write it as {name}=0.8") from None
