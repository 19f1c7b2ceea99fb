"""A server on loopback that speaks what the Hub's client asks a Hub: files of repositories."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple
from urllib.parse import unquote


@dataclass
class Repository:
    """The files of each commit, and the commits that branches and tags stand for."""

    commits: dict[str, dict[str, bytes]]
    revisions: dict[str, str]
    closed: tuple[int, str] | None = None  # HTTP status and the Hub's code for why


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    range: str
    token: str


# What goes wrong with the body of a file: gets the handler, and the bytes that it should send.
Fault = Callable[["Handler", bytes], None]


@dataclass
class Hub:
    """The state of a server, and what it was asked for."""

    repositories: dict[str, Repository]
    moved: dict[str, str] = field(default_factory=dict)
    stored_elsewhere: set[str] = field(default_factory=set)  # files behind an absolute redirect
    faults: dict[str, Fault] = field(default_factory=dict)  # by name of the file
    head_delay_s: float = 0
    names_commits: bool = True
    status: int = 0  # that every request is answered with
    requests: list[Asked] = field(default_factory=list)
    url: str = ""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: Hub


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Be silent."""

    def do_HEAD(self) -> None:
        time.sleep(self.server.hub.head_delay_s)
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        hub, path = self.server.hub, unquote(self.path)
        headers = self.headers
        if path.startswith("/api/"):  # newer clients ask for what has to do with themselves
            return self.refuse(404)
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        hub.requests.append(Asked(self.command, path, headers.get("Range", ""), token))
        if hub.status:
            return self.refuse(hub.status)
        if path.startswith("/storage/"):
            return self.send_file(hub.repositories, *path.removeprefix("/storage/").split(":"))
        organisation, name, _, rest = path.removeprefix("/").split("/", 3)
        repository = f"{organisation}/{name}"
        if repository in hub.moved:
            self.send_response(307)
            self.send_header("Location", path.replace(repository, hub.moved[repository], 1))
            self.send_header("Content-Length", "0")
            return self.end_headers()
        revision, _, file = rest.rpartition("/")
        return self.resolve(repository, revision, file)

    def resolve(self, repository: str, revision: str, file: str) -> None:
        hub = self.server.hub
        if repository not in hub.repositories:  # as the Hub tells those who have not logged in
            return self.refuse(401, "RepoNotFound")
        there = hub.repositories[repository]
        if there.closed:
            return self.refuse(*there.closed)
        commit = there.revisions.get(revision, revision)
        if commit not in there.commits:
            return self.refuse(404, "RevisionNotFound")
        if file not in there.commits[commit]:
            return self.refuse(404, "EntryNotFound", commit)
        if file in hub.stored_elsewhere:
            content = there.commits[commit][file]
            self.send_response(302)
            self.send_header("Location", f"{hub.url}/storage/{repository}:{commit}:{file}")
            self.send_header("X-Repo-Commit", commit)
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("X-Linked-ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("Content-Length", "0")
            return self.end_headers()
        return self.send_file(hub.repositories, repository, commit, file)

    def send_file(
        self, repositories: dict[str, Repository], repository: str, commit: str, file: str
    ) -> None:
        content = repositories[repository].commits[commit][file]
        fault = self.server.hub.faults.get(file)
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if self.command == "GET" and fault is not None:
            return fault(self, content)
        if start >= len(content):
            return self.refuse(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.head_of(content, commit)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[start:])
        return None

    def head_of(self, content: bytes, commit: str = "") -> None:
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("Accept-Ranges", "bytes")
        if self.server.hub.names_commits:
            self.send_header("X-Repo-Commit", commit)

    def refuse(self, status: int, code: str = "", commit: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        if commit:
            self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve on a free port of loopback; `hub.url` says where."""
    server = Server(("127.0.0.1", 0), Handler)
    server.hub = hub
    hub.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def cut_off(handler: Handler, content: bytes) -> None:
    """Announce all of a file, send half of it and hang up."""
    handler.send_response(200)
    handler.head_of(content)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.close_connection = True


def cut_off_once(handler: Handler, content: bytes) -> None:
    """Send half of a file and hang up; the next request gets what it asks for."""
    del handler.server.hub.faults[handler.path.rpartition("/")[2].rpartition(":")[2]]
    cut_off(handler, content)


def shorter(handler: Handler, content: bytes) -> None:
    """Send less than the metadata said, as if it were all."""
    handler.send_response(200)
    handler.head_of(content)
    handler.send_header("Content-Length", str(len(content) - 10))
    handler.end_headers()
    handler.wfile.write(content[:-10])


def longer(handler: Handler, content: bytes) -> None:
    """Send more than the metadata said."""
    handler.send_response(200)
    handler.head_of(content)
    handler.send_header("Content-Length", str(len(content) + 10))
    handler.end_headers()
    handler.wfile.write(content + b" " * 10)


def silent(handler: Handler, content: bytes) -> None:
    """Send nothing for longer than the client waits."""
    time.sleep(3)
