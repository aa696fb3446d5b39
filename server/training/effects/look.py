"""What can be chosen about an effect, independent of its family."""

from dataclasses import dataclass

import numpy as np

from server.training.effects.canvas import Field
from server.training.effects.palette import COLOURS

SIZES = {"small": 0.66, "": 1.0, "large": 1.35}
PLACES = {"left": -0.35, "": 0.0, "right": 0.35}
SPEEDS = {"slow": 0.6, "": 1.0, "fast": 1.5}
AMOUNTS = {"few": 0.5, "": 1.0, "many": 1.7}


@dataclass(frozen=True)
class Look:
    """One clip's choices. The words are what a caption may say; an empty word is the ordinary case, left unsaid."""

    family: str
    colour: str
    size: str = ""
    place: str = ""
    speed: str = ""
    amount: str = ""

    @property
    def rgb(self) -> Field:
        """Display-encoded colour, (3,) in 0..1."""
        return np.asarray(COLOURS[self.colour], np.float32) / 255

    @property
    def dark(self) -> Field:
        """The colour in shade."""
        return self.rgb * 0.45

    @property
    def light(self) -> Field:
        """The colour where it glows."""
        return 0.45 * self.rgb + 0.55

    @property
    def scale(self) -> float:
        """Size as a factor."""
        return SIZES[self.size]

    @property
    def offset(self) -> float:
        """Horizontal place in canvas units."""
        return PLACES[self.place]

    @property
    def pace(self) -> float:
        """Speed as a factor."""
        return SPEEDS[self.speed]

    @property
    def count(self) -> float:
        """Density as a factor."""
        return AMOUNTS[self.amount]


def random_look(rng: np.random.Generator, families: list[str]) -> Look:
    """Draw a look; three of four clips leave each word at its ordinary value."""

    def word(choices: dict[str, float]) -> str:
        return str(rng.choice(list(choices))) if rng.random() < 0.3 else ""

    return Look(
        family=str(rng.choice(families)),
        colour=str(rng.choice(list(COLOURS))),
        size=word(SIZES),
        place=word(PLACES),
        speed=word(SPEEDS),
        amount=word(AMOUNTS),
    )
