"""The order of training: every clip as often as any other, another part for every process, and a place to go on."""

from collections import Counter
from dataclasses import dataclass
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.training.data.buckets import Bucket
from server.training.data.cache import Pick
from server.training.data.errors import DataError
from server.training.data.sampler import BucketSampler

BUCKETS = [Bucket(32, 32, 5), Bucket(48, 32, 5), Bucket(32, 32, 9)]


@dataclass
class Clips:
    """Stands in for a cache: the bucket and number of captions of each clip."""

    buckets: list[Bucket]
    caption_count: int = 3
    fingerprint: str = "these clips"

    def __len__(self):
        return len(self.buckets)

    def bucket(self, clip):
        return self.buckets[clip]

    def captions(self, clip):
        return ("a caption",) * self.caption_count


some_clips = st.lists(st.sampled_from(BUCKETS), min_size=1, max_size=30).map(Clips)
seeds = st.integers(0, 2**31)


def take(sampler: BucketSampler, count: int) -> list[list[Pick]]:
    return list(islice(sampler, count))


@given(some_clips, st.integers(1, 4), st.integers(1, 3), seeds)
def test_every_rank_gets_another_part_of_each_step(clips, batch, world, seed):
    alone = BucketSampler(clips, batch * world, seed)
    ranks = [BucketSampler(clips, batch, seed, rank, world) for rank in range(world)]
    for _ in range(6):
        parts = [next(rank) for rank in ranks]
        assert all(len(part) == batch for part in parts)
        assert [pick for part in parts for pick in part] == next(alone)


@given(some_clips, st.integers(1, 5), seeds)
def test_a_batch_is_of_one_bucket(clips, batch, seed):
    for picks in take(BucketSampler(clips, batch, seed), 8):
        assert len({clips.bucket(pick.clip) for pick in picks}) == 1
        assert all(0 <= pick.caption < clips.caption_count for pick in picks)


@given(some_clips, st.integers(1, 4), st.integers(1, 4), seeds)
def test_every_clip_is_dealt_once_an_epoch(clips, batch, epochs, seed):
    """After any number of whole epochs a clip was seen that often, but for what waits to fill a batch."""
    sampler = BucketSampler(clips, batch, seed)
    seen = Counter()
    while True:
        picks = next(sampler)
        if sampler.epoch >= epochs:
            break
        seen.update(pick.clip for pick in picks)
    assert max(seen.values(), default=0) <= epochs
    for bucket in set(clips.buckets):
        members = [clip for clip in range(len(clips)) if clips.bucket(clip) == bucket]
        assert sum(epochs - seen[clip] for clip in members) == len(members) * epochs % batch


def test_every_clip_exactly_once_an_epoch_where_the_batches_come_out_even():
    clips = Clips(BUCKETS * 8)
    ranks = [BucketSampler(clips, 2, seed=5, rank=rank, world=2) for rank in range(2)]
    for _ in range(3):
        epoch = [pick.clip for rank in ranks for picks in take(rank, 6) for pick in picks]
        assert sorted(epoch) == list(range(24))


@given(some_clips, st.integers(1, 4), st.integers(0, 40), seeds)
def test_a_restored_sampler_goes_on_where_the_other_was(clips, batch, steps, seed):
    first = BucketSampler(clips, batch, seed)
    take(first, steps)
    second = BucketSampler(clips, batch, seed)
    second.load_state_dict(first.state_dict())
    assert (second.step, second.epoch) == (first.step, first.epoch)
    assert take(second, 5) == take(first, 5)


def test_it_goes_on_with_another_number_of_processes():
    clips = Clips(BUCKETS * 5)
    alone = BucketSampler(clips, 4, seed=1)
    take(alone, 3)
    ranks = [BucketSampler(clips, 2, seed=1, rank=rank, world=2) for rank in range(2)]
    for rank in ranks:
        rank.load_state_dict(alone.state_dict())
    assert next(ranks[0]) + next(ranks[1]) == next(alone)


def test_other_data_or_another_seed_is_not_gone_on_with():
    state = BucketSampler(Clips(BUCKETS), 1, seed=1).state_dict()
    with pytest.raises(DataError, match="training data has changed"):
        BucketSampler(Clips(BUCKETS, fingerprint="others"), 1, seed=1).load_state_dict(state)
    with pytest.raises(DataError, match="go on with 1"):
        BucketSampler(Clips(BUCKETS), 1, seed=2).load_state_dict(state)
    with pytest.raises(DataError, match="number of clips a step"):
        BucketSampler(Clips(BUCKETS), 2, seed=1).load_state_dict(state)


def test_seeds_and_epochs_shuffle_differently():
    clips = Clips(BUCKETS[:1] * 20)
    sampler = BucketSampler(clips, 20, seed=1)
    orders = [next(sampler), next(sampler), next(BucketSampler(clips, 20, seed=2))]
    assert len({tuple(pick.clip for pick in order) for order in orders}) == 3
