"""Who may ask the page, and what every answer carries.

The page listens on 127.0.0.1, which every program of this computer can reach, and so can every page
that a browser shows. So the address that the command prints holds a token. It works once: the
browser gets a cookie for it that no script can read. Every request must name this host (a name of
elsewhere may lead here: DNS rebinding), and one that changes something must bring what only our own
page knows. Logs hold no address with a query, no body, and of an error only its class and place.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import traceback
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Access", "Guard"]

logger = logging.getLogger("riskclf.review")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Other ports of 127.0.0.1 are the same site: their pages would get the cookie sent along.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_MOST_BYTES = 4 * 2**20
_CLOSED = (
    "Open the address that riskclf review printed. It works once: start the command again for "
    "another.\n"
    "riskclf review が表示したアドレスを開いてください。一度しか使えません。もう一度開くには、"
    "コマンドを再起動してください。\n"
)


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass
class Access:
    """The secrets of one start of the page."""

    port: int
    token: str | None = field(default_factory=_secret, repr=False)
    """In the address that is printed; None once it was used."""
    session: str = field(default_factory=_secret, repr=False)
    """In the cookie."""
    csrf: str = field(default_factory=_secret, repr=False)
    """In the page, and in each request that changes something."""

    @property
    def host(self) -> str:
        """What the header Host must say."""
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """To be opened once."""
        return f"http://{self.host}/enter?token={self.token}"

    @property
    def cookie(self) -> str:
        """Name of the cookie; cookies of one host are shared by all its ports."""
        return f"riskclf_review_{self.port}"


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = self._refusal(scope) or self._entered(scope)
        try:
            await (answer or self._app)(scope, receive, sending)
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("%s, its message is not logged\n%s", type(error).__name__, where)
            if not begun:
                failed = JSONResponse({"error": "the page failed; its log says where"}, 500)
                await failed(scope, receive, sending)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, access = Headers(scope=scope), self._access
        if headers.get("host") != access.host:
            return PlainTextResponse(f"This page is at {access.host} only.\n", 421)
        if scope["path"] == "/enter":
            return None
        if not _same(_cookie(headers, access.cookie), access.session):
            return PlainTextResponse(_CLOSED, 403)
        if scope["method"] in ("GET", "HEAD"):
            return None
        ours = headers.get("origin", f"http://{access.host}") == f"http://{access.host}"
        if not ours or not _same(headers.get("x-csrf-token", ""), access.csrf):
            return JSONResponse({"error": "this request did not come from the page"}, 403)
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            return JSONResponse({"error": f"more than {_MOST_BYTES:,} bytes: paste less"}, 413)
        return None

    def _entered(self, scope: Scope) -> Response | None:
        """The cookie for the token, which then works no more."""
        access = self._access
        if scope["path"] != "/enter":
            return None
        (given, *_) = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        if scope["method"] != "GET" or not access.token or not _same(given, access.token):
            return PlainTextResponse(_CLOSED, 403)
        access.token = None
        answer = RedirectResponse("/", 303)
        answer.set_cookie(access.cookie, access.session, httponly=True, samesite="strict")
        return answer


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _same(given: str, expected: str) -> bool:
    # compare_digest takes as long for a wrong secret as for the right one.
    return hmac.compare_digest(given.encode(), expected.encode())
