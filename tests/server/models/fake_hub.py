"""A small hub on a real socket: those calls of the Hugging Face hub's HTTP API that a download makes.

Weights are in LFS and come, as from the real hub, from another host than the API: `localhost` in place of `127.0.0.1`.
"""

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" * 6 + "0000"


@dataclass
class FakeRepo:
    files: dict[str, bytes]
    commit: str = COMMIT
    gated: bool = False


@dataclass
class Answered:
    """A GET of a file: its path in the repository, its first byte, and how many bytes went out."""

    path: str
    start: int
    sent: int


@dataclass
class FakeHub:
    """The hub's contents, its faults, and what it has answered."""

    repos: dict[str, FakeRepo] = field(default_factory=dict)
    # The connection ends after so many bytes of a file's content, each number once, in this order.
    breaks: dict[str, list[int]] = field(default_factory=dict)
    # Files that stop in the middle until the event is set.
    stall: dict[str, threading.Event] = field(default_factory=dict)
    wrong_checksum: set[str] = field(default_factory=set)
    # So many bytes more than the file has are announced.
    longer: dict[str, int] = field(default_factory=dict)
    knows_ranges: bool = True
    busy: int = 0
    answered: list[Answered] = field(default_factory=list)
    url: str = ""

    def add(self, repo: str, folder: Path, pattern: str = "*") -> None:
        """Put the files of a folder into a repository."""
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob(pattern) if path.is_file()
        }
        self.repos.setdefault(repo, FakeRepo({})).files.update(files)

    def sent(self, path: str) -> int:
        """How many bytes of a file went out."""
        return sum(answer.sent for answer in self.answered if answer.path == path)


class FakeHubServer(ThreadingHTTPServer):
    """Serves a FakeHub; a context manager that gives the FakeHub."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = FakeHub(url=f"http://127.0.0.1:{self.server_port}")
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()

    def __exit__(self, *_: object) -> None:
        for event in self.hub.stall.values():
            event.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address) -> None:
        pass  # a client that was killed


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeHubServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._with_repo(match[1], lambda repo: self._json(_about(match[1], repo)))
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", path):
            self._with_repo(match[1], lambda repo: self._json([_entry(*file) for file in repo.files.items()]))
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._with_repo(match[1], lambda repo: self._resolve(repo, match[1], match[2], match[3]))
        elif match := re.fullmatch(r"/cdn/([^/]+/[^/]+)/(.+)", path):
            self._content(self.server.hub.repos[match[1]].files[match[2]], match[2])
        else:
            self._error(404, "NotFound")

    def _with_repo(self, name: str, then) -> None:
        if name in self.server.hub.repos:
            then(self.server.hub.repos[name])
        else:
            # What the hub says to somebody without a token.
            self._error(401, "RepoNotFound")

    def _resolve(self, repo: FakeRepo, name: str, revision: str, path: str) -> None:
        hub = self.server.hub
        commit = revision if re.fullmatch(r"[0-9a-f]{40}", revision) else repo.commit
        if repo.gated:
            self._error(401, "GatedRepo")
        elif path not in repo.files:
            self._error(404, "EntryNotFound")
        elif not path.endswith(".safetensors"):
            headers = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha1(repo.files[path]).hexdigest()}"'}
            self._content(repo.files[path], path, headers)
        elif self.command == "GET" and hub.busy:
            hub.busy -= 1
            self._error(503, "Busy")
        else:
            checksum = "0" * 64 if path in hub.wrong_checksum else hashlib.sha256(repo.files[path]).hexdigest()
            self._start(
                302,
                {
                    "X-Repo-Commit": commit,
                    "X-Linked-Etag": f'"{checksum}"',
                    "X-Linked-Size": str(len(repo.files[path]) + hub.longer.get(path, 0)),
                    "Location": f"http://localhost:{self.server.server_port}/cdn/{name}/{path}",
                    "Content-Length": "0",
                },
            )

    def _content(self, content: bytes, path: str, headers: dict[str, str] | None = None) -> None:
        start, status = 0, 200
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted and self.server.hub.knows_ranges:
            start, status = int(wanted[1]), 206
        body = content[start:]
        more = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if status == 206 else {}
        self._start(status, {"Content-Length": str(len(body)), **more, **(headers or {})})
        if self.command == "GET":
            self._send(body, path, start)

    def _send(self, body: bytes, path: str, start: int) -> None:
        hub = self.server.hub
        breaks, stall = hub.breaks.get(path, []), hub.stall.get(path)
        cut = breaks.pop(0) if breaks else len(body) // 2 if stall else len(body)
        hub.answered.append(Answered(path, start, min(cut, len(body))))
        self.wfile.write(body[:cut])
        self.wfile.flush()
        if stall:
            stall.wait(60)
        self.close_connection = cut < len(body)

    def _json(self, content: object) -> None:
        body = json.dumps(content).encode()
        self._start(200, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _error(self, status: int, code: str) -> None:
        self._start(status, {"X-Error-Code": code, "Content-Length": "0"})

    def _start(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _about(name: str, repo: FakeRepo) -> dict[str, object]:
    return {"id": name, "sha": repo.commit, "siblings": [{"rfilename": path} for path in repo.files]}


def _entry(path: str, content: bytes) -> dict[str, object]:
    entry: dict[str, object] = {
        "type": "file",
        "path": path,
        "size": len(content),
        "oid": hashlib.sha1(content).hexdigest(),
    }
    if path.endswith(".safetensors"):
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return entry
