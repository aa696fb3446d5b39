"""What preparation has to know of the model that clips are prepared for. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from server.models.checks import read_json
from server.models.configurations import describe_configurations
from server.models.description import (
    DESCRIPTION_FILE,
    ModelDescription,
    ModelFolderError,
    RequestDefaults,
    RequestLimits,
)
from server.training.data.errors import DataError


@dataclass(frozen=True)
class BaseModelFacts:
    """A CogVideoX base in the diffusers layout.

    Attributes:
        folder: where it lies.
        width, height: what it was trained at, in pixels.
        num_frames: likewise.
        fps: frames a second that it was trained at.
        size_multiple: sizes are multiples of this.
        only_size: whether it makes no other size.
        frames_multiple: lengths are multiples of this, plus 1.
        joined_latent_frames: how many latent frames make a token; their number is a multiple of it.
        max_frames: the longest clip.
        text_length: the number of text tokens.
        rgb: what its RGB half decodes to: straight colour, or colour on black.
        is_image_to_video: whether it reads a first frame.
    """

    folder: Path
    width: int
    height: int
    num_frames: int
    fps: int
    size_multiple: int
    only_size: bool
    frames_multiple: int
    joined_latent_frames: int
    max_frames: int
    text_length: int
    rgb: Literal["straight", "premultiplied"]
    is_image_to_video: bool

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the configurations, and the description where there is one. Raises DataError."""
        try:
            transformer = read_json(folder / "transformer" / "config.json")
            told: dict[str, Any] = describe_configurations(folder)
            if (folder / DESCRIPTION_FILE).is_file():
                description = ModelDescription.read(folder)
                # The base of another model's description lies elsewhere.
                if description.base is None:
                    told |= description.model_dump()
        except ModelFolderError as error:
            raise DataError(str(error)) from None
        defaults, limits = (
            RequestDefaults.model_validate(told["defaults"]),
            RequestLimits.model_validate(told["limits"]),
        )
        return cls(
            folder=folder,
            width=defaults.width,
            height=defaults.height,
            num_frames=defaults.num_frames,
            fps=defaults.fps,
            size_multiple=limits.size_multiple,
            only_size=bool(transformer.get("use_learned_positional_embeddings")),
            frames_multiple=limits.frames_multiple,
            joined_latent_frames=int(transformer.get("patch_size_t") or 1),
            max_frames=limits.max_frames,
            text_length=told["max_sequence_length"],
            rgb=told["rgb"],
            is_image_to_video=transformer["in_channels"] == 2 * transformer["out_channels"],
        )

    def check_size(self, width: int, height: int) -> None:
        """Raises DataError when the model cannot be trained at this size."""
        if self.only_size and (width, height) != (self.width, self.height):
            raise DataError(f"This model is trained at {self.width}x{self.height} only; leave the size out.")
        for name, side in (("Width", width), ("Height", height)):
            if side < self.size_multiple or side % self.size_multiple:
                below = max(side // self.size_multiple, 1) * self.size_multiple
                raise DataError(
                    f"{name} {side} is not a multiple of {self.size_multiple}; use {below} or "
                    f"{below + self.size_multiple}."
                )

    def check_length(self, num_frames: int) -> None:
        """Raises DataError when the model cannot be trained at this number of frames."""
        below = self.length_below(num_frames)
        if num_frames < 1 or below != num_frames:
            choices = ", ".join(map(str, self.lengths()))
            raise DataError(f"{num_frames} frames do not go with this model; use one of {choices}.")

    def length_below(self, num_frames: int) -> int | None:
        """The longest possible length up to `num_frames`; None when there is none."""
        return max((count for count in self.lengths() if count <= num_frames), default=None)

    def lengths(self) -> list[int]:
        """Every possible number of frames, ascending."""
        every = range(1, self.max_frames + 1, self.frames_multiple)
        return [count for index, count in enumerate(every, start=1) if index % self.joined_latent_frames == 0]
