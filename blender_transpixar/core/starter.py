"""The starter library: a clip of each effect that a model knows, and which of them are still missing."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .clip import Clip
from .library import asset_file, clips_in

# The same clips for everybody, and the same again when the library is built again.
STARTER_SEED = 1

# What to ask for when a model does not say what it knows.
_PROMPTS: dict[str, str] = {
    "fire": "orange fire burning",
    "smoke": "a puff of grey smoke",
    "sparks": "golden sparks bursting",
    "explosion": "an orange explosion",
    "lightning": "a blue lightning bolt",
    "portal": "a green portal spinning",
    "shockwave": "a white shockwave expanding",
    "bubbles": "blue bubbles rising",
    "snow": "white snow falling",
    "rain": "blue rain falling",
    "swirl": "a purple swirl",
    "confetti": "magenta confetti falling",
    "splash": "a blue water splash",
    "leaves": "orange autumn leaves falling",
    "orb": "a glowing cyan orb",
}


@dataclass(frozen=True, slots=True)
class StarterEffect:
    """One clip of the starter library."""

    name: str
    prompt: str


def starter_effects(told: Iterable[Any] = ()) -> tuple[StarterEffect, ...]:
    """The effects for what a model says that it knows, its `effects`; the usual ones when it says nothing.

    Each is the name of an effect, or a prompt.
    """
    known = {effect.prompt: effect for effect in map(_effect_of, told) if effect is not None}
    return tuple(known.values()) or tuple(StarterEffect(name, prompt) for name, prompt in _PROMPTS.items())


@dataclass(frozen=True, slots=True)
class Plan:
    """What a library lacks: effects without a clip, and clips that came but did not become assets yet."""

    to_make: tuple[StarterEffect, ...]
    to_keep: tuple[Clip, ...]
    present: int


def plan_for(effects: Iterable[StarterEffect], library: Path, model: str | None) -> Plan:
    """Compare a library with the effects; `model` is the model's name, None for whichever it was made with."""
    clips: dict[str, Clip] = {}
    for clip in clips_in(library):
        if model is None or clip.sidecar.model.get("name") == model:
            clips.setdefault(str(clip.sidecar.request.get("prompt", "")), clip)
    wanted = tuple(effects)
    there = [clips[effect.prompt] for effect in wanted if effect.prompt in clips]
    return Plan(
        to_make=tuple(effect for effect in wanted if effect.prompt not in clips),
        to_keep=tuple(clip for clip in there if not asset_file(clip).is_file()),
        present=sum(asset_file(clip).is_file() for clip in there),
    )


def _effect_of(told: Any) -> StarterEffect | None:
    if not isinstance(told, str) or not told.strip():
        return None
    return StarterEffect(told, _PROMPTS.get(told.strip().lower(), told))
