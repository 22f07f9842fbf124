"""What a service accepts: from whom, how much, and for how long."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

from riskclf.errors import InputError

__all__ = ["TOKEN_VARIABLE", "Settings", "check_address", "read_token"]

TOKEN_VARIABLE = "RISKCLF_TOKEN"
"""Environment variable that holds the token where no file is named."""

_TOKEN = re.compile(r"[\w.~+/-]{16,}=*", re.ASCII)  # RFC 6750, and long enough not to be guessed


@dataclass(frozen=True, slots=True)
class Settings:
    """What a service accepts. Each limit is 1 or more."""

    token: str | None = None
    """Every request but those for health must have it; None asks for none."""

    max_posts: int = 1_000
    """Posts in one request."""

    max_bytes: int = 1_048_576
    """Size of the body of one request."""

    queue: int = 4_096
    """Posts that wait or are computed; further requests are refused with 429. A long post counts
    as one for each 200 characters."""

    timeout: float = 30.0
    """Seconds in which a request must have arrived, and then those in which it must be answered."""

    explain: bool = False
    """Answer `POST /v1/explain` too."""


def read_token(file: Path | None) -> str | None:
    """The token from a file, or from the environment variable `TOKEN_VARIABLE`.

    Args:
        file: holds the token and nothing else; None reads the variable.

    Returns:
        The token; None where there is neither a file nor the variable.

    Raises:
        InputError: the file cannot be read, or what was found is not a usable token. The message
            does not repeat it.
    """
    if file is None:
        found, where = os.environ.get(TOKEN_VARIABLE), f"the variable {TOKEN_VARIABLE}"
    else:
        where = str(file)
        try:
            found = file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise InputError(
                f"{file} cannot be read ({type(error).__name__}): name a file that holds the token "
                "and nothing else"
            ) from None
    if found is None:
        return None
    if not _TOKEN.fullmatch(found):
        raise InputError(
            f"{where} does not hold a token of 16 or more letters, digits and -._~+/: make one "
            "with python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return found


def check_address(host: str, token: str | None) -> None:
    """Refuse to listen without a token where other computers can reach the service.

    Raises:
        InputError: `host` is not a loopback address, and there is no token.
    """
    if token is None and not _is_loopback(host):
        raise InputError(
            f"other computers can reach {host}: name a file with a token (--token-file), set the "
            f"variable {TOKEN_VARIABLE}, or listen on 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name, which may stand for any address
