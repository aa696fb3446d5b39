"""What a prompt is about: the kind of effect, and the words worth searching for."""

import re

OTHER = "other"

# Each kind with the words that mean it. The kind's own name always does.
_WORDS: dict[str, tuple[str, ...]] = {
    "fire": ("flame", "burning", "torch", "campfire", "bonfire", "candle", "blaze", "inferno"),
    "smoke": ("fog", "mist", "steam", "haze", "dust", "puff", "cloud", "vapour", "vapor", "fume"),
    "sparks": ("sparkle", "ember", "firework", "glitter"),
    "explosion": ("explode", "exploding", "blast", "fireball", "detonation", "eruption"),
    "lightning": ("bolt", "thunderbolt", "electricity", "electric", "thunder"),
    "portal": ("gateway", "wormhole", "ring"),
    "shockwave": ("shock", "ripple", "pulse"),
    "bubbles": ("foam",),
    "snow": ("snowflake", "snowfall", "blizzard"),
    "rain": ("raindrop", "rainfall", "drizzle", "downpour"),
    "swirl": ("vortex", "tornado", "whirl", "whirlwind", "spiral", "magic"),
    "confetti": ("streamer",),
    "splash": ("splatter", "liquid", "droplet", "water"),
    "leaves": ("leaf", "petal", "foliage"),
    "orb": ("sphere", "ball", "plasma", "aura"),
}
KINDS = tuple(_WORDS)

# Words that nobody searches for.
_UNTOLD = frozenset(
    {
        *(
            "a",
            "an",
            "the",
            "and",
            "or",
            "of",
            "in",
            "on",
            "at",
            "to",
            "with",
            "from",
            "into",
            "over",
            "under",
            "by",
            "for",
        ),
        *(
            "as",
            "is",
            "it",
            "its",
            "that",
            "this",
            "some",
            "very",
            "few",
            "lots",
            "video",
            "effect",
            "vfx",
            "background",
        ),
    }
)
_MOST_TAGS = 12


def kind_of(prompt: str) -> str:
    """The kind of effect a prompt asks for, one of KINDS, or OTHER.

    A kind's own name counts before words that only hint at it: "a burning blue portal" is a portal.
    """
    words = _words_of(prompt)
    for word in words:
        for kind in KINDS:
            if word in (kind, kind.removesuffix("s")) or word == f"{kind}s":
                return kind
    for word in words:
        for kind, hints in _WORDS.items():
            if word in hints or word.removesuffix("s") in hints:
                return kind
    return OTHER


def tags_of(prompt: str) -> tuple[str, ...]:
    """The words of a prompt to search for, each once, in the prompt's order, at most twelve."""
    told = dict.fromkeys(word for word in _words_of(prompt) if word not in _UNTOLD and len(word) > 1)
    return tuple(told)[:_MOST_TAGS]


def _words_of(prompt: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", prompt.lower())
