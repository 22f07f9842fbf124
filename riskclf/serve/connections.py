"""One HTTP connection: uvicorn's, which has no time limit for the headers of a request."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["MOST", "Connection"]

MOST = 512
"""Connections at a time. Requests beyond it are answered with 503, see `Connection`."""


class Connection(H11Protocol):
    """Closed if the headers of a request do not arrive in `seconds`, or if there are too many.

    Otherwise, clients that send nothing or half of the headers would use up all connections that
    the operating system gives a process, and nobody else would get in.
    """

    seconds = 10.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It is open: the time for the first headers begins."""
        super().connection_made(transport)
        # Some more than get an answer, so that others are told why they get none.
        if len(self.connections) > 1.5 * MOST:
            transport.abort()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Some bytes came; whole headers end the waiting, part of the next ones begins it."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._timer is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed, by whomever."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
