"""The site: the dashboard after each event, under its own address such as ``/at/812/jobs``."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

import time_machine

from simqueue.errors import UsageError
from simqueue.inspect.moments import Moments
from simqueue.web.bar import STATIC, Bar, render_refusal
from simqueue.web.looking import LOOK, Look

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_AT = re.compile(r"/at/(\d{1,18})(/.*)?")
_EVENT = re.compile(r"/event/(\d{1,18})")
_PAGE = re.compile(r"/[!-~]*")
_FILES = {"/bar.js": "text/javascript", "/bar.css": "text/css"}
_READING = ("GET", "HEAD")
_HTML = "text/html; charset=utf-8"
_READ_ONLY = "This is the past, which cannot be changed: the dashboard is read-only here.\n"
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
"""Pages show private payloads of jobs, so they load nothing from other sites."""


@dataclass(slots=True)
class Answer:
    """A complete response to a request."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self, send: Send) -> None:
        """Send it, with the headers that every response has."""
        headers = self.headers | _HEADERS | {"content-length": str(len(self.body))}
        pairs = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": pairs})
        await send({"type": "http.response.body", "body": self.body})


class Site:
    """An ASGI application: the dashboard after each event, and the bar with links to other events.

    Pages are made one at a time, while the clock of this process stands at the event's instant:
    ages and time windows are what they were then.

    Args:
        moments: the tables after each event.
        dashboard: PgQueuer's, which looks at ``looking.LOOK``.
        start: the event that one begins with.
    """

    def __init__(self, moments: Moments, dashboard: ASGIApp, start: int) -> None:
        self._moments, self._dashboard, self._start = moments, dashboard, start
        self._bar = Bar(moments)
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
            return
        answer = await self._answer(scope, receive)
        await answer.send(send)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path: str = scope["path"]
        if scope["method"] not in _READING:
            return Answer(405, _READ_ONLY.encode(), {"allow": "GET, HEAD", **_type("text/plain")})
        at, event = _AT.fullmatch(path), _EVENT.fullmatch(path)
        try:
            if at is not None:
                return await self._page(int(at[1]), at[2], scope, receive)
            if event is not None:
                return self._description(int(event[1]))
            return self._other(path, scope["query_string"].decode("latin-1"))
        except UsageError as error:
            return self._refusal(f"{error}.")

    def _refusal(self, message: str) -> Answer:
        return Answer(404, render_refusal(message, self._moments.last), _type(_HTML))

    def _description(self, number: int) -> Answer:
        self._moments.check(number)
        return Answer(
            200, json.dumps(asdict(self._bar.tell(number))).encode(), _type("application/json")
        )

    def _other(self, path: str, query: str) -> Answer:
        if path in _FILES:
            return Answer(200, (STATIC / path[1:]).read_bytes(), _type(_FILES[path]))
        if path == "/favicon.ico":
            return Answer(204)
        if path == "/":
            return _redirect(f"/at/{self._start}/")
        if path == "/goto":
            return self._goto(parse_qs(query))
        return self._refusal(f"There is no {path} here; pages are at /at/N/, N being an event.")

    def _goto(self, asked: dict[str, list[str]]) -> Answer:
        number, page = asked.get("number", [""])[-1], asked.get("page", ["/"])[-1]
        if not re.fullmatch(r"\d{1,18}", number) or not _PAGE.fullmatch(page):
            return self._refusal(f"{number!r} is not the number of an event.")
        self._moments.check(int(number))
        return _redirect(f"/at/{int(number)}{page}")

    async def _page(self, number: int, page: str | None, scope: Scope, receive: Receive) -> Answer:
        self._moments.check(number)
        query = scope["query_string"].decode("latin-1")
        if page is None:
            return _redirect(f"/at/{number}/" + (f"?{query}" if query else ""))
        within = {**scope, "root_path": f"/at/{number}"}
        if page.startswith("/static/"):
            return await _collect(self._dashboard, within, receive)
        answer = await self._then(number, within, receive)
        if answer.headers.get("content-type", "").startswith("text/html"):
            answer.body = self._bar.insert(answer.body, number, quote(page), query)
        return answer

    async def _then(self, number: int, scope: Scope, receive: Receive) -> Answer:
        """Return the dashboard's answer at that moment."""
        async with self._turn:
            moment = self._moments.at(number)
            token = LOOK.set(Look(self._moments, moment))
            try:
                with time_machine.travel(self._moments.date(moment.at), tick=False):
                    return await _collect(self._dashboard, scope, receive)
            finally:
                LOOK.reset(token)


async def _collect(app: ASGIApp, scope: Scope, receive: Receive) -> Answer:
    """Return the complete response of an application."""
    answer = Answer(500)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            pairs = message.get("headers", ())
            answer.headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in pairs
            }
        else:
            answer.body += message.get("body", b"")

    with suppress(Exception):  # its response already reports the error
        await app(scope, receive, send)
    return answer


def _type(content: str) -> dict[str, str]:
    return {"content-type": content}


def _redirect(to: str) -> Answer:
    return Answer(303, headers={"location": to})
