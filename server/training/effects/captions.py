"""Captions: many ways to say what a look shows, as artists type them."""

import numpy as np

from server.training.effects.look import Look
from server.training.effects.palette import SYNONYMS

# Nouns, and phrases that say how the effect moves.
NOUNS: dict[str, tuple[str, ...]] = {
    "fire": ("fire", "fire", "flame", "flames", "campfire", "blaze", "bonfire", "burning fire", "torch", "inferno"),
    "smoke": ("smoke", "smoke", "puff of smoke", "smoke cloud", "fog", "mist", "steam", "vapor", "fumes", "cloud"),
    "sparks": ("sparks", "sparks", "spark burst", "sparkles", "embers", "firework", "fireworks", "glitter"),
    "explosion": ("explosion", "explosion", "blast", "detonation", "fireball", "bomb blast", "eruption"),
    "lightning": ("lightning", "lightning bolt", "electricity", "electric arc", "thunderbolt", "lightning strike"),
    "portal": ("portal", "portal", "glowing ring", "magic portal", "energy ring", "gateway", "wormhole"),
    "shockwave": ("shockwave", "shock wave", "energy pulse", "energy wave", "sonic blast wave", "ripple"),
    "bubbles": ("bubbles", "bubbles", "soap bubbles", "floating bubbles", "underwater bubbles"),
    "snow": ("snow", "snow", "snowfall", "snowflakes", "falling snow", "blizzard"),
    "rain": ("rain", "rain", "rainfall", "raindrops", "falling rain", "downpour"),
    "swirl": ("magic swirl", "swirl", "vortex", "magic", "whirlwind", "magical energy", "spiral", "tornado"),
    "confetti": ("confetti", "confetti", "paper confetti", "party confetti", "falling confetti"),
    "splash": ("splash", "splash", "liquid splash", "paint splash", "water splash", "splatter", "splashing liquid"),
    "leaves": ("leaves", "leaves", "falling leaves", "autumn leaves", "petals", "foliage"),
    "orb": ("orb", "orb", "energy ball", "glowing orb", "energy orb", "plasma ball", "glowing sphere"),
}
MOTIONS: dict[str, tuple[str, ...]] = {
    "fire": ("burning", "flickering", "blazing"),
    "smoke": ("rising", "drifting", "billowing"),
    "sparks": ("bursting", "flying out", "exploding outward"),
    "explosion": ("exploding", "bursting", "blowing up"),
    "lightning": ("striking", "flashing", "crackling"),
    "portal": ("spinning", "opening", "rotating"),
    "shockwave": ("expanding", "spreading", "rippling outward"),
    "bubbles": ("rising", "floating up"),
    "snow": ("falling", "drifting down"),
    "rain": ("falling", "pouring down"),
    "swirl": ("swirling", "spinning", "rotating"),
    "confetti": ("falling", "raining down"),
    "splash": ("splashing", "splashing up", "bursting"),
    "leaves": ("falling", "drifting down", "blowing in the wind"),
    "orb": ("pulsing", "glowing", "floating"),
}
SIZE_WORDS: dict[str, tuple[str, ...]] = {"small": ("small", "tiny", "little"), "large": ("large", "big", "huge")}
SPEED_WORDS: dict[str, tuple[str, ...]] = {"slow": ("slow", "slowly"), "fast": ("fast", "quickly")}
AMOUNT_WORDS: dict[str, tuple[str, ...]] = {"few": ("a few", "sparse"), "many": ("many", "lots of", "dense")}
PLACE_WORDS: dict[str, tuple[str, ...]] = {"left": ("on the left",), "right": ("on the right",)}
LEADS = ("", "", "", "a ", "a video of ", "effect of ", "vfx of ")
# Not every black is the effect's colour.
BACKGROUNDS = (" on black", " on a black background", ", black background")
TAILS = (
    *("", "", "", "", "", "", ", isolated background", " on transparent background", " vfx", " effect", " with alpha"),
    *BACKGROUNDS,
)
PARTICLES = frozenset({"sparks", "bubbles", "snow", "rain", "confetti", "leaves"})


def caption(look: Look, rng: np.random.Generator) -> str:
    """One caption of `look`; the words differ from draw to draw, what they say does not."""

    def pick(words: tuple[str, ...]) -> str:
        return str(words[rng.integers(len(words))])

    colour = pick(SYNONYMS.get(look.colour, (look.colour,)))
    noun = pick(NOUNS[look.family])
    subject = f"{colour} {noun}"
    if noun.startswith("puff of "):
        subject = f"puff of {colour} smoke" if rng.random() < 0.7 else subject
    elif rng.random() < 0.2:
        subject = pick((f"{noun} in {colour}", f"{noun} of {colour} colour", f"{noun} that is {colour}"))
    parts = [subject]
    if look.size:
        parts.insert(0, pick(SIZE_WORDS[look.size]))
    if look.amount and look.family in PARTICLES:
        parts.insert(0, pick(AMOUNT_WORDS[look.amount]))
    if rng.random() < 0.45:
        parts.append(pick(MOTIONS[look.family]))
    if look.speed:
        parts.append(pick(SPEED_WORDS[look.speed]))
    if look.place:
        parts.append(pick(PLACE_WORDS[look.place]))
    text = pick(LEADS) + " ".join(parts) + pick(TAILS)
    return text.capitalize() if rng.random() < 0.2 else text


def words() -> set[str]:
    """Every word that a caption can hold."""
    tables: list[dict[str, tuple[str, ...]]] = [
        NOUNS,
        MOTIONS,
        SIZE_WORDS,
        SPEED_WORDS,
        AMOUNT_WORDS,
        PLACE_WORDS,
        SYNONYMS,
    ]
    phrases = [phrase for table in tables for group in table.values() for phrase in group]
    phrases += [*LEADS, *TAILS, *SYNONYMS, "in puff of smoke", "colour that is"]
    return {word for phrase in phrases for word in phrase.replace(",", " , ").lower().split()}
