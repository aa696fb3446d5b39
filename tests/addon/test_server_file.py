import json
import os
import shlex
import sys
from pathlib import Path

import platformdirs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_transpixar.core.errors import ServerNotConfiguredError
from blender_transpixar.core.server_file import read_record, read_token, user_data_folder
from blender_transpixar.core.server_log import KEPT, rotate, start_line, tail
from blender_transpixar.core.server_options import ServerOptions, command_line, data_folder

RECORD = {
    "pid": os.getpid(),
    "url": "http://127.0.0.1:4711",
    "port": 4711,
    "version": "0.1.0",
    "api": 1,
    "token_file": None,
}


def write_record(folder: Path, **changed: object) -> None:
    (folder / "server.json").write_text(json.dumps(RECORD | changed))


def test_the_data_folder_is_where_the_server_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("TRANSPIXAR_DATA_DIR", raising=False)
    assert user_data_folder() == platformdirs.user_data_path("transpixar", appauthor=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert user_data_folder() == platformdirs.user_data_path("transpixar", appauthor=False)
    monkeypatch.setenv("TRANSPIXAR_DATA_DIR", str(tmp_path / "own"))
    assert user_data_folder() == tmp_path / "own"


def test_the_data_folder_on_the_other_systems():
    windows = user_data_folder({"LOCALAPPDATA": "C:/Users/ann/AppData/Local"}, "win32")
    assert windows == Path("C:/Users/ann/AppData/Local/transpixar")
    assert user_data_folder({}, "darwin") == Path.home() / "Library/Application Support/transpixar"


def test_a_record_is_read(tmp_path: Path):
    write_record(tmp_path, token_file=str(tmp_path / "token"))
    (tmp_path / "token").write_text("a-long-enough-token\n")
    found = read_record(tmp_path)
    assert (found.url, found.pid) == ("http://127.0.0.1:4711", os.getpid())
    assert read_token(found.token_file) == "a-long-enough-token"
    assert read_token(tmp_path / "nothing") is None


@pytest.mark.parametrize(
    "changed", [{"pid": 2**22 + 5}, {"pid": -1}, {"pid": 2**80}, {"url": "http://10.0.0.2:1"}, {"url": "ftp://x"}]
)
def test_a_record_of_a_dead_or_foreign_server_is_none(tmp_path: Path, changed: dict):
    write_record(tmp_path, **changed)
    assert read_record(tmp_path) is None


@settings(deadline=None)
@given(st.binary(max_size=64) | st.text().map(lambda text: json.dumps(text).encode()))
def test_a_damaged_record_is_none(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    folder = tmp_path_factory.getbasetemp()
    (folder / "server.json").write_bytes(content)
    assert read_record(folder) is None


def test_the_commands_own_data_folder_is_looked_in():
    assert data_folder("python -m server --data-dir '/big disk/clips'") == Path("/big disk/clips")
    assert data_folder("python -m server --data-dir=/big/clips") == Path("/big/clips")
    assert data_folder("python -m server --data-dir") == data_folder("") == data_folder("'open") == user_data_folder()


def test_the_address_is_added_to_a_command_that_has_none(tmp_path: Path):
    words, folder = command_line(ServerOptions(f"{shlex.quote(sys.executable)} -m server", url="http://[::1]:9000"))
    assert words == [sys.executable, "-m", "server", "--host", "::1", "--port", "9000"]
    assert folder == Path.home()
    own = f"{shlex.quote(sys.executable)} -m server --port=1"
    assert command_line(ServerOptions(own, url="http://127.0.0.1:9000"))[0][-1] == "--port=1"


def test_an_environments_folder_does_for_its_python():
    environment = Path(sys.prefix)
    assert command_line(ServerOptions(python=str(environment)))[0][0] == str(environment / "bin/python")


def test_a_working_copy_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRANSPIXAR_DATA_DIR", str(tmp_path / "data"))
    with pytest.raises(ServerNotConfiguredError, match="choose the Python"):
        command_line(ServerOptions(), [tmp_path])
    for file in ("server/__main__.py", ".venv/bin/python"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert command_line(ServerOptions(), [tmp_path]) == ([str(tmp_path / ".venv/bin/python"), "-m", "server"], tmp_path)


def test_the_server_that_ran_last_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRANSPIXAR_DATA_DIR", str(tmp_path))
    (tmp_path / "installation.json").write_text(json.dumps({"python": sys.executable, "folder": str(tmp_path)}))
    assert command_line(ServerOptions()) == ([sys.executable, "-m", "server"], tmp_path)
    (tmp_path / "installation.json").write_text(json.dumps({"python": "/gone/python", "folder": str(tmp_path)}))
    with pytest.raises(ServerNotConfiguredError):
        command_line(ServerOptions())


def test_logs_of_earlier_starts_are_kept_and_no_more(tmp_path: Path):
    for number in range(KEPT + 3):
        rotate(tmp_path).write_text(str(number))
    names = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert names == {"server.log": "5", "server.1.log": "4", "server.2.log": "3", "server.3.log": "2"}


def test_the_tail_of_a_long_log_is_short_and_whole(tmp_path: Path):
    log = tmp_path / "server.log"
    log.write_text("".join(f"line {number}\n" for number in range(20_000)))
    lines = tail(log)
    assert (len(lines), lines[-1]) == (200, "line 19999")
    assert tail(log, 10**6)[0].startswith("line ")
    assert tail(tmp_path / "nothing") == []


@settings(deadline=None)
@given(st.lists(st.text(max_size=40) | st.just('{"event": "listening", "url": "http://127.0.0.1:1"}')))
def test_the_start_line_is_found_among_anything(lines: list[str]):
    said = start_line(lines)
    assert (said is not None) == any("listening" in line for line in lines)
