"""Prompts to begin with, and an artist's own: Blender's presets."""

from pathlib import Path
from typing import Any

import bpy
from bl_ui.utils import PresetPanel

from ..operators.add_prompt_preset import PROMPT_PRESETS, TRANSPIXAR_OT_add_prompt_preset

# It holds a folder "presets".
_SHIPPED = str(Path(__file__).resolve().parent.parent)
_WIDTH_UNITS = 9


class TRANSPIXAR_PT_prompt_presets(PresetPanel, bpy.types.Panel):
    """The presets shipped and saved; each sets prompt and negative prompt.

    A popover and not a menu: Blender draws a row of a menu as one item, so that the button that removes a preset
    would cover the one that applies it.
    """

    bl_label = "Prompt Presets"
    bl_description = "Prompts for common effects, and those you saved"
    bl_ui_units_x = _WIDTH_UNITS
    preset_subdir = PROMPT_PRESETS
    preset_operator = "script.execute_preset"
    preset_add_operator = TRANSPIXAR_OT_add_prompt_preset.bl_idname

    def draw(self, context: bpy.types.Context) -> None:
        """One row for each preset, those of the artist with a button that removes them; below, a name to save under."""
        layout = self.layout
        layout.emboss = "PULLDOWN_MENU"
        layout.operator_context = "EXEC_DEFAULT"
        column = layout.column(align=True)
        for path in _presets():
            _draw_preset(column.row(align=True), path)
        layout.separator()
        _draw_add(layout.row(align=True), context.window_manager)


def draw_presets_button(layout: Any) -> None:
    """The button that opens the presets."""
    layout.popover(panel=TRANSPIXAR_PT_prompt_presets.__name__, text="", icon="PRESET")


def offer_shipped_presets() -> None:
    """Let Blender find the shipped presets."""
    bpy.utils.register_preset_path(_SHIPPED)


def withdraw_shipped_presets() -> None:
    """Take them back."""
    bpy.utils.unregister_preset_path(_SHIPPED)


def _presets() -> list[Path]:
    """The files of all presets, by name."""
    folders = map(Path, bpy.utils.preset_paths(PROMPT_PRESETS))
    return sorted((path for folder in folders for path in folder.glob("*.py")), key=lambda path: path.name.lower())


def _draw_preset(row: Any, path: Path) -> None:
    name = bpy.path.display_name(path.name, title_case=False)
    shipped = path.is_relative_to(_SHIPPED)
    # The names of the shipped ones are in the catalogs; what an artist calls a preset stays as it is.
    text = bpy.app.translations.pgettext_iface(name) if shipped else name
    apply = row.operator("script.execute_preset", text=text, translate=False)
    apply.filepath, apply.menu_idname = str(path), TRANSPIXAR_PT_prompt_presets.__name__
    if not shipped:
        remove = row.operator(TRANSPIXAR_OT_add_prompt_preset.bl_idname, text="", icon="REMOVE")
        remove.name, remove.remove_name = name, True


def _draw_add(row: Any, window_manager: bpy.types.WindowManager) -> None:
    name = row.row(align=True)
    name.emboss = "NORMAL"
    name.prop(window_manager, "preset_name", text="")
    row.operator(TRANSPIXAR_OT_add_prompt_preset.bl_idname, text="", icon="ADD").name = window_manager.preset_name
