"""Prompt preset: shockwave."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "cyan shockwave expanding"
settings.negative_prompt = ""
