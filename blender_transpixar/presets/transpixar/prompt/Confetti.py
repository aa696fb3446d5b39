"""Prompt preset: confetti."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "pink confetti raining down"
settings.negative_prompt = ""
