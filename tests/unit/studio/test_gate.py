"""Who is let in: the holder of the token, from this page's own origin."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from understudy.studio.gate import Gate

TOKEN = "s3cret-token"
HOST = "127.0.0.1:8420"
COOKIE = f"understudy_studio_8420={TOKEN}"


async def inside(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"in"})


def ask(kind: str = "http", query: str = "", host: str | None = HOST, **headers: str) -> list[MutableMapping[str, Any]]:
    """What a gate sends for such a request."""
    told = {name.replace("_", "-"): value for name, value in headers.items()} | ({"host": host} if host else {})
    raw = [(name.encode(), value.encode()) for name, value in told.items()]
    scope = {"type": kind, "path": "/run", "query_string": query.encode(), "headers": raw}
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": f"{kind}.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(Gate(inside, TOKEN, 8420)(scope, receive, send))
    return sent


def status(**request: Any) -> int:
    return int(ask(**request)[0]["status"])


def test_the_token_is_traded_for_a_cookie_and_leaves_the_address() -> None:
    answer = ask(query=f"path=0%2Fa+b&token={TOKEN}")[0]
    headers = dict(answer["headers"])
    assert (answer["status"], headers[b"location"]) == (303, b"/run?path=0%2Fa+b")
    assert headers[b"set-cookie"] == f"{COOKIE}; HttpOnly; SameSite=Strict; Path=/".encode()


def test_the_cookie_lets_in() -> None:
    assert status(cookie=COOKIE) == 200
    assert status(cookie=f"other=1; {COOKIE}", host="localhost:8420", origin="http://localhost:8420") == 200


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"query": "token=wrong"},
        {"query": "token="},
        {"cookie": "understudy_studio_8420=wrong"},
        {"cookie": "understudy_studio_8421=" + TOKEN},
        {"cookie": ";;;=,"},
        {"cookie": COOKIE, "origin": "http://evil.example"},
        {"cookie": COOKIE, "origin": "http://127.0.0.1:9999"},
        {"cookie": COOKIE, "origin": "null"},
        {"cookie": COOKIE, "host": "evil.example:8420"},
        {"cookie": COOKIE, "host": "127.0.0.1"},
        {"cookie": COOKIE, "host": None},
        {"cookie": COOKIE, "sec_fetch_site": "cross-site"},
        {"query": f"token={TOKEN}", "host": "evil.example:8420"},
    ],
    ids=str,
)
def test_everybody_else_is_refused(request_: dict[str, Any]) -> None:
    answer = ask(**request_)
    assert answer[0]["status"] == 403
    assert TOKEN not in str(answer)


@pytest.mark.parametrize(
    "request_",
    [{"cookie": COOKIE}, {"cookie": COOKIE, "origin": "http://evil.example"}, {"origin": f"http://{HOST}"}],
    ids=str,
)
def test_a_websocket_of_anybody_else_is_closed(request_: dict[str, Any]) -> None:
    assert ask(kind="websocket", **request_) == [{"type": "websocket.close", "code": 1008}]


def test_a_websocket_of_the_page_itself_is_let_in() -> None:
    assert ask(kind="websocket", cookie=COOKIE, origin=f"http://{HOST}")[0]["type"] != "websocket.close"


def test_what_is_let_in_is_not_shown_inside_other_pages_nor_told_to_them() -> None:
    headers = dict(ask(cookie=COOKIE)[0]["headers"])
    assert (headers[b"x-frame-options"], headers[b"referrer-policy"]) == (b"DENY", b"no-referrer")
