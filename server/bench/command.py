"""`python -m server bench`."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from server.transpixar.compile import why_not_compile
from server.transpixar.flops import clip_flops
from server.transpixar.planner import DoesNotFit

from .device import CLOCKS, describe_machine, measure_matmul_rate, own_precision, pick_device
from .product import QUALITIES, Product
from .results import Results, ResultsUnusable
from .run import Bench, BudgetSpent
from .sizes import CLIP_STEPS, SIZES, BenchSize
from .table import render
from .variants import PLAIN, Variant, attention_backend, compiled, exact, plain
from .workload import Workload, clip_of

_STEPS_MEASURED = {"full": 6, "small": 7}
_CLIP_STEPS_MEASURED, _QUICK_STEPS = {"full": 10, "small": 4}, 2
_QUICK_SIDE, _QUICK_FRAMES = 32, 5
_BUDGET_SPENT, _INTERRUPTED = 3, 130  # exit statuses; the second is what a shell gives after Ctrl+C


def main(arguments: list[str]) -> int:
    """Time a step, a clip and the plain method on this machine."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    started = time.monotonic()
    try:
        device = pick_device(options.device)
        if options.clock == "cpu":
            torch.set_num_threads(1)  # or waiting threads would count
        size = _size(options, device)
        variants = _variants(options, device)
        work = Workload(size, device, own_precision(device))
        results = _results(options, work)
        torch.manual_seed(0)
        product = Product(work, options.plan)
    except (ValueError, ResultsUnusable, DoesNotFit) as error:
        print(error, file=sys.stderr)
        return 2
    except torch.OutOfMemoryError:
        print("The weights alone do not fit on this device; use --size small.", file=sys.stderr)
        return 2
    bench = Bench(
        product,
        results,
        rounds=1 if options.quick else options.steps_measured or _STEPS_MEASURED[size.name],
        save_to=options.json,
        clock=CLOCKS[options.clock],
        deadline=started + options.budget_seconds if options.budget_seconds else float("inf"),
        matmul_seconds=0.05 if options.quick else 1.0,
    )
    status = 0
    try:
        _measure(bench, variants, options)
    except BudgetSpent:
        again = "run the same command again to go on" if options.json else "give it more, or --json FILE to go on later"
        print(
            f"The {options.budget_seconds:g} seconds are over before everything was measured; {again}.", file=sys.stderr
        )
        status = _BUDGET_SPENT
    except KeyboardInterrupt:
        status = _INTERRUPTED
    print(render(results))
    return status


def _measure(bench: Bench, variants: list[Variant], options: argparse.Namespace) -> None:
    """Measure everything that is asked for and not there yet, what matters most first. Raises BudgetSpent."""
    bench.passes(variants)
    if any(variant.name == PLAIN for variant in variants):
        bench.agreement()
    bench.decoding()
    bench.steps(options.quality, _QUICK_STEPS if options.quick else _CLIP_STEPS_MEASURED[bench.work.size.name])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server bench", description=main.__doc__)
    parser.add_argument(
        "--size", choices=list(SIZES), help="full needs a GPU; by default full there and small elsewhere"
    )
    parser.add_argument("--width", type=int, help="of the clip, in pixels")
    parser.add_argument("--height", type=int)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--steps-measured", type=int, metavar="N", help="times that each row is measured")
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="cpu: processor time on one thread, where other programs run too",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write results here row by row; go on with those there"
    )
    parser.add_argument(
        "--budget-seconds", type=float, metavar="S", help="stop before this much time is over (exit status 3)"
    )
    parser.add_argument(
        "--baseline", action=argparse.BooleanOptionalAction, default=True, help="time the plain method too"
    )
    parser.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, help="time compiled blocks too; by default on a GPU"
    )
    parser.add_argument(
        "--attention",
        action="append",
        default=[],
        metavar="BACKEND",
        help="time this attention backend too; repeatable",
    )
    parser.add_argument(
        "--quality",
        nargs="*",
        choices=QUALITIES,
        default=QUALITIES,
        help="time the sampling loop under these qualities",
    )
    parser.add_argument("--plan", help="memory plan; chosen by free memory unless named")
    parser.add_argument("--quick", action="store_true", help="a tiny clip, once: to see that everything runs")
    return parser


def _size(options: argparse.Namespace, device: torch.device) -> BenchSize:
    """The size asked for. Raises ValueError."""
    size = SIZES[options.size or ("full" if device.type == "cuda" else "small")]
    if options.quick:
        size = replace(size, width=_QUICK_SIDE, height=_QUICK_SIDE, num_frames=_QUICK_FRAMES)
    size = clip_of(size, options.width, options.height, options.frames)
    if size.name == "full" and device.type == "cpu" and not options.quick:
        work = Workload(size, device, torch.float32)
        flops = clip_flops(size.transformer, size.vae, work.latents, rank=size.rank, passes=2 * CLIP_STEPS)
        hours = flops.floor_seconds(measure_matmul_rate(device, torch.float32, 0.2)) / 3600
        raise ValueError(
            f"One clip of the full size would take {hours:.0f} hours on this CPU; use --size small, or a CUDA GPU."
        )
    return size


def _variants(options: argparse.Namespace, device: torch.device) -> list[Variant]:
    """What is to be compared. Raises ValueError."""
    variants = [plain()] if options.baseline else []
    variants.append(exact())
    if why_not_compile(device) is None if options.compile is None else options.compile:
        variants.append(compiled())
    return variants + [attention_backend(name) for name in options.attention]


def _results(options: argparse.Namespace, work: Workload) -> Results:
    """What is in the file already, or nothing. Raises ResultsUnusable."""
    machine = describe_machine(work.device)
    settings: dict[str, Any] = {
        "size": work.size.name,
        "width": work.size.width,
        "height": work.size.height,
        "num_frames": work.size.num_frames,
        "dtype": str(work.dtype).removeprefix("torch."),
        "clock": options.clock,
    }
    return Results.load(options.json, machine, settings) if options.json else Results(machine, settings)
