"""Prompt preset: lightning."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "blue lightning striking"
settings.negative_prompt = ""
