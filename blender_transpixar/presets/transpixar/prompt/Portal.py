"""Prompt preset: portal."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "purple magic portal spinning"
settings.negative_prompt = ""
