"""Every control says what it does, the way Blender does: a tooltip, no full stop, limits that make sense."""

import re
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest

from blender_transpixar import registration
from tests.blender.shown_strings import own_properties

# Scene frames and places can be anywhere, and so can lengths; the seed has the server's range.
_ANYWHERE = {"frame_start", "location", "seed"}
_LARGEST_SLIDER = 10_000


def properties() -> Iterator[tuple[str, bpy.types.Property]]:
    for cls in registration._CLASSES:
        for prop in own_properties(cls):
            yield f"{cls.__name__}.{prop.identifier}", prop


def test_every_icon_is_one_that_this_blender_has():
    known = set(bpy.types.UILayout.bl_rna.functions["operator"].parameters["icon"].enum_items.keys())
    for path in Path(registration.__file__).parent.rglob("*.py"):
        assert set(re.findall(r'\bicon="(\w+)"', path.read_text(encoding="utf-8"))) <= known, path


@pytest.fixture(autouse=True)
def registered(blender: None) -> None:
    """Properties are asked of Blender, which must know them."""


def test_every_property_has_a_name_and_a_tooltip():
    for where, prop in properties():
        assert prop.name and prop.name != prop.identifier, where
        assert_is_tooltip(prop.description, where)
        assert prop.description != prop.name, where
        if prop.type == "ENUM":
            for item in prop.enum_items:
                assert item.name, where
                if item.description:
                    assert_is_tooltip(item.description, f"{where}: {item.identifier}")


def test_every_operator_and_menu_says_what_it_does():
    for cls in registration._CLASSES:
        if issubclass(cls, bpy.types.Operator | bpy.types.Menu):
            assert cls.bl_label, cls
            assert_is_tooltip(cls.bl_description, cls.__name__)
        if issubclass(cls, bpy.types.Operator):
            assert cls.bl_idname.startswith("transpixar."), cls
            assert cls.__name__ == "TRANSPIXAR_OT_" + cls.bl_idname.partition(".")[2], cls


def assert_is_tooltip(text: str, where: str) -> None:
    assert text, f"{where} has no tooltip"
    assert not text.endswith((".", ":", " ")), f"{where}: Blender's tooltips end without a full stop"
    assert text[0].isupper() or not text[0].isalpha(), f"{where}: begin with a capital"


def test_every_number_has_limits_that_make_sense():
    for where, prop in properties():
        if prop.type not in ("INT", "FLOAT") or prop.identifier in _ANYWHERE or prop.unit == "LENGTH":
            continue
        if prop.is_array:
            values = list(prop.default_array)
        else:
            values = [prop.default]
        assert prop.hard_min > -(2**31), f"{where} can be as small as a number can be"
        assert prop.soft_max <= _LARGEST_SLIDER or prop.hard_max <= _LARGEST_SLIDER, f"{where} has no upper end"
        assert all(prop.soft_min <= value <= prop.soft_max for value in values), where
