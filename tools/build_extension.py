"""Build the extension's zip with Blender's own tool and let Blender validate it.

Usage: python tools/build_extension.py [--output-dir dist]
Blender's tool is the one in the installed `bpy` wheel, or in the Blender whose scripts folder --blender-scripts names.
"""

import argparse
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
MANIFEST = REPOSITORY / "blender_manifest.toml"
_TOOL_IN_SCRIPTS = Path("addons_core", "bl_pkg", "cli", "blender_ext.py")
_NOT_SHIPPED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def build(output_dir: Path, tool: Path) -> Path:
    """Build and validate; returns the zip. Raises subprocess.CalledProcessError when Blender objects."""
    output_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="transpixar-extension-") as temporary:
        source = Path(temporary) / "transpixar"
        # The manifest must stand beside the package's __init__.py, and nowhere in the repository do they meet.
        shutil.copytree(REPOSITORY / "blender_transpixar", source, ignore=_NOT_SHIPPED)
        shutil.copy2(MANIFEST, source)
        shutil.copy2(REPOSITORY / "LICENSE", source)
        _run(tool, "build", "--source-dir", str(source), "--output-dir", str(output_dir))
    archive = output_dir / _archive_name()
    _run(tool, "validate", str(archive))
    return archive


def find_tool(scripts: Path | None = None) -> Path:
    """Blender's extension tool. Raises FileNotFoundError."""
    candidates = [scripts / _TOOL_IN_SCRIPTS] if scripts else _tools_in_wheel()
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise FileNotFoundError("Blender's extension tool was not found. Install the bpy wheel or pass --blender-scripts.")


def _tools_in_wheel() -> list[Path]:
    # Found, not imported: importing bpy starts a whole Blender.
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        return []
    return sorted(Path(spec.origin).parent.glob(f"*/scripts/{_TOOL_IN_SCRIPTS.as_posix()}"))


def _archive_name() -> str:
    manifest = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    return f"{manifest['id']}-{manifest['version']}.zip"


def _run(tool: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, str(tool), *arguments], check=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output-dir", type=Path, default=REPOSITORY / "dist")
    parser.add_argument("--blender-scripts", type=Path, help="the scripts folder of a Blender")
    arguments = parser.parse_args()
    print(build(arguments.output_dir, find_tool(arguments.blender_scripts)))


if __name__ == "__main__":
    main()
