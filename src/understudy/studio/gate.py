"""Gate: lets in who holds the token, from this page's own origin, and nobody else. Wraps the whole web application.

The link that the program prints carries the token. The first page trades it for a cookie, which no script can read and
which does not travel with other sites' requests, and goes on without it: it stays neither in the address bar nor in
links. Checked on every request, the opening of a websocket included: the host is this machine's own name (a foreign
name that points here is refused), the origin is this page's, the cookie is right.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# nothing of ours is shown inside another page, told to other sites, or guessed to be another kind of file
_HEADERS = (
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_REFUSED = "This page belongs to whoever started it. Open the link that `understudy studio` printed.\n"


class Gate:
    """An ASGI application around another one.

    token   what has to be shown once
    port    where this is served: part of the names it may be called by, and of the cookie's
    """

    def __init__(self, inner: Application, token: str, port: int) -> None:
        self._inner = inner
        self._token = token
        self._cookie = f"understudy_studio_{port}"
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._inner(scope, receive, send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if not self._is_own(headers, scope["type"]):
            return await _refuse(scope, receive, send)
        words = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if scope["type"] == "http" and self._is_token(words.get("token", "")):
            return await self._welcome(scope, words, send)
        if not self._is_token(_cookies(headers).get(self._cookie, "")):
            return await _refuse(scope, receive, send)
        try:
            return await self._inner(scope, receive, _with_headers(send))
        except RuntimeError as error:
            # what the web library raises when a browser goes away before the answer: nothing to tell anybody
            if str(error) != "No response returned.":
                raise

    def _is_own(self, headers: dict[str, str], kind: str) -> bool:
        """Whether the request is for this host and comes from this origin; a browser names it for a websocket."""
        host, origin = headers.get("host", ""), headers.get("origin", "")
        if host not in self._hosts or headers.get("sec-fetch-site") == "cross-site":
            return False
        return origin == f"http://{host}" if origin or kind == "websocket" else True

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())

    async def _welcome(self, scope: Scope, words: dict[str, str], send: Send) -> None:
        """Set the cookie, and send the browser on to the same page without the token."""
        rest = urlencode({name: value for name, value in words.items() if name != "token"})
        place = "/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else "")
        cookie = f"{self._cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/"
        await send(
            {
                "type": "http.response.start",
                "status": 303,
                "headers": [(b"location", place.encode("latin-1")), (b"set-cookie", cookie.encode()), *_HEADERS],
            }
        )
        await send({"type": "http.response.body", "body": b""})


def _cookies(headers: dict[str, str]) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": _REFUSED.encode()})


def _with_headers(send: Send) -> Send:
    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *_HEADERS]
        await send(message)

    return sent
