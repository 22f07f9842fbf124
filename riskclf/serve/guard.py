"""What stands before every endpoint: token, limits of size and time, log, errors.

Logs and answers hold no text of a post. So the path of a request is logged only where it is one of
the service's own, the query never is, and of an error only its class and the lines of code.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
import traceback
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from riskclf.serve.metrics import Metrics
from riskclf.serve.settings import Settings

__all__ = ["HEALTH", "Guard"]

logger = logging.getLogger("riskclf.serve")

HEALTH = ("/healthz", "/readyz")
"""Asked by whoever keeps the service running: without a token, and not logged."""

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_CLIENT_LEFT = 499  # as nginx counts it; nobody gets it


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, *, settings: Settings, metrics: Metrics, paths: Collection[str]
    ) -> None:
        """
        Args:
            app: what is guarded.
            settings: token and limits.
            metrics: where requests are counted.
            paths: of the service, which may be logged.
        """
        self._app, self._settings, self._metrics, self._paths = app, settings, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        before = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._answer(scope, receive, noting)
        except ClientDisconnect:
            pass
        except HTTPException as error:
            refused = JSONResponse({"detail": error.detail}, error.status_code, error.headers)
            await refused(scope, receive, noting)
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("%s, its message is not logged\n%s", type(error).__name__, where)
            if not status:
                failed = JSONResponse({"detail": "the service failed; its log says where"}, 500)
                await failed(scope, receive, noting)
        finally:
            seconds = time.perf_counter() - before
            path = scope["path"] if scope["path"] in self._paths else "other"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.request(path, status or _CLIENT_LEFT, seconds)
            if path not in HEALTH:
                logger.info("%s %s %d %.3f s", method, path, status or _CLIENT_LEFT, seconds)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if scope["path"] not in HEALTH:
            self._check_token(headers)
        body = await self._read(headers, receive)
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            if not messages:
                await asyncio.Event().wait()  # the application hears of no disconnection
            return messages.pop()

        answering = asyncio.ensure_future(self._app(scope, replay, send))
        leaving = asyncio.ensure_future(receive())  # after the body: the client has gone
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                raise ClientDisconnect
            await answering
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    def _check_token(self, headers: Headers) -> None:
        expected = self._settings.token
        if expected is None:
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # compare_digest takes as long for a wrong token as for the right one.
        is_right = hmac.compare_digest(given.strip().encode(), expected.encode())
        if scheme.lower() != "bearer" or not is_right:
            raise HTTPException(
                401,
                "the header Authorization: Bearer TOKEN is missing or wrong",
                {"WWW-Authenticate": "Bearer"},
            )

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        limit, seconds = self._settings.max_bytes, self._settings.timeout
        too_large = HTTPException(413, f"the body is larger than {limit:,} bytes: send fewer posts")
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    body += message.get("body", b"")
                    if len(body) > limit:
                        raise too_large
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise HTTPException(408, f"the body did not arrive in {seconds:g} s") from None
