"""What a model is measured on: clips and captions that its training cannot have seen.

Training draws clip i from the seed [1, i] and its captions from `effects.captions`, which sets a colour before its
noun ("blue sparks flying out fast") or, now and then, behind it ("sparks in blue"). Here clips come from other seeds,
and captions are worded in ways that those templates cannot make, of the same nouns and colours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.training.effects import FAMILIES, Look, random_look, render
from server.training.effects.captions import NOUNS
from server.training.effects.palette import COLOURS, SYNONYMS

# Training has 1, and the contact sheets of `mini` have 2.
EVALUATION_SEED, CLASSIFIER_TEST_SEED = 3, 4

# None of them can come out of `effects.captions.caption`.
TEMPLATES = (
    "{noun}, {colour}",
    "{colour} {noun} for a video game",
    "a close shot of {colour} {noun}",
    "animated {noun}, the colour is {colour}",
    "some {colour} {noun} please",
    "{noun} with {colour} light",
    "show me {colour} {noun}",
    "{colour} {noun} over black",
)


@dataclass(frozen=True)
class Prompt:
    """A held-out caption, and what it names."""

    text: str
    family: str
    colour: str
    seed: int


def prompts(families: Sequence[str], count: int, *, seed: int = EVALUATION_SEED) -> list[Prompt]:
    """`count` captions, the families in turn and each in colours that do not repeat before all were used."""
    rng = np.random.default_rng([seed, 0])
    colours = {family: rng.permutation(list(COLOURS)) for family in families}
    made = []
    for i in range(count):
        family = families[i % len(families)]
        colour = str(colours[family][i // len(families) % len(COLOURS)])
        noun = NOUNS[family][rng.integers(len(NOUNS[family]))]
        words = SYNONYMS.get(colour, (colour,))
        template = TEMPLATES[rng.integers(len(TEMPLATES))]
        text = template.format(noun=noun, colour=words[rng.integers(len(words))])
        made.append(Prompt(text, family, colour, seed=1_000_000 + i))
    return made


def real_clip(
    index: int, num_frames: int, height: int, width: int, *, family: str | None = None, seed: int = EVALUATION_SEED
) -> tuple[Look, NDArray[np.float32]]:
    """A procedural clip that training has not seen, with the colour on black: its look and (F, H, W, 4) in 0..1."""
    rng = np.random.default_rng([seed, 1, index])
    look = random_look(rng, [family] if family else list(FAMILIES))
    clip = render(look, rng, num_frames, height, width)
    return look, np.concatenate([clip[..., :3] * clip[..., 3:], clip[..., 3:]], axis=-1)
