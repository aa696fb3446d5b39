"""What the courier sees of servers, real and wrong ones, and what is made of it."""

import http.server
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from blender_transpixar.core.dispatcher import Dispatcher
from blender_transpixar.core.server_state import Condition, Facts, Remedy, ServerState, judge
from blender_transpixar.core.watching import Watching
from tests.addon.real_server import MODEL_NAME, REPOSITORY, RealServer, server_python
from tests.addon.test_courier import other_server, pump_until

QUICK_S = 0.05


def state_of(watching: Watching) -> ServerState:
    return judge(Facts(url=watching.server, watching=watching))


def seen_at(dispatcher: Dispatcher, url: str) -> ServerState:
    """What is known after the first look."""
    watching = dispatcher.watch(url, QUICK_S, False)
    pump_until(dispatcher, lambda: watching.looked)
    dispatcher.cancel(watching)
    pump_until(dispatcher, lambda: watching.finished)
    return state_of(watching)


def test_a_real_server_with_its_models(dispatcher: Dispatcher, server: RealServer):
    state = seen_at(dispatcher, server.url)
    assert state.answers
    assert state.url == server.url
    model = state.model(MODEL_NAME)
    assert model.state == "ready"
    assert model.model.limits.max_width >= model.model.defaults.width
    assert state.model("") == state.models[0]
    assert not dispatcher.busy


def test_a_server_that_comes_and_goes_is_noticed(dispatcher: Dispatcher, model_dir: Path, tmp_path: Path):
    server = RealServer(model_dir, tmp_path / "data", tmp_path / "server.log").start()
    watching = dispatcher.watch(server.url, QUICK_S, True)
    pump_until(dispatcher, lambda: watching.looked)
    assert state_of(watching).answers
    server.stop()
    pump_until(dispatcher, lambda: watching.problem is not None)
    gone = state_of(watching)
    assert (gone.condition, gone.remedy) == (Condition.NOT_FOUND, Remedy.START)
    server.start()
    pump_until(dispatcher, lambda: watching.problem is None)
    server.stop()


def test_loading_a_model_shows(dispatcher: Dispatcher, server: RealServer):
    watching = dispatcher.watch(server.url, QUICK_S, True)
    task = dispatcher.manage_model(server.url, MODEL_NAME, "load")
    dispatcher.wait(task)
    assert task.error is None
    pump_until(dispatcher, lambda: watching.looked and bool(state_of(watching).model(MODEL_NAME).loaded))
    dispatcher.wait(dispatcher.manage_model(server.url, MODEL_NAME, "unload"))
    pump_until(dispatcher, lambda: not state_of(watching).model(MODEL_NAME).loaded)


@pytest.mark.parametrize(("name", "sentence"), [("nobody", "no model"), ("../status", "no model")])
def test_a_model_that_is_not_there(dispatcher: Dispatcher, server: RealServer, name: str, sentence: str):
    task = dispatcher.manage_model(server.url, name, "load")
    dispatcher.wait(task)
    assert sentence in task.error.message


def test_licences_are_accepted_by_their_ids(dispatcher: Dispatcher, server: RealServer):
    watching = dispatcher.watch(server.url, QUICK_S, True)
    pump_until(dispatcher, lambda: watching.looked)
    model = next(each for each in watching.models if each.state == "licence_not_accepted")
    assert all(licence.name and licence.url.startswith("https://") for licence in model.licences)
    refused = dispatcher.manage_model(server.url, model.name, "accept-licences", ["something-else"])
    dispatcher.wait(refused)
    assert refused.error is not None
    assert state_of(watching).model(model.name).state == "licence_not_accepted"
    accepted = dispatcher.manage_model(
        server.url, model.name, "accept-licences", [licence.id for licence in model.licences]
    )
    dispatcher.wait(accepted)
    assert accepted.error is None
    dispatcher.watch(server.url, QUICK_S, True, watching)
    pump_until(dispatcher, lambda: state_of(watching).model(model.name).state != "licence_not_accepted")


def test_nothing_listens(dispatcher: Dispatcher):
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    state = seen_at(dispatcher, url)
    assert (state.condition, state.remedy) == (Condition.NOT_FOUND, Remedy.START)


def test_another_program(dispatcher: Dispatcher):
    with other_server(200, b"<html>") as url:
        state = seen_at(dispatcher, url)
    assert (state.condition, state.remedy) == (Condition.OTHER_PROGRAM, Remedy.PREFERENCES)


def test_another_version(dispatcher: Dispatcher):
    with other_server(200, json.dumps({"name": "transpixar", "version": "9.9.9", "api": 9}).encode()) as url:
        state = seen_at(dispatcher, url)
    assert state.condition is Condition.OTHER_VERSION
    assert "Update the add-on" in state.sentence


def test_no_certificate(dispatcher: Dispatcher):
    with other_server(200, b"<html>") as url:
        state = seen_at(dispatcher, url.replace("http:", "https:"))
    assert state.condition is Condition.NO_ANSWER
    assert "secure connection" in state.sentence


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A real server with a token: its address and the token."""
    folder = tmp_path_factory.mktemp("guarded")
    command = [server_python(), "-m", "server", "--port", "0", "--data-dir", folder, "--stop-with-parent"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [*command, "--token-file", folder / "token.txt"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        ) as process,
    ):
        assert process.stdout is not None and process.stdin is not None
        yield json.loads(process.stdout.readline())["url"], (folder / "token.txt").read_text().strip()
        process.stdin.close()


def test_the_token_is_missing_wrong_and_right(guarded: tuple[str, str]):
    url, token = guarded
    shown: dict[str, str | None] = {url: None}
    dispatcher = Dispatcher(["-I"], shown.get)
    missing = seen_at(dispatcher, url)
    shown[url] = "not-the-token-of-it"
    wrong = seen_at(dispatcher, url)
    shown[url] = token
    right = seen_at(dispatcher, url)
    # A courier that has been started anew is told again.
    dispatcher.close()
    again = seen_at(dispatcher, url)
    dispatcher.close()
    assert [missing.condition, wrong.condition] == [Condition.TOKEN_MISSING, Condition.TOKEN_WRONG]
    assert missing.remedy is wrong.remedy is Remedy.PREFERENCES
    assert right.answers
    assert again.answers


@contextmanager
def silent_server() -> Iterator[tuple[str, Callable[[], int]]]:
    """Answers every look with an empty page, and counts them."""
    looks: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            looks.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", lambda: len(looks)
        running.shutdown()


def test_a_watch_that_is_adjusted_looks_at_once(dispatcher: Dispatcher):
    with silent_server() as (url, looks):
        watching = dispatcher.watch(url, 600.0, True)
        pump_until(dispatcher, lambda: watching.looked)
        assert looks() == 1
        dispatcher.watch(url, 600.0, True, watching)
        pump_until(dispatcher, lambda: looks() == 2)


def test_what_does_not_change_is_told_once(dispatcher: Dispatcher):
    with silent_server() as (url, looks):
        watching = dispatcher.watch(url, 0.01, True)
        pump_until(dispatcher, lambda: watching.looked)
        told = []
        pump_until(dispatcher, lambda: told.extend(dispatcher.pump()) or looks() > 5)
    assert told == []
