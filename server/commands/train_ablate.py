"""`python -m server train ablate`: what each part of the recipe is worth, at the scale of the embedded model."""

import argparse
import inspect
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Train every arm of the ablations from one RGB-only base, then write plots and a table.

    The base is a model folder in diffusers' layout without RGBA weights, as `python -m server.training.mini` leaves it
    in its work folder (`rgb_base`). What is finished is not done again; docs/ablations.md tells the rest.
    """
    options = _parser().parse_args(arguments)
    # Here, because they bring torch: --help is answered without.
    import torch

    from server.training.ablations import plots, run

    torch.set_num_threads(options.threads)
    results = run.run(
        options.work, options.base, seeds=options.seeds, steps=options.steps, batch=options.batch, clips=options.clips
    )
    for path in plots.draw(results, options.out):
        print(path)
    print(plots.table(results))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m server train ablate",
        description=inspect.getdoc(main),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--base", type=Path, required=True, metavar="DIR", help="the RGB-only base")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="for clips, latents and figures")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the plots go")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--clips", type=int, default=3000, help="number of procedural clips, the last 128 held out")
    parser.add_argument("--threads", type=int, default=2)
    return parser
