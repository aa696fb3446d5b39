"""Prompt preset: rain."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "blue rain pouring down"
settings.negative_prompt = ""
