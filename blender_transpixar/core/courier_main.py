"""Starts the courier: Blender's Python runs this file by its path, isolated (`-I`), so without any search path to here.

The package is therefore loaded from the folder this file is in, under a name of its own.
"""

import importlib.util
import sys
from pathlib import Path

_PACKAGE = "transpixar_core"


def _load_package() -> None:
    folder = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    _load_package()
    importlib.import_module(f"{_PACKAGE}.courier").main()
