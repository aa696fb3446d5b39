"""The seed's lock: a seed that is kept, or a new one for each clip."""

import random
from typing import Any

import bpy

from .subject import subject

RANDOM_SEED = -1
LARGEST_SEED = 2**31 - 1


def drawn_seed() -> int:
    """A seed by chance."""
    return random.randint(0, LARGEST_SEED)


def is_seed_locked(settings: Any) -> bool:
    """Whether the next clip gets the seed that is set."""
    return settings.seed != RANDOM_SEED


def lock_seed(settings: Any, locked: bool) -> None:
    """Keep the seed of the clip that is looked at or was made last, else one by chance; or let it be drawn anew."""
    if not locked:
        settings.seed = RANDOM_SEED
    elif settings.seed == RANDOM_SEED:
        settings.seed = _last_seed()


def _last_seed() -> int:
    clip = subject(bpy.context)
    seed = None if clip is None else clip.sidecar.request.get("seed")
    return seed if isinstance(seed, int) else drawn_seed()
