"""In which order clips are trained on: shuffled, batches of one bucket, and a place to go on from.

An epoch deals every clip once, with one of its captions. What does not fill a batch in its bucket waits and comes first
in the next epoch, so all batches are full and no clip is seen more often than another. The order depends on the seed
and on the size of a step over all processes alone: two processes with a batch of 4 are trained as one with a batch of
8, and every process gets another part of each step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from server.training.data.buckets import Bucket
from server.training.data.cache import Pick
from server.training.data.errors import DataError


class Clips(Protocol):
    """What is asked of a cache."""

    @property
    def fingerprint(self) -> str:
        """Changes when the clips do."""

    def __len__(self) -> int: ...

    def bucket(self, clip: int) -> Bucket:
        """The bucket of a clip."""

    def captions(self, clip: int) -> tuple[str, ...]:
        """The captions of a clip."""


class BucketSampler:
    """An endless iterator over the batches of one process, each a list of `Pick`s to index the cache with.

    Attributes:
        step: how many batches were given out; the state is that after them.
        epoch: the epoch of the batch that comes next, from 0. Epochs are not equally long, because of what waits.
    """

    def __init__(self, cache: Clips, batch: int, seed: int, rank: int = 0, world: int = 1) -> None:
        """Start with the first batch.

        Args:
            cache: the clips.
            batch: how many clips each process gets at a time.
            seed: determines the order and the captions.
            rank: which of the processes this is, from 0.
            world: how many processes there are.

        Raises:
            ValueError: there are no clips, or a number is out of range.
        """
        if batch < 1 or world < 1 or not 0 <= rank < world:
            raise ValueError(f"batch {batch}, rank {rank}, world {world}: batch and world from 1, rank below world")
        if not len(cache):
            raise ValueError("there are no clips to train on")
        self._cache, self._batch, self._seed, self._rank, self._world = cache, batch, seed, rank, world
        self.step, self.epoch = 0, 0
        self._restart()

    def __iter__(self) -> Iterator[list[Pick]]:
        return self

    def __next__(self) -> list[Pick]:
        """The next batch of this process."""
        while self._place == len(self._steps):
            # A small bucket may need several epochs for one step.
            self._deal(self.epoch + 1)
        picks = self._steps[self._place]
        self._place += 1
        self.step += 1
        return picks[self._rank * self._batch : (self._rank + 1) * self._batch]

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on after the last batch; plain numbers and text."""
        return {
            "step": self.step,
            "seed": self._seed,
            "step_size": self._batch * self._world,
            "clips": self._cache.fingerprint,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the sampler of this state was; the number of processes may be another for the same step size.

        Raises:
            DataError: the data, the seed or the step size is another, so the order would be too.
        """
        now = self.state_dict()
        if state["clips"] != now["clips"]:
            raise DataError(
                "The training data has changed since this run was saved, so it cannot go on in the same order; put the "
                "old data back, or start a new run from the last weights."
            )
        for key, what in (("seed", "the seed"), ("step_size", "the number of clips a step (batch times processes)")):
            if state[key] != now[key]:
                raise DataError(
                    f"This run was saved with {state[key]} as {what}, not {now[key]}; go on with {state[key]}."
                )
        self._restart()
        while self.step + len(self._steps) < state["step"]:
            self.step += len(self._steps)
            self._deal(self.epoch + 1)
        self._place = state["step"] - self.step
        self.step = state["step"]

    def _restart(self) -> None:
        self.step = 0
        self._waiting = defaultdict[Bucket, list[Pick]](list)
        self._deal(0)

    def _deal(self, epoch: int) -> None:
        """Shuffle the clips of an epoch into steps of one bucket each."""
        rng = np.random.default_rng([self._seed, epoch])
        size = self._batch * self._world
        steps = []
        for clip in rng.permutation(len(self._cache)):
            caption = int(rng.integers(len(self._cache.captions(clip))))
            waiting = self._waiting[self._cache.bucket(clip)]
            waiting.append(Pick(int(clip), caption))
            if len(waiting) == size:
                steps.append(waiting.copy())
                waiting.clear()
        self.epoch, self._place = epoch, 0
        # As they filled up, those of large buckets would come first.
        self._steps: list[list[Pick]] = [steps[i] for i in rng.permutation(len(steps))]
