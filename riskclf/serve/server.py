"""Runs the application on uvicorn: one process, one port, a graceful end."""

from __future__ import annotations

import logging
import math
import signal
import socket
import sys

import uvicorn
from fastapi import FastAPI

from riskclf.errors import InputError
from riskclf.serve.connections import MOST, Connection

__all__ = ["bound", "run", "server_of"]


def bound(host: str, port: int) -> socket.socket:
    """A socket that is bound and does not listen yet.

    Raises:
        InputError: the address or the port cannot be used.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind)
        try:
            if sys.platform != "win32":  # there, it would let two programs share the port
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
        except OSError:
            found.close()
            raise
    except OSError as error:
        raise InputError(
            f"{host}, port {port} cannot be used ({error.strerror}): choose others with --host and "
            "--port"
        ) from None
    return found


def server_of(app: FastAPI, timeout: float) -> uvicorn.Server:
    """The server of an application.

    Args:
        app: what is served.
        timeout: seconds in which a request is answered; the end waits a little longer.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,  # it holds queries; `Guard` logs instead
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST,
            timeout_graceful_shutdown=math.ceil(timeout) + 5,
        )
    )


def run(app: FastAPI, listening: socket.socket, timeout: float) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that have begun by then are answered.

    Args:
        app: what is served.
        listening: as `bound` makes it.
        timeout: seconds in which a request is answered.

    Raises:
        KeyboardInterrupt: at the end, after Ctrl-C.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("riskclf.serve", "riskclf.review", "uvicorn.error"):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)
    # uvicorn sends itself the signal again when it has ended: that is the success asked for.
    signal.signal(signal.SIGTERM, lambda *_: None)
    server_of(app, timeout).run([listening])
