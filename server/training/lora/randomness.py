"""Random numbers that depend on the run's seed and the place in the run alone.

Each clip of each update has a generator of its own, so there is no state to save: a run that was stopped, or goes on
with another number of devices, draws what it would have drawn.
"""

import hashlib

import torch


def clip_generator(seed: int, iteration: int, slot: int) -> torch.Generator:
    """Make the generator of one clip.

    Args:
        seed: of the run.
        iteration: the update, from 0.
        slot: the clip's place among those of the update, over all devices.

    Returns:
        A generator on the CPU, so that every device gets the same numbers.
    """
    digest = hashlib.blake2b(f"{seed}/{iteration}/{slot}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest) >> 1)
