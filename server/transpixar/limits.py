"""What sizes and lengths a CogVideoX model can generate."""

from dataclasses import dataclass
from typing import Self

from diffusers import CogVideoXPipeline


@dataclass(frozen=True)
class ClipLimits:
    """The limits of one model, from the configurations of its transformer and autoencoder; sizes in pixels.

    Attributes:
        size_multiple: width and height are multiples of this.
        frames_multiple: the number of frames is a multiple of this, plus 1: the autoencoder's temporal compression.
        joined_latent_frames: so many latent frames make one token (2 in CogVideoX 1.5, else 1).
        only_size: the only (width, height), where positions were learned for one size (CogVideoX-5B-I2V).
        max_size: the greatest (width, height), where positions are counted off a table (CogVideoX 1.5).
        max_frames: the greatest number of frames, where positions were learned.
    """

    size_multiple: int
    frames_multiple: int
    joined_latent_frames: int = 1
    only_size: tuple[int, int] | None = None
    max_size: tuple[int, int] | None = None
    max_frames: int | None = None

    @classmethod
    def of(cls, pipe: CogVideoXPipeline) -> Self:
        """Read the limits off a pipeline."""
        config, pixels = pipe.transformer.config, pipe.vae_scale_factor_spatial
        sample_size = (config.sample_width * pixels, config.sample_height * pixels)
        learned = config.use_learned_positional_embeddings
        return cls(
            size_multiple=pixels * config.patch_size,
            frames_multiple=pipe.vae_scale_factor_temporal,
            joined_latent_frames=config.patch_size_t or 1,
            only_size=sample_size if learned else None,
            max_size=sample_size if config.patch_size_t and config.use_rotary_positional_embeddings else None,
            max_frames=config.sample_frames if learned else None,
        )

    def check(self, width: int, height: int, num_frames: int) -> None:
        """Check that a clip can be made.

        Raises:
            ValueError: it cannot; the sentence says what to use instead.
        """
        self._check_size(width, height)
        self._check_frames(num_frames)

    def _check_size(self, width: int, height: int) -> None:
        for name, size in (("Width", width), ("Height", height)):
            if size < self.size_multiple or size % self.size_multiple:
                raise ValueError(_not_a_multiple(name, size, self.size_multiple))
        if self.only_size is not None and (width, height) != self.only_size:
            raise ValueError(
                f"This model makes {_size(self.only_size)} only, because its positions were learned for that size, "
                f"not {_size((width, height))}; use {_size(self.only_size)}."
            )
        if self.max_size is not None and (width > self.max_size[0] or height > self.max_size[1]):
            raise ValueError(
                f"This model makes at most {_size(self.max_size)}, not {_size((width, height))}; use a smaller size."
            )

    def _check_frames(self, num_frames: int) -> None:
        multiple = self.frames_multiple
        if num_frames < 1 or (num_frames - 1) % multiple:
            below = max(num_frames - 1, 0) // multiple * multiple + 1
            raise ValueError(
                f"{num_frames} frames cannot be made: this model makes a multiple of {multiple} plus 1; use "
                f"{below} or {below + multiple}."
            )
        if self.max_frames is not None and num_frames > self.max_frames:
            raise ValueError(
                f"{num_frames} frames cannot be made: this model's positions were learned for {self.max_frames}; use "
                f"at most {self.max_frames}."
            )
        # A padded half would shift alpha against RGB.
        latent_frames, joined = (num_frames - 1) // multiple + 1, self.joined_latent_frames
        if latent_frames % joined:
            raise ValueError(
                f"{num_frames} frames cannot be made: this model joins {joined} latent frames into one; use "
                f"{num_frames + (joined - latent_frames % joined) * multiple}."
            )


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _not_a_multiple(name: str, size: int, multiple: int) -> str:
    below = max(size // multiple, 1) * multiple
    choice = f"{below}" if size < multiple else f"{below} or {below + multiple}"
    return f"{name} {size} is not a multiple of {multiple}; use {choice}."
