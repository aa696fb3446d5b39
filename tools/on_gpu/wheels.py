"""The packages that a GPU machine without network lacks, as wheels in an ignored folder."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WHEELS, SITE = ROOT / ".gpu" / "wheels", ROOT / ".gpu" / "site"

# What the model, its tests and the benchmark import, beside torch; with everything that these need in turn.
WANTED = ("diffusers", "peft", "transformers", "accelerate", "huggingface-hub", "pydantic", "platformdirs")
# A machine with torch has these, or gets along without: no version of them matters here.
NOT_CARRIED = frozenset(
    {
        *(
            "torch",
            "numpy",
            "scipy",
            "pillow",
            "psutil",
            "requests",
            "urllib3",
            "idna",
            "certifi",
            "charset-normalizer",
        ),
        *("tqdm", "packaging", "pyyaml", "fsspec", "filelock", "jinja2", "markupsafe", "sympy", "mpmath", "networkx"),
        *("charset-normalizer", "importlib-metadata", "zipp", "typer", "click", "rich", "shellingham", "h11"),
    }
)
LIMIT_BYTES = 60_000_000
_PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (34, 28, 27, 17, 12, 5)] + ["manylinux2014_x86_64"]


def prepare(python: str) -> int:
    """Download the wheels, in the versions that are installed here; return 1 where they are too large.

    Args:
        python: version of Python on the machine they are for, as "3.12".

    Raises:
        subprocess.CalledProcessError: there is no such wheel.
    """
    WHEELS.mkdir(parents=True, exist_ok=True)
    for old in WHEELS.glob("*.whl"):
        old.unlink()
    names = sorted(_needed(WANTED) - NOT_CARRIED)
    requirements = [f"{name}=={distribution(name).version}" for name in names]
    platforms = [part for platform in _PLATFORMS for part in ("--platform", platform)]
    target = ["--python-version", python, "--implementation", "cp", "--only-binary=:all:", *platforms]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, *target, "--dest", str(WHEELS), *requirements], check=True)
    size = sum(wheel.stat().st_size for wheel in WHEELS.glob("*.whl"))
    print(f"{len(names)} wheels, {size / 1e6:.0f} MB, in {WHEELS.relative_to(ROOT)}: {', '.join(requirements)}")
    if size > LIMIT_BYTES:
        print(f"That is more than {LIMIT_BYTES / 1e6:.0f} MB; carry fewer packages.", file=sys.stderr)
    return int(size > LIMIT_BYTES)


def install() -> None:
    """Install the wheels into a folder of their own, which stages find before what the machine has."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    files = [str(wheel) for wheel in sorted(WHEELS.glob("*.whl"))]
    if not files:
        sys.exit("There are no wheels; run `python tools/on_gpu prepare` on a machine with network first.")
    subprocess.run([*pip, "--no-compile", "--no-cache-dir", "--upgrade", "--target", str(SITE), *files], check=True)


def _needed(names: tuple[str, ...]) -> set[str]:
    """Return these packages and all that they need, as installed here."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found or name in NOT_CARRIED:
            continue
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # for another system, or an extra
        found.add(name)
        waiting += [
            match[0] for entry in requires if "extra ==" not in entry and (match := re.match(r"[\w.-]+", entry))
        ]
    return found
