"""Learn everything that a GPU can tell, in one command: `python tools/on_gpu run --out DIR`.

`prepare` gathers the packages that a machine without network lacks; see docs/gpu.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import runner  # noqa: E402
import wheels  # noqa: E402
from stages import STAGES  # noqa: E402


def main() -> int:
    """Run a command; return the exit status, 1 where a stage failed."""
    parser = argparse.ArgumentParser(prog="python tools/on_gpu", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    prepare = commands.add_parser("prepare", help="gather wheels in .gpu/wheels, for a machine without network")
    prepare.add_argument("--python", default="3.12", help="version of Python on that machine")

    run = commands.add_parser("run", help="run what has not succeeded yet")
    run.add_argument("--out", type=Path, required=True, help="folder for results and log; given again, it goes on")
    run.add_argument("--seconds", type=float, default=540.0, help="time for all stages together")
    run.add_argument("--stage", action="append", choices=[stage.name for stage in STAGES], help="this only; repeatable")
    run.add_argument("--wheels", action="store_true", help="install what `prepare` gathered, into .gpu/site")
    run.add_argument("--rehearse", action="store_true", help="on the CPU with tiny sizes, by the same code")

    options = parser.parse_args()
    if options.command == "prepare":
        return wheels.prepare(options.python)
    if options.wheels:
        wheels.install()
    names = options.stage or [stage.name for stage in STAGES]
    chosen = [stage for stage in STAGES if stage.name in names]
    return runner.run(chosen, options.out, seconds=options.seconds, rehearse=options.rehearse)


if __name__ == "__main__":
    sys.exit(main())
