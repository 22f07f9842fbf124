"""Runs commands one after the other in one process: ``python -m tests.trust.driven``.

Standard input holds JSON: `commands`, each with `name`, `arguments`, `umask` and `fault`; `logs`, a
directory that gets what each says as NAME.out and NAME.err; `network`, a file that gets every
attempt to reach another computer; each such attempt fails. A fault [WORD, N] breaks the tokenizer
after N calls with a text that holds the word, by an error whose message is the texts, as a
library's might be.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["refuse_network"]

_HERE = ("127.0.0.1", "::1", "localhost")


def refuse_network(told: Path) -> None:
    """Refuse what would reach another computer, in this process for good, and tell of it in a file.

    To listen on, and to connect to, this computer is allowed.
    """

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.bind", "socket.sendto"):
            address = arguments[1]
            if not isinstance(address, tuple) or address[0] in _HERE:
                return  # of this computer: a socket of the file system, or its own address
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            address = arguments[0]
            if address in (None, "", *_HERE):
                return
        else:
            return
        with told.open("a", encoding="utf-8") as file:
            file.write(f"{event} {address!r}\n")
        raise OSError(f"refused: {event}")

    sys.addaudithook(hook)


def _break(word: str, after: int) -> Callable[[], None]:
    """Make texts with a word fail after so many calls; what is returned mends it."""
    from riskclf.tokens import Tokenizer

    whole = Tokenizer.encode_normalised
    calls = 0

    def broken(self: Tokenizer, texts: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal calls
        texts = [*texts]
        calls += any(word in text for text in texts)
        if calls > after:
            raise RuntimeError(f"cannot compute {texts!r}")
        return whole(self, texts, *arguments, **options)

    def mend() -> None:
        Tokenizer.encode_normalised = whole  # type: ignore[method-assign]

    Tokenizer.encode_normalised = broken  # type: ignore[method-assign]
    return mend


def main() -> None:
    """Run them."""
    job = json.load(sys.stdin)
    refuse_network(Path(job["network"]))
    from riskclf import cli

    statuses = {}
    for command in job["commands"]:
        os.umask(command["umask"])
        saved = os.dup(1), os.dup(2)
        for number, suffix in ((1, "out"), (2, "err")):
            place = Path(job["logs"]) / f"{command['name']}.{suffix}"
            os.dup2(os.open(place, os.O_WRONLY | os.O_CREAT, 0o600), number)
        mend = _break(*command["fault"]) if command["fault"] else None
        try:
            statuses[command["name"]] = cli.main(command["arguments"])
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, before in zip((1, 2), saved, strict=True):
                os.dup2(before, number)
            if mend is not None:
                mend()
    print(json.dumps(statuses))


if __name__ == "__main__":
    main()
