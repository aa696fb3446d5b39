"""Prompt preset: orb."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "yellow glowing orb pulsing"
settings.negative_prompt = ""
