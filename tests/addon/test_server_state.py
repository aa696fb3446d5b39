import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blender_transpixar.core.errors import (
    InvalidAddressError,
    NotATransPixarServerError,
    OnlineAccessError,
    ServerNotConfiguredError,
    ServerNotRunningError,
    ServerNotStartedError,
    TransPixarError,
)
from blender_transpixar.core.launcher import Phase
from blender_transpixar.core.protocol import ServerSeen
from blender_transpixar.core.server_exit import reason_for_end
from blender_transpixar.core.server_models import models_of
from blender_transpixar.core.server_state import Condition, Facts, Remedy, judge
from blender_transpixar.core.watching import Watching

URL = "http://127.0.0.1:8420"
SILENCE = ServerNotRunningError("No server answers.")
OTHER = NotATransPixarServerError("Another program answers.")
CRASH = ServerNotStartedError("Port 8420 is in use.", code="port_in_use")


def answering(**status: object) -> Watching:
    said = {"version": "0.1.0", "api": 1, "state": "ready", "reason": None, "workers": [], **status}
    watching = Watching(1, URL)
    watching.apply(ServerSeen(1, None, said, []))
    return watching


def silent(problem: TransPixarError = SILENCE) -> Watching:
    watching = Watching(1, URL)
    watching.apply(ServerSeen(1, problem.to_json(), None, None))
    return watching


@pytest.mark.parametrize(
    ("facts", "condition", "remedy"),
    [
        (Facts(URL), Condition.CHECKING, Remedy.NONE),
        (Facts(address_problem=InvalidAddressError("No address.")), Condition.BAD_ADDRESS, Remedy.PREFERENCES),
        (
            Facts(address_problem=OnlineAccessError("Turn it on.")),
            Condition.ONLINE_ACCESS_OFF,
            Remedy.SYSTEM_PREFERENCES,
        ),
        (Facts(URL, watching=silent()), Condition.NOT_FOUND, Remedy.START),
        (
            Facts(URL, watching=silent(), start_problem=ServerNotConfiguredError("Choose a Python.")),
            Condition.NOT_CONFIGURED,
            Remedy.PREFERENCES,
        ),
        (
            Facts(URL, watching=silent(), start_problem=ServerNotStartedError("Far.", code="server_elsewhere")),
            Condition.NOT_FOUND,
            Remedy.PREFERENCES,
        ),
        (Facts(URL, watching=silent(OTHER)), Condition.OTHER_PROGRAM, Remedy.PREFERENCES),
        (Facts(URL, watching=silent(OTHER), may_choose_port=True), Condition.OTHER_PROGRAM, Remedy.START),
        (Facts(URL, watching=silent(), launcher_phase=Phase.STARTING), Condition.STARTING, Remedy.SHOW_LOG),
        (Facts(URL, watching=answering(), launcher_phase=Phase.STOPPING), Condition.STOPPING, Remedy.NONE),
        (
            Facts(URL, watching=silent(), launcher_phase=Phase.ENDED, launcher_error=CRASH),
            Condition.CRASHED,
            Remedy.PREFERENCES,
        ),
        # A crash of long ago says nothing once another server answers.
        (
            Facts(URL, watching=answering(), launcher_phase=Phase.ENDED, launcher_error=CRASH),
            Condition.READY,
            Remedy.NONE,
        ),
        (Facts(URL, watching=answering(workers=[{"state": "busy", "loaded_model": "mini"}])), Condition.BUSY, None),
        (Facts(URL, watching=answering(workers=[{"state": "busy"}])), Condition.LOADING_MODEL, None),
        (Facts(URL, watching=answering(workers=[{"state": "starting"}])), Condition.LOADING_MODEL, None),
        (Facts(URL, watching=answering(state="stopping")), Condition.STOPPING, None),
        (Facts(URL, watching=answering(state="disk_low", reason="Full.")), Condition.DEGRADED, Remedy.SHOW_LOG),
    ],
)
def test_every_situation_has_its_condition_and_its_remedy(facts: Facts, condition: Condition, remedy: Remedy | None):
    state = judge(facts)
    assert state.condition is condition
    assert remedy is None or state.remedy is remedy
    assert state.sentence.endswith(".")


def test_the_servers_own_reason_is_shown():
    assert judge(Facts(URL, watching=answering(state="disk_low", reason="The disk is full."))).sentence == (
        "The disk is full."
    )


def test_there_is_always_a_sentence_whatever_comes_together():
    watches = [None, Watching(1, URL), answering(), silent(), silent(TransPixarError("Odd.", code="odd"))]
    starts = [None, ServerNotConfiguredError("Choose.")]
    for watching, start, phase, error in itertools.product(watches, starts, Phase, [None, CRASH]):
        state = judge(Facts(URL, None, start, False, phase, error, watching))
        assert state.sentence
        assert state.answers <= (watching is not None and watching.status is not None)


SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
JSON = SCALAR | st.lists(SCALAR, max_size=2) | st.dictionaries(st.text(max_size=4), SCALAR, max_size=2)
MODEL_FIELDS = ("name", "title", "tasks", "state", "licences", "download", "defaults", "limits", "effects", "problem")
MODEL = st.dictionaries(st.sampled_from(MODEL_FIELDS), JSON)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(MODEL, max_size=2))
def test_odd_models_of_other_servers_do_no_harm(models: list[dict]):
    for model in models_of(models):
        assert model.name
        assert isinstance(model.usable, bool)


@pytest.mark.parametrize(
    ("status", "lines", "code", "words"),
    [
        (3, ['{"event": "failed", "code": "port_in_use", "message": "Port 1 is in use."}'], "port_in_use", "Port 1"),
        (1, ["/usr/bin/python3: No module named server"], "server_missing", "does not have the TransPixar server"),
        (1, ["  import torch", "ModuleNotFoundError: No module named 'torch'"], "server_missing", "package torch"),
        (-9, [], "server_ended", "memory"),
        (-11, [], "server_ended", "SIGSEGV"),
        (4, ["something"], "server_ended", "data folder"),
        (1, ["Traceback", "ValueError: odd", ""], "server_ended", "ValueError: odd"),
        (7, [], "server_ended", "7"),
        (0, [], "server_ended", "asked to end"),
    ],
)
def test_why_a_server_has_ended(status: int, lines: list[str], code: str, words: str):
    error = reason_for_end(status, lines)
    assert error.code == code
    assert words in error.message
