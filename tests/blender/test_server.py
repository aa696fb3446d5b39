"""The server from Blender: started, watched, stopped; and the sentence and the button for everything else."""

import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_transpixar import preferences as addon_preferences
from blender_transpixar.bl import pump, server, server_child, server_models
from blender_transpixar.core.process_id import is_running
from blender_transpixar.core.server_file import read_record
from blender_transpixar.core.server_state import Condition
from blender_transpixar.ui.server_panel import ServerSection, draw_state_row
from tests.addon.real_server import MODEL_NAME, REPOSITORY, RealServer, server_python
from tests.blender.recorded_layout import RecordedLayout


def tick_until(reached: Callable[[], bool], patience_s: float = 90.0) -> None:
    """Timers never fire in background mode, so the test ticks by hand, and looks as a panel in sight does."""
    deadline = time.monotonic() + patience_s
    while not reached():
        assert time.monotonic() < deadline, server.state()
        server.want_watch()
        pump.tick()
        time.sleep(0.02)


def known() -> server.ServerState:
    """The state once the first look is over."""
    tick_until(lambda: server.state().condition is not Condition.CHECKING)
    return server.state()


def draw_row() -> RecordedLayout:
    layout = RecordedLayout()
    draw_state_row(layout, panel_context())
    return layout


def draw_section() -> RecordedLayout:
    layout = RecordedLayout()
    ServerSection.draw(SimpleNamespace(layout=layout), panel_context())
    return layout


def panel_context() -> SimpleNamespace:
    system = SimpleNamespace(ui_scale=1.0)
    return SimpleNamespace(preferences=SimpleNamespace(system=system), region=SimpleNamespace(width=4000))


@pytest.fixture
def own_server(preferences, tmp_path: Path) -> Iterator[Path]:
    """Preferences that start a server with a data folder of its own, which this returns."""
    data = tmp_path / "data"
    preferences.server_command = f'"{server_python()}" -m server --data-dir "{data}"'
    preferences.server_folder = str(REPOSITORY)
    yield data
    record = read_record(data)
    if record is not None:
        os.kill(record.pid, signal.SIGTERM)


def test_started_from_blender_it_is_used_shown_and_stopped(own_server: Path, preferences):
    assert known().condition is Condition.NOT_FOUND
    assert draw_row().operators == ["transpixar.start_server"]
    assert bpy.ops.transpixar.start_server() == {"FINISHED"}
    state = server.state()
    assert state.answers
    assert addon_preferences.server_url(bpy.context) == state.url == read_record(own_server).url
    assert state.model("mini").usable
    assert not bpy.ops.transpixar.start_server.poll()
    section = draw_section()
    assert state.url in " ".join(section.labels)
    assert {"transpixar.stop_server", "transpixar.show_server_log", "transpixar.load_model"} <= set(section.operators)
    bpy.ops.transpixar.show_server_log()
    assert "listening" in bpy.data.texts["TransPixar Server Log"].as_string()
    assert bpy.ops.transpixar.stop_server() == {"FINISHED"}
    assert known().condition is Condition.NOT_FOUND
    assert read_record(own_server) is None
    assert not bpy.ops.transpixar.stop_server.poll()


def test_one_that_runs_is_found_at_its_own_port_and_can_be_stopped(preferences, tmp_path: Path):
    running = RealServer(tmp_path, tmp_path / "data", tmp_path / "log")
    running._options = ["--data-dir", str(tmp_path / "data")]
    running.start()
    preferences.server_command = f'python -m server --data-dir "{tmp_path / "data"}"'
    assert addon_preferences.server_url(bpy.context) == running.url
    tick_until(lambda: server.state().answers)
    assert bpy.ops.transpixar.start_server() == {"FINISHED"}
    assert not server_child.launcher().runs
    assert bpy.ops.transpixar.stop_server() == {"FINISHED"}
    assert not server.state().answers
    running.stop()


def test_a_crash_is_told_in_words_until_the_settings_are_others(own_server: Path, preferences):
    wrong = " --model-dir /nowhere"
    preferences.server_command += wrong
    with pytest.raises(RuntimeError):
        bpy.ops.transpixar.start_server()
    state = server.state()
    assert state.condition is Condition.CRASHED
    assert "Traceback" not in state.sentence
    assert draw_row().labels[0].startswith(state.sentence[:40])
    preferences.server_command = preferences.server_command.removesuffix(wrong)
    assert known().condition is Condition.NOT_FOUND


def test_the_first_clip_starts_the_server_where_that_is_wanted(own_server: Path, preferences):
    server.start_for_clip(bpy.context)
    assert not server_child.launcher().runs
    preferences.start_with_first_clip = True
    with socket.create_server(("127.0.0.1", 0)) as other:
        preferences.server_address = str(other.getsockname()[1])
        server.start_for_clip(bpy.context)
        assert not server_child.launcher().runs, "what listens at a chosen address is asked first"
    preferences.server_address = ""
    server.start_for_clip(bpy.context)
    child = server_child.launcher()._process
    assert addon_preferences.server_url(bpy.context) == server_child.launcher().url
    server.start_for_clip(bpy.context)
    assert server_child.launcher()._process is child
    bpy.ops.transpixar.stop_server()
    assert child.poll() is not None


def test_a_taken_port_is_a_reason_only_where_it_was_chosen(own_server: Path, preferences):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        preferences.server_address = f"{taken.getsockname()[1]}"
        with pytest.raises(RuntimeError, match="in use"):
            bpy.ops.transpixar.start_server()


def test_without_settings_it_says_what_is_missing(preferences, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(server_child, "_places", lambda: [tmp_path])
    with socket.create_server(("127.0.0.1", 0)) as free:
        preferences.server_address = f"localhost:{free.getsockname()[1]}"
    state = known()
    assert state.condition is Condition.NOT_CONFIGURED
    assert draw_row().operators == ["transpixar.open_preferences"]
    with pytest.raises(RuntimeError, match="choose the Python"):
        bpy.ops.transpixar.start_server()
    preferences.server_python = "/nowhere/python"
    with pytest.raises(RuntimeError, match="There is no Python at"):
        bpy.ops.transpixar.start_server()


@pytest.mark.parametrize(
    ("address", "condition", "operator"),
    [
        ("render-box:8420", Condition.ONLINE_ACCESS_OFF, "transpixar.open_online_access"),
        ("no address at all", Condition.BAD_ADDRESS, "transpixar.open_preferences"),
    ],
)
def test_addresses_that_may_not_be_used(preferences, address: str, condition: Condition, operator: str):
    preferences.server_address = address
    assert server.state().condition is condition
    assert draw_row().operators == [operator]
    with pytest.raises(RuntimeError):
        bpy.ops.transpixar.start_server()


def test_another_program_on_the_port(preferences, tmp_path: Path):
    handler = http.server.SimpleHTTPRequestHandler
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        preferences.server_address = f"http://127.0.0.1:{running.server_port}/"
        assert known().condition is Condition.OTHER_PROGRAM
        assert "Another program answers" in draw_row().labels[0]
        running.shutdown()


def test_a_token_is_taken_from_the_preferences_and_from_the_servers_own_file(preferences, tmp_path: Path):
    running = RealServer(tmp_path, tmp_path / "data", tmp_path / "log")
    running._options = ["--data-dir", str(tmp_path / "data"), "--token-file", str(tmp_path / "token")]
    running.start()
    preferences.server_address = running.url
    assert known().condition is Condition.TOKEN_MISSING
    preferences.server_token = "not-the-right-token"
    tick_until(lambda: server.state().condition is Condition.TOKEN_WRONG)
    preferences.server_token = (tmp_path / "token").read_text()
    tick_until(lambda: server.state().answers)
    preferences.server_token = ""
    preferences.server_address = ""
    preferences.server_command = f"python -m server --data-dir {tmp_path / 'data'}"
    tick_until(lambda: server.state().answers)
    running.stop()


def test_models_are_loaded_and_their_licences_read(connected: Path):
    tick_until(lambda: server.state().answers)
    guarded = next(model for model in server.state().models if model.state == "licence_not_accepted")
    assert "transpixar.accept_licences" in draw_section().operators
    assert bpy.ops.transpixar.accept_licences(model=guarded.name) == {"CANCELLED"}
    with pytest.raises(RuntimeError, match="needs your consent"):
        bpy.ops.transpixar.load_model(model=guarded.name)
    server_models.manage(bpy.context, guarded.name, "load", wait=False)
    tick_until(lambda: server_models.last().finished)
    assert any("needs your consent" in label for label in draw_section().labels)
    assert bpy.ops.transpixar.load_model(model=MODEL_NAME) == {"FINISHED"}
    assert bpy.ops.transpixar.unload_model(model=MODEL_NAME) == {"FINISHED"}


def test_a_server_that_is_ready_takes_no_room_in_the_panel(connected: Path):
    tick_until(lambda: server.state().condition is Condition.READY)
    assert draw_row().labels == draw_row().operators == []


def test_nobody_looks_any_more_after_a_while(connected: Path, monkeypatch: pytest.MonkeyPatch):
    tick_until(lambda: server.state().answers)
    monkeypatch.setattr(server, "UNSEEN_S", 0.0)
    tick_end = time.monotonic() + 30
    while pump.tick() is not None and time.monotonic() < tick_end:
        time.sleep(0.01)
    assert not pump.dispatcher().busy
    assert server.state().condition is Condition.CHECKING


# What the add-on does in a Blender that is killed later.
BLENDER = """
import sys, time, bpy
bpy.ops.preferences.addon_enable(module="blender_transpixar")
preferences = bpy.context.preferences.addons["blender_transpixar"].preferences
preferences.server_command, preferences.server_folder = sys.argv[1:3]
print(bpy.ops.transpixar.start_server(), flush=True)
time.sleep(600)
"""


def test_a_killed_blender_leaves_no_server(tmp_path: Path):
    data = tmp_path / "data"
    command = f'"{server_python()}" -m server --data-dir "{data}"'
    blender = subprocess.Popen(
        [sys.executable, "-c", BLENDER, command, str(REPOSITORY)],
        cwd=REPOSITORY,
        env=os.environ
        | {"BLENDER_USER_RESOURCES": str(tmp_path / "resources"), "TRANSPIXAR_WORK_DIR": str(tmp_path / "work")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert blender.stdout is not None
    said = iter(blender.stdout.readline, "")
    assert any("{'FINISHED'}" in line for line in said)
    pid = read_record(data).pid
    blender.kill()
    blender.wait()
    blender.stdout.close()
    deadline = time.monotonic() + 60
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)
    assert read_record(data) is None
