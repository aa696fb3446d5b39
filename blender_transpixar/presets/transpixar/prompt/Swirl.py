"""Prompt preset: swirl."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "green magic swirl"
settings.negative_prompt = ""
