"""Where a cropped clip was in the picture that it was cut out of, so that it can stand there again."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import Field

# Far beyond any picture, and as far as the add-on reads.
LARGEST = 999_999

_Length = Annotated[int, Field(ge=1, le=LARGEST)]
_Place = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]


@dataclass(frozen=True)
class Canvas:
    """The uncropped picture: its size, and where the clip's top left corner is in it, in pixels of the clip.

    `x` counts from the left, `y` from the top; they are negative where the clip reaches beyond the picture.
    """

    width: _Length
    height: _Length
    x: _Place
    y: _Place

    def moved(self, x: int, y: int) -> Canvas:
        """The same picture with the clip's corner so many pixels further to the right and down."""
        return Canvas(self.width, self.height, self.x + x, self.y + y)

    def scaled(self, across: Fraction, down: Fraction) -> Canvas:
        """The picture after its width and height were multiplied, in whole pixels."""
        return Canvas(
            max(round(self.width * across), 1),
            max(round(self.height * down), 1),
            round(self.x * across),
            round(self.y * down),
        )

    def unless_whole(self, width: int, height: int) -> Canvas | None:
        """None when a clip of this size is the whole picture, or when the picture has grown beyond all bounds."""
        is_whole = self == Canvas(width, height, 0, 0)
        return None if is_whole or max(self.width, self.height, abs(self.x), abs(self.y)) > LARGEST else self
