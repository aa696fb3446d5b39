"""Prompt preset: leaves."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "orange autumn leaves falling"
settings.negative_prompt = ""
