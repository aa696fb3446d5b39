"""Prompt preset: fire."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "orange fire burning"
settings.negative_prompt = ""
