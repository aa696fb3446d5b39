"""From a prompt to a look, by the words that captions use: "a few small blue sparks" -> Look("sparks", "blue", ...)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from server.training.effects.captions import (
    AMOUNT_WORDS,
    BACKGROUNDS,
    LEADS,
    MOTIONS,
    NOUNS,
    PLACE_WORDS,
    SIZE_WORDS,
    SPEED_WORDS,
    TAILS,
)
from server.training.effects.look import Look
from server.training.effects.palette import COLOURS, SYNONYMS

# The colour of an effect whose prompt names none.
USUAL_COLOURS = {
    "fire": "orange",
    "smoke": "grey",
    "sparks": "gold",
    "explosion": "orange",
    "lightning": "blue",
    "portal": "purple",
    "shockwave": "cyan",
    "bubbles": "cyan",
    "snow": "white",
    "rain": "silver",
    "swirl": "violet",
    "confetti": "pink",
    "splash": "blue",
    "leaves": "brown",
    "orb": "cyan",
}
# A noun phrase ends before these: in "fire with smoke" the fire is meant, in "smoke explosion" the explosion.
_BREAKS = frozenset({"with", "of", "in", "on", "over", "and", "from", ",", "above", "behind", "under"})
_FILLERS = frozenset(
    {"a", "an", "the", "some", "very", "burst", "puff", "effect", "video", "clip", "vfx", "animation", "background",
     "transparent", "alpha", "that", "is", "are"}
)  # fmt: skip

Kind = Literal["family", "colour", "size", "speed", "amount", "place", "known"]


class PromptError(ValueError):
    """A prompt that names no effect; the message lists those that there are."""


@dataclass(frozen=True)
class Reading:
    """What a prompt says.

    Attributes:
        look: what is drawn.
        notes: sentences on what was chosen or left out.
    """

    look: Look
    notes: tuple[str, ...] = ()


def read_prompt(prompt: str) -> Reading:
    """Read a prompt. Raises PromptError when it names no effect."""
    found = list(_find(_words(prompt)))
    family = _head_noun(found)
    if family is None:
        raise PromptError(f"The prompt names no effect that can be drawn; use one of {', '.join(NOUNS)}.")
    notes = []
    choices: dict[Kind, str] = {}
    for kind, value, _ in found:
        if kind not in ("known", "family"):
            choices.setdefault(kind, value)
    colour = choices.pop("colour", None)
    if colour is None:
        colour = USUAL_COLOURS[family]
        notes.append(f"The prompt names no colour; {family} is drawn in {colour}.")
    others = {value for kind, value, _ in found if kind == "family"} - {family}
    if others:
        notes.append(f"A clip shows one effect: {family} is drawn, {' and '.join(sorted(others))} left out.")
    unknown = dict.fromkeys(word for kind, value, word in found if kind == "known" and not value)
    if unknown:
        named = ", ".join(f'"{word}"' for word in unknown)
        notes.append(f"Words that say nothing to a procedural effect were left out: {named}.")
    look = replace(Look(family, colour), **{str(kind): value for kind, value in choices.items()})
    return Reading(look, tuple(notes))


def _words(prompt: str) -> list[str]:
    return re.findall(r"[\w'-]+|,", prompt.lower())


def _find(words: Sequence[str]) -> Iterator[tuple[Kind, str, str]]:
    """The kind and value of every phrase, the longest first; an unknown word is `known` with an empty value."""
    table, longest = _phrases()
    i = 0
    while i < len(words):
        for length in range(min(longest, len(words) - i), 0, -1):
            entry = next((table[p] for p in _variants(words[i : i + length]) if p in table), None)
            if entry is not None:
                yield (*entry, " ".join(words[i : i + length]))
                break
        else:
            length = 1
            yield "known", "yes" if words[i] in _FILLERS | _BREAKS else "", words[i]
        i += length


def _variants(words: Sequence[str]) -> Iterator[str]:
    """The phrase, and it in plural and singular."""
    phrase = " ".join(words)
    yield phrase
    yield f"{phrase}s"
    if phrase.endswith("s") and len(phrase) > 3:
        yield phrase[:-1]


def _head_noun(found: Sequence[tuple[Kind, str, str]]) -> str | None:
    """The last effect of the first noun phrase that names one."""
    family = None
    for kind, value, word in found:
        if kind == "family":
            family = value
        elif family is not None and word in _BREAKS:
            break
    return family


@cache
def _phrases() -> tuple[dict[str, tuple[Kind, str]], int]:
    """Every phrase that captions hold, what it says, and the number of words of the longest."""
    table: dict[str, tuple[Kind, str]] = {}
    for filler in (*LEADS, *TAILS):
        for word in _words(filler):
            table.setdefault(word, ("known", "yes"))
    for background in (*BACKGROUNDS, "over black", "against black"):
        table[" ".join(_words(background))] = ("known", "yes")
    for motions in MOTIONS.values():
        table.update((phrase, ("known", "yes")) for phrase in motions)
    groups: tuple[tuple[Kind, dict[str, tuple[str, ...]]], ...] = (
        ("place", PLACE_WORDS),
        ("amount", AMOUNT_WORDS),
        ("speed", SPEED_WORDS),
        ("size", SIZE_WORDS),
        ("colour", {colour: (colour, *SYNONYMS.get(colour, ())) for colour in COLOURS}),
        ("family", NOUNS),
    )
    for kind, words in groups:
        for value, phrases in words.items():
            table.update((phrase, (kind, value)) for phrase in phrases)
    # What people say beside the captions' phrases.
    table |= {
        "left": ("place", "left"),
        "right": ("place", "right"),
        "few": ("amount", "few"),
        "leaf": ("family", "leaves"),
    }
    return table, max(len(phrase.split()) for phrase in table)
