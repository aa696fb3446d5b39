"""Which part of the whole picture a clip is."""

from dataclasses import dataclass

from .clip import Canvas


@dataclass(frozen=True, slots=True)
class Box:
    """Edges as shares of the whole picture's width and height, counted from its centre, up and right positive.

    All of it reaches from -0.5 to 0.5. `width` and `height` are those of the whole picture in pixels.
    """

    width: int
    height: int
    left: float
    right: float
    bottom: float
    top: float

    @property
    def aspect(self) -> float:
        """The whole picture's width / height."""
        return self.width / self.height

    @property
    def is_whole(self) -> bool:
        """Whether the clip is all of the picture."""
        return (self.left, self.right, self.bottom, self.top) == (-0.5, 0.5, -0.5, 0.5)

    @classmethod
    def of(cls, canvas: Canvas | None, width: int, height: int) -> "Box":
        """The box of a clip of `width` x `height` pixels; without a canvas it is all of the picture."""
        if canvas is None:
            return cls(width, height, -0.5, 0.5, -0.5, 0.5)
        return cls(
            canvas.width,
            canvas.height,
            left=canvas.x / canvas.width - 0.5,
            right=(canvas.x + width) / canvas.width - 0.5,
            bottom=0.5 - (canvas.y + height) / canvas.height,
            top=0.5 - canvas.y / canvas.height,
        )
