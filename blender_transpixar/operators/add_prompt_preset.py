"""Keep the prompt as a preset of Blender's."""

import bpy
from bl_operators.presets import AddPresetBase

PROMPT_PRESETS = "transpixar/prompt"


class TRANSPIXAR_OT_add_prompt_preset(AddPresetBase, bpy.types.Operator):
    """Save prompt and negative prompt as a preset, or remove one."""

    bl_idname = "transpixar.add_prompt_preset"
    bl_label = "Add Prompt Preset"
    bl_description = "Save the prompt as a preset under this name"
    bl_options = {"REGISTER", "INTERNAL"}
    preset_menu = "TRANSPIXAR_PT_prompt_presets"
    preset_subdir = PROMPT_PRESETS
    # In full, without `preset_defines`: Blender 4.2 to 4.4 cannot evaluate those on Python 3.13.
    preset_values = ["bpy.context.scene.transpixar.prompt", "bpy.context.scene.transpixar.negative_prompt"]

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """What a click does, by which of the two buttons it is."""
        if properties.remove_name or properties.remove_active:
            return bpy.app.translations.pgettext_tip("Remove this preset. Its file is deleted")
        return bpy.app.translations.pgettext_tip(cls.bl_description)
