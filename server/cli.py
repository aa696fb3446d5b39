"""The command line: `python -m server [COMMAND]`.

A command is imported only when it is named: the benchmark runs where the web framework is not installed, and the server
must not wait for torch.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Sequence

from server import __version__
from server.ending import interrupted_by_signals

_INTERRUPTED = 130  # what a shell gives to a program that Ctrl+C has ended
USAGE = """usage: python -m server [serve] [options]
       python -m server generate PROMPT --out DIR [options]
       python -m server COMMAND [options]

commands (the first one when none is named; each has its own --help):
"""

# The name, the module whose `main` is the command, and what it does.
COMMANDS = {
    "serve": ("server.commands.serve", "Serve the API on this machine."),
    "generate": ("server.commands.generate", "Generate a clip from a prompt into a folder."),
    "models": ("server.commands.models", "See, download, accept, add and remove models."),
    "convert": ("server.commands.convert", "Convert clips to the file that another program reads."),
    "finish": ("server.commands.finish", "Clean, retime and resize a clip into a new one."),
    "inspect": ("server.commands.inspect", "Report on a clip's alpha and write a contact sheet."),
    "effects": ("server.commands.effects", "Draw a procedural clip from a prompt, without any model."),
    "evaluate": ("server.commands.evaluate", "Measure a small model on held-out captions and seeds."),
    "train": ("server.commands.train", "Train an RGBA LoRA of one's own on one's own clips."),
    "bench": ("server.bench.command", "Time a step, a clip and the plain method on this machine."),
    "doctor": ("server.doctor.command", "Say whether this machine can make clips, and what to do."),
}


def main(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name and return the exit status."""
    _let_any_name_be_printed()
    name, rest = "serve", list(arguments)
    if rest and not rest[0].startswith("-"):
        name = rest.pop(0)
    elif rest and rest[0] in ("-h", "--help"):
        print(USAGE + "".join(f"  {name:10}{purpose}\n" for name, (_, purpose) in COMMANDS.items()), end="")
        return 0
    elif rest and rest[0] == "--version":
        print(__version__)
        return 0
    if name not in COMMANDS:
        print(
            f"There is no command '{name}'; the commands are {', '.join(COMMANDS)}.",
            file=sys.stderr,
        )
        return 2
    module, _ = COMMANDS[name]
    with interrupted_by_signals() as ending:
        try:
            return ending.status(int(importlib.import_module(module).main(rest)))
        except KeyboardInterrupt:
            with contextlib.suppress(OSError):  # the terminal may be closed
                print("Cancelled.", file=sys.stderr)
            return ending.status(_INTERRUPTED)
        except OSError:
            # What is said to a terminal that is closed fails.
            if ending.number is None:
                raise
            return ending.status(_INTERRUPTED)


def _let_any_name_be_printed() -> None:
    """File names can hold bytes that are no UTF-8, and on Windows letters that a pipe's encoding does not know."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace" if os.name == "nt" else "surrogateescape")
