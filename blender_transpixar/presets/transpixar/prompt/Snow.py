"""Prompt preset: snow."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "white snow falling"
settings.negative_prompt = ""
