"""On which site a post is, as far as counts need it.

Of a reference that is a web address, only the name that was registered is kept: `example.jp` of
``https://somebody.example.jp/2026/1``. What stands before it may name a person. The site stays
when the posts of a case are purged. It is in the monthly table alone, where small numbers are
suppressed (`riskclf.casework.monthly`): nothing can be listed, sorted or chosen by it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["site_of"]

_SECOND_LEVEL = frozenset(
    [
        "ac",
        "ad",
        "co",
        "com",
        "ed",
        "edu",
        "go",
        "gob",
        "gov",
        "gr",
        "lg",
        "mil",
        "ne",
        "net",
        "or",
        "org",
    ]
)  # below the domain of a country, as in co.jp or com.tw


def site_of(reference: str) -> str | None:
    """The site of a post; None where the reference is no web address, or one without a name.

    Args:
        reference: what the agency finds the post by; of any form.
    """
    try:
        parts = urlsplit(reference.strip())
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    labels = host.split(".")
    if parts.scheme not in ("http", "https") or len(labels) < 2 or not all(labels):
        return None
    if ":" in host or labels[-1].isdecimal():  # an address in numbers
        return None
    country = len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if country else -2 :])[:255]
