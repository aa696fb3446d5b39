"""Operators that wait when Python calls them must not do so when an artist repeats them."""

from typing import Any


def is_repeated(operator: Any) -> bool:
    """Whether Blender runs an operator once more (Repeat Last, Repeat History): it calls `execute`, never `invoke`."""
    return bool(operator.options.is_repeat or operator.options.is_repeat_last)
