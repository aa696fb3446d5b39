"""Prompt preset: sparks."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "many golden sparks bursting"
settings.negative_prompt = ""
