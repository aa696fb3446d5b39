"""Where each modality sits in the token sequence.

TransPixar (arXiv 2501.03006, section 3.2) extends a text-to-video transformer from ``L`` to ``2L`` video tokens. The
sequence is ``[text | rgb | alpha]``: the first ``L`` video tokens decode to colour, the last ``L`` to alpha.
"""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class TokenLayout:
    """The layout of one ``[text | rgb | alpha]`` sequence.

    Attributes:
        text_length: number of text tokens.
        stream_length: number of tokens of one video stream, the paper's ``L``; rgb and alpha have as many.
    """

    text_length: int
    stream_length: int

    @classmethod
    def of(cls, encoder_hidden_states: torch.Tensor, hidden_states: torch.Tensor) -> "TokenLayout":
        """Read the layout off text tokens ``(B, T, D)`` and video tokens ``(B, 2L, D)``.

        Raises:
            ValueError: the video tokens do not split into two equal streams.
        """
        video_length = hidden_states.shape[1]
        if video_length % 2:
            raise ValueError(
                f"{video_length} video tokens do not split into an RGB and an alpha half; give latents of shape "
                "(B, 2F, C, H, W) with the alpha frames after the RGB frames."
            )
        return cls(text_length=encoder_hidden_states.shape[1], stream_length=video_length // 2)

    @property
    def text(self) -> slice:
        """The text tokens."""
        return slice(0, self.text_length)

    @property
    def rgb(self) -> slice:
        """The tokens that decode to colour."""
        return slice(self.text_length, self.text_length + self.stream_length)

    @property
    def alpha(self) -> slice:
        """The tokens that decode to alpha."""
        return slice(self.text_length + self.stream_length, self.length)

    @property
    def video(self) -> slice:
        """Both video streams."""
        return slice(self.text_length, self.length)

    @property
    def text_and_rgb(self) -> slice:
        """Everything but alpha: what text queries see in the paper (eq. 7)."""
        return slice(0, self.text_length + self.stream_length)

    @property
    def length(self) -> int:
        """Length of the whole sequence."""
        return self.text_length + 2 * self.stream_length
