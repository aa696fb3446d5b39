"""What is worth waiting for, and for how long; the server's part is played by a list of answers."""

import threading

import pytest

from blender_transpixar.core.errors import (
    DisconnectedError,
    InvalidRequestError,
    NotATransPixarServerError,
    ServerBusyError,
    ServerNotRunningError,
    ServerRefusedError,
    ServerVersionError,
    TransPixarError,
)
from blender_transpixar.core.protocol import Reconnecting
from blender_transpixar.core.server_wait import CancelledByArtist, LeftAlone, ServerWait

DOWN = ServerNotRunningError("Nobody answers.")
FULL = ServerBusyError("The queue is full.", code="queue_full", retry_after=0)
TOKEN = ServerRefusedError("The token is wrong.", code="token_wrong")


def ask(wait: ServerWait, *answers: object) -> object:
    left = list(answers)

    def answer() -> object:
        if isinstance(left[0], TransPixarError):
            raise left.pop(0)
        return left.pop(0)

    return wait.until_answered(answer)


@pytest.fixture
def said() -> list[Reconnecting]:
    return []


def waiting(said: list, patient: bool, patience_s: float = 60.0) -> ServerWait:
    return ServerWait(1, "http://127.0.0.1:8420", said.append, patient, patience_s)


@pytest.mark.parametrize(
    "error",
    [DOWN, FULL, TOKEN, NotATransPixarServerError("Another program."), ServerVersionError("Update the add-on.")],
)
def test_a_patient_wish_waits_for_whatever_can_be_mended_at_the_server(error: TransPixarError, said: list):
    assert ask(waiting(said, patient=True), error, "there") == "there"
    assert [message.reason for message in said] == [error.message]


@pytest.mark.parametrize("error", [InvalidRequestError("Width 65."), ServerRefusedError("No.", code="model_unusable")])
def test_nobody_waits_for_what_waiting_does_not_mend(error: TransPixarError, said: list):
    with pytest.raises(type(error)):
        ask(waiting(said, patient=True), error)
    assert said == []


def test_a_script_hears_at_once_that_there_is_no_server(said: list):
    with pytest.raises(ServerNotRunningError):
        ask(waiting(said, patient=False), DOWN)


def test_a_script_waits_while_the_server_is_busy(said: list):
    assert ask(waiting(said, patient=False), FULL, "there") == "there"


def test_a_script_whose_job_runs_waits_for_a_restart_and_gives_up_in_the_end(said: list):
    wait = waiting(said, patient=False, patience_s=0.0)
    wait.accepted = True
    with pytest.raises(DisconnectedError):
        ask(wait, DOWN, DOWN)
    assert len(said) == 1


def test_the_server_says_how_long(said: list):
    wait = waiting(said, patient=True)
    wait.ask_now()
    assert ask(wait, ServerBusyError("Later.", retry_after=30.0), "there") == "there"
    assert said[0].delay == 30.0


@pytest.mark.parametrize(("event", "unwinds"), [("cancelled", CancelledByArtist), ("left", LeftAlone)])
def test_every_wait_ends_at_once(event: str, unwinds: type[Exception], said: list):
    wait = ServerWait(1, "", lambda message: threading.Timer(0.01, getattr(wait, event).set).start(), True)
    with pytest.raises(unwinds):
        ask(wait, ServerBusyError("Later.", retry_after=60.0), "never")


def test_contact_is_news_once(said: list):
    wait = waiting(said, patient=True)
    wait.ask_now()
    wait.before_asking_again(DOWN)
    assert [wait.answered(), wait.answered()] == [True, False]
