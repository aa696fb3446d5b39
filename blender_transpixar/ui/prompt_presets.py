"""Prompts to begin with, and an artist's own: Blender's presets."""

from pathlib import Path

import bpy

from ..operators.add_prompt_preset import PROMPT_PRESETS, TRANSPIXAR_OT_add_prompt_preset

# It holds a folder "presets".
_SHIPPED = str(Path(__file__).resolve().parent.parent)


class TRANSPIXAR_MT_prompt_presets(bpy.types.Menu):
    """The presets shipped and saved; each sets prompt and negative prompt."""

    bl_label = "Prompt Presets"
    bl_description = "Prompts for common effects, and those you saved"
    preset_subdir = PROMPT_PRESETS
    preset_operator = "script.execute_preset"
    preset_add_operator = TRANSPIXAR_OT_add_prompt_preset.bl_idname
    draw = bpy.types.Menu.draw_preset


def offer_shipped_presets() -> None:
    """Let Blender find the shipped presets."""
    bpy.utils.register_preset_path(_SHIPPED)


def withdraw_shipped_presets() -> None:
    """Take them back."""
    bpy.utils.unregister_preset_path(_SHIPPED)
