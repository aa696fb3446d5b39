import ast
import sys
from pathlib import Path

import pytest

from tests.addon.real_server import REPOSITORY

CORE = REPOSITORY / "blender_transpixar/core"
ALLOWED = set(sys.stdlib_module_names) | {"numpy", "requests"}


@pytest.mark.parametrize("path", sorted(CORE.glob("*.py")), ids=lambda path: path.name)
def test_core_imports_only_what_is_promised(path: Path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1, f"{path.name} reaches out of core"
    assert imported <= ALLOWED


def test_blender_never_loads_what_only_the_courier_may_use():
    # A blocking call in Blender's process would freeze it: neither requests nor threads are reachable from here.
    bl_side = {"courier_process", "pipe", "protocol", "generation", "delivery", "task", "dispatcher"}
    bl_side |= {"clip", "content", "saving", "finished", "finishing", "formats", "timing"}
    bl_side |= {"history", "history_entry", "file_lock", "progress_words", "job"}
    bl_side |= {"launcher", "process_id", "server_exit", "server_file", "server_log", "server_models", "server_options"}
    bl_side |= {"server_state", "watching", "model_task"}
    for name in bl_side:
        text = (CORE / f"{name}.py").read_text(encoding="utf-8")
        assert "requests" not in text and "import threading" not in text
