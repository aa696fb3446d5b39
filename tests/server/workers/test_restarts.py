"""When a worker that has died comes back."""

from hypothesis import given
from hypothesis import strategies as st

from server.workers.flow import TokenBucket
from server.workers.restarts import DeathRecord, RestartPolicy

POLICY = RestartPolicy(first_delay=1, longest_delay=60, deaths=4, window=100)


def test_each_death_makes_the_wait_longer_until_it_is_a_crash_loop() -> None:
    deaths = DeathRecord(POLICY)

    assert [(deaths.died(now), deaths.degraded) for now in (0, 1, 2, 3)] == [
        (1, False),
        (2, False),
        (4, False),
        (60, True),
    ]
    assert deaths.summary() == "The worker has ended 4 times within 2 minutes"


def test_a_good_job_clears_the_record() -> None:
    deaths = DeathRecord(POLICY)
    for now in (0, 1, 2):
        deaths.died(now)
    deaths.did_well()

    assert deaths.died(3) == 1


def test_deaths_of_long_ago_do_not_count() -> None:
    deaths = DeathRecord(POLICY)
    for now in (0, 1, 2):
        deaths.died(now)

    assert deaths.died(150) == 1
    assert not deaths.degraded


def test_being_back_is_no_proof_of_health() -> None:
    deaths = DeathRecord(POLICY)
    for now in (0, 1, 2, 3):
        deaths.died(now)
    deaths.is_back()
    assert not deaths.degraded

    assert deaths.died(4) == 60
    assert deaths.degraded


def test_one_that_cannot_work_here_is_degraded_at_once() -> None:
    deaths = DeathRecord(POLICY)

    assert deaths.died(0, hopeless=True) == 60
    assert deaths.degraded


@given(st.lists(st.floats(0, 50), max_size=30))
def test_the_wait_is_never_longer_than_the_longest(pauses: list[float]) -> None:
    deaths, now = DeathRecord(POLICY), 0.0
    for pause in pauses:
        now += pause
        assert 1 <= deaths.died(now) <= 60


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60))
def test_no_more_passes_than_the_burst_and_the_rate(pauses: list[float]) -> None:
    now = 0.0
    bucket = TokenBucket(burst=5, per_second=2, clock=lambda: now)
    passed = 0
    for pause in pauses:
        now += pause
        passed += bucket.take()
    assert passed <= 5 + 2 * now + 1e-6
