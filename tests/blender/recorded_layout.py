"""A panel drawn without a window: what it asks of its layout is checked against Blender and written down."""

from types import SimpleNamespace
from typing import Any

import bpy


class RecordedLayout:
    """Stands in for UILayout, which background mode does not have; rows and boxes write into the same record."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.operators: list[str] = []
        self.properties: list[str] = []
        self.menus: list[str] = []
        #: What a click on each drawn button runs: the operator's name and what was set on it.
        self.clicks: list[tuple[str, SimpleNamespace]] = []
        self.emboss = "NORMAL"
        self.operator_context = "INVOKE_DEFAULT"

    def label(self, text: str = "", icon: str = "NONE", translate: bool = True) -> None:
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
        self.labels.append(text)

    def prop(self, data: Any, name: str, **how: Any) -> None:
        assert hasattr(data, name)
        self.properties.append(name)

    def prop_search(self, data: Any, name: str, place: Any, collection: str, **how: Any) -> None:
        assert hasattr(place, collection)
        self.prop(data, name)

    def template_ID(self, data: Any, name: str, new: str = "", open: str = "") -> None:
        self.prop(data, name)

    def template_icon(self, icon_value: int, scale: float = 1.0) -> None:
        pass

    def menu(self, name: str, text: str = "", icon: str = "NONE") -> None:
        assert issubclass(getattr(bpy.types, name), bpy.types.Menu)
        self.menus.append(name)

    def popover(self, panel: str, text: str = "", icon: str = "NONE") -> None:
        assert issubclass(getattr(bpy.types, panel), bpy.types.Panel)
        self.menus.append(panel)

    def operator(self, name: str, text: str = "", icon: str = "NONE", translate: bool = True) -> SimpleNamespace:
        assert icon in bpy.types.UILayout.bl_rna.functions["operator"].parameters["icon"].enum_items
        area, _, verb = name.partition(".")
        getattr(getattr(bpy.ops, area), verb).get_rna_type()
        self.operators.append(name)
        self.clicks.append((name, SimpleNamespace()))
        return self.clicks[-1][1]

    def progress(self, factor: float, text: str) -> None:
        assert 0.0 <= factor <= 1.0
        self.labels.append(text)

    def separator(self) -> None:
        pass

    def column(self, align: bool = False, heading: str = "") -> "RecordedLayout":
        return self

    row = box = column

    def panel(self, name: str, default_closed: bool = False) -> tuple["RecordedLayout", "RecordedLayout"]:
        """Every fold is open."""
        return self, self

    def split(self, factor: float = 0.0, align: bool = False) -> "RecordedLayout":
        return self
