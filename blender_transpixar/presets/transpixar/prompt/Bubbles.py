"""Prompt preset: bubbles."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "a few blue soap bubbles floating up"
settings.negative_prompt = ""
