"""Prompt preset: splash."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "blue water splash"
settings.negative_prompt = ""
