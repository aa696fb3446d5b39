"""Prompt preset: explosion."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "large orange explosion"
settings.negative_prompt = ""
