"""What is run on a GPU, in order of worth; simulation and the training of `mini` are to follow these."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One program.

    Attributes:
        name: as in the results.
        command: arguments for Python. {json} is the file that the program writes what it measured to, after each
            measurement; {out} the results' folder; {seconds} the time it has; {rehearse} "--rehearse" or nothing.
        rehearsal: other arguments for a rehearsal on a CPU; None takes the same.
        seconds: the time it may take.
        ok: exit statuses that are a success.
    """

    name: str
    command: str
    seconds: float
    rehearsal: str | None = None
    ok: tuple[int, ...] = (0,)


def _program(name: str, seconds: float) -> Stage:
    return Stage(name, f"tools/on_gpu/{name}.py --json {{json}} {{rehearse}}", seconds)


_BENCH = "-m server bench --json {out}/bench.json --budget-seconds {seconds}"
_TESTS = "-m pytest -q -p no:cacheprovider -m device tests/server/transpixar"

STAGES = (
    _program("machine", 40),
    _program("attention", 40),
    Stage(
        "bench",
        f"{_BENCH} --size full --quality exact --steps-measured 3 --attention _native_cudnn --attention _native_flash",
        200,
        rehearsal=f"{_BENCH} --size small --quick --quality exact --device cpu --attention _native_math",
        ok=(0, 3),  # 3: the time was over
    ),
    _program("golden", 30),
    Stage("tests", f"{_TESTS} -n 8", 100, rehearsal=f"{_TESTS} -n 2 -k golden"),
    _program("memory_plans", 150),
    _program("decoding", 70),
    _program("profile_step", 60),
)
