"""A Hub for one dataset on 127.0.0.1: the few answers that fetching a dataset needs."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class FakeHub:
    """Serves `folder` as the dataset `repo_id`.

    refs       tag or branch -> commit; every commit holds the same files unless `folders` gives it others
    requested  paths of the files whose content was asked for, in order
    breaks     file name -> answers that stop in the middle before one is whole
    """

    def __init__(self, repo_id: str, folder: Path, tags: dict[str, str] | None = None) -> None:
        self.repo_id, self.folder = repo_id, folder
        self.main = "a" * 40
        self.tags = {"v3.0": "b" * 40} if tags is None else tags
        self.folders: dict[str, Path] = {}
        self.requested: list[str] = []
        self.asked: list[str] = []
        self.breaks: dict[str, int] = {}
        self.url = ""

    def commit(self, revision: str) -> str | None:
        known = {"main": self.main, **self.tags}
        return revision if revision in known.values() else known.get(revision)

    def files(self, commit: str) -> dict[str, Path]:
        root = self.folders.get(commit, self.folder)
        found = (path for path in root.rglob("*") if path.is_file() and ".cache" not in path.parts)
        return {path.relative_to(root).as_posix(): path for path in found}


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """Run `hub` while the block lasts; its address is `hub.url`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, hub)

        def do_HEAD(self) -> None:
            answer(self, hub)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(request: BaseHTTPRequestHandler, hub: FakeHub) -> None:
    path = unquote(urlsplit(request.path).path)
    hub.asked.append(path)
    api, resolve = f"/api/datasets/{hub.repo_id}", f"/datasets/{hub.repo_id}/resolve/"
    if path == f"{api}/refs":
        branches = [{"name": "main", "ref": "refs/heads/main", "targetCommit": hub.main}]
        tags = [{"name": n, "ref": f"refs/tags/{n}", "targetCommit": c} for n, c in hub.tags.items()]
        send_json(request, {"branches": branches, "tags": tags, "converts": []})
    elif path.startswith((f"{api}/revision/", f"{api}/tree/")) or path == api:
        revision = path.removeprefix(f"{api}/").partition("/")[2] or "main"
        commit = hub.commit(revision)
        if commit is None:
            send_error(request, 404, "RevisionNotFound")
            return
        files = hub.files(commit)
        if "/tree/" in path:
            send_json(
                request,
                [{"type": "file", "path": n, "size": p.stat().st_size, "oid": etag(p)} for n, p in files.items()],
            )
        else:
            siblings = [{"rfilename": name} for name in files]
            send_json(request, {"id": hub.repo_id, "sha": commit, "siblings": siblings, "private": False, "tags": []})
    elif path.startswith(resolve):
        revision, _, name = path.removeprefix(resolve).partition("/")
        commit = hub.commit(revision)
        if commit is None or name not in hub.files(commit):
            send_error(request, 404, "EntryNotFound")
            return
        send_file(request, hub, name, hub.files(commit)[name], commit)
    else:
        send_error(request, 404, "RepoNotFound")


def etag(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()


def send_json(request: BaseHTTPRequestHandler, document: object) -> None:
    body = json.dumps(document).encode()
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if request.command == "GET":
        request.wfile.write(body)


def send_error(request: BaseHTTPRequestHandler, status: int, code: str) -> None:
    request.send_response(status)
    request.send_header("X-Error-Code", code)
    request.send_header("X-Error-Message", code)
    request.send_header("Content-Length", "0")
    request.end_headers()


def send_file(request: BaseHTTPRequestHandler, hub: FakeHub, name: str, path: Path, commit: str) -> None:
    content = path.read_bytes()
    begin = 0
    asked = request.headers.get("Range", "")
    if asked.startswith("bytes="):
        begin = int(asked.removeprefix("bytes=").partition("-")[0])
    request.send_response(206 if begin else 200)
    request.send_header("Content-Length", str(len(content) - begin))
    request.send_header("ETag", f'"{etag(path)}"')
    request.send_header("X-Repo-Commit", commit)
    if begin:
        request.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
    request.end_headers()
    if request.command == "HEAD":
        return
    hub.requested.append(name)
    if hub.breaks.get(path.name, 0) > 0:
        hub.breaks[path.name] -= 1
        request.wfile.write(content[begin : begin + (len(content) - begin) // 2])
        request.close_connection = True
        return
    request.wfile.write(content[begin:])
