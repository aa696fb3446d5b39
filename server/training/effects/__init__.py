"""Procedural, captioned RGBA effects: the training clips of the embedded model.

Every family is one module with one function `draw(canvas, look) -> Layers`; nothing here runs when a clip is generated.
"""

from server.training.effects.families import FAMILIES, render
from server.training.effects.look import Look, random_look

__all__ = ["FAMILIES", "Look", "random_look", "render"]
