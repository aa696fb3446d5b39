from server.workers.estimate import RemainingTime


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_the_estimate_counts_steps_decoding_and_the_clips_that_follow():
    clock = Clock()
    remaining = RemainingTime(steps=10, clips=2, decoding_steps=3, clock=clock)
    clock.now += 60  # loading is not part of the pace
    remaining.begin_sampling()
    clock.now += 2
    # 9 steps and 3 steps' worth of decoding, then a whole clip of 13.
    assert remaining.after_step(1) == (9 + 3 + 13) * 2


def test_once_a_clip_has_been_decoded_its_decoding_time_is_known():
    clock = Clock()
    remaining = RemainingTime(steps=2, clips=2, decoding_steps=100, clock=clock)
    remaining.begin_sampling()
    clock.now += 10
    remaining.sampled()
    clock.now += 1
    remaining.clip_ready()
    remaining.begin_sampling()
    clock.now += 5
    assert remaining.after_step(1) == 5 + 1
    clock.now += 5
    assert remaining.after_step(2) == 1
