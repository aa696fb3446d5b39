"""Adapters between core and Blender's data, without any user interface."""
