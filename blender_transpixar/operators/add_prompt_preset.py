"""Keep the prompt as a preset of Blender's."""

import bpy
from bl_operators.presets import AddPresetBase

PROMPT_PRESETS = "transpixar/prompt"


class TRANSPIXAR_OT_add_prompt_preset(AddPresetBase, bpy.types.Operator):
    """Save prompt and negative prompt as a preset, or remove one."""

    bl_idname = "transpixar.add_prompt_preset"
    bl_label = "Add Prompt Preset"
    bl_description = "Add the prompt to the presets, or remove the one that is shown"
    preset_menu = "TRANSPIXAR_MT_prompt_presets"
    preset_subdir = PROMPT_PRESETS
    preset_defines = ["settings = bpy.context.scene.transpixar"]
    preset_values = ["settings.prompt", "settings.negative_prompt"]
