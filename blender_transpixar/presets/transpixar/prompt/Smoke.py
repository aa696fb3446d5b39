"""Prompt preset: smoke."""

import bpy

settings = bpy.context.scene.transpixar

settings.prompt = "a puff of gray smoke rising"
settings.negative_prompt = ""
