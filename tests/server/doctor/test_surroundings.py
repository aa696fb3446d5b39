"""What the doctor says about disks, ports and ffmpeg."""

import http.server
import json
import socket
import threading
from contextlib import contextmanager

import pytest

from server import __version__
from server.doctor.finding import Level
from server.doctor.surroundings import check_data_folder, check_disk, check_ffmpeg, check_port
from server.launch import ServerProcess

GB = 10**9


@contextmanager
def answering(status: int, body: dict):
    """A program that answers every call alike. Yields its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as program:
        threading.Thread(target=program.serve_forever, daemon=True).start()
        yield program.server_port
        program.shutdown()


def test_a_free_port(free_port):
    found = check_port("127.0.0.1", free_port)
    assert (found.level, found.said) == (Level.OK, f"{free_port} is free.")


def test_a_port_of_another_program():
    with answering(200, {"name": "jupyter"}) as port:
        found = check_port("127.0.0.1", port)
    assert found.level is Level.PROBLEM
    assert found.prevents_clips
    assert f"--port {port + 1}" in str(found.advice)


def test_a_port_of_a_program_that_speaks_no_http():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.sendall(b"220 mail\r\n")
                connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        assert check_port("127.0.0.1", listener.getsockname()[1]).prevents_clips


def test_the_port_of_our_own_server(server: ServerProcess):
    found = check_port("127.0.0.1", int(server.url.rpartition(":")[2]))
    assert found.level is Level.OK
    assert f"version {__version__}, answers" in found.said


def test_the_port_of_another_version_of_our_server():
    with answering(200, {"name": "transpixar", "version": "0.0.1"}) as port:
        found = check_port("127.0.0.1", port)
    assert found.level is Level.NOTE
    assert "of version 0.0.1" in found.said


def test_the_port_of_our_server_with_a_token():
    with answering(401, {"error": {"code": "token_missing", "message": "...", "field": None}}) as port:
        found = check_port("127.0.0.1", port)
    assert (found.level, "needs its token" in found.said) == (Level.OK, True)


def test_a_full_disk(tmp_path):
    found = check_disk(tmp_path, floor_bytes=2 * GB, missing_bytes={}, free=GB)
    assert found.prevents_clips
    assert "1.0 GB are free" in found.said


def test_a_disk_too_small_for_a_download(tmp_path):
    found = check_disk(tmp_path, floor_bytes=2 * GB, missing_bytes={"small": GB, "large": 21 * GB}, free=20 * GB)
    assert found.level is Level.NOTE
    assert "large 21.0 GB" in found.said
    assert "small" not in found.said


def test_a_disk_with_room(tmp_path):
    found = check_disk(tmp_path / "not" / "there" / "yet", floor_bytes=0, missing_bytes={"large": 1})
    assert found.level is Level.OK
    assert found.facts["free_bytes"] > 0


def test_ffmpeg_runs():
    found = check_ffmpeg()
    assert found.level is Level.OK
    assert found.said.startswith("ffmpeg version")


@pytest.mark.parametrize("content", [None, "#!/bin/sh\necho broken >&2\nexit 1\n"])
def test_no_ffmpeg(monkeypatch, tmp_path, content):
    program = tmp_path / "ffmpeg"
    if content is not None:
        program.write_text(content)
        program.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    found = check_ffmpeg()
    assert found.level is Level.PROBLEM
    assert not found.prevents_clips
    assert "imageio-ffmpeg" in str(found.advice)


def test_a_data_folder_is_left_as_it_was(tmp_path):
    assert check_data_folder(tmp_path / "data").level is Level.OK
    assert list((tmp_path / "data").iterdir()) == []
