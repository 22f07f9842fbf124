"""What counts as a text, what as missing, and which texts are the same: one rule for all commands.

A value of the text column is *missing* when it is null, absent or NaN, and *not text* when it is
anything else but a str. Both are rejected everywhere. A text is *blank* when the model would see
nothing in it: it is empty, or only white space and characters that normalisation drops. What
happens to a blank text depends on the command:

========  ==============================================
predict   scored like any other text
evaluate  scored like any other text, and counted
suggest   counted, never suggested
finetune  rejected, since there is nothing to learn from
========  ==============================================

In every other column a value is missing when it is null, absent or NaN, or an empty or white-space
str: tables without types have no other way to say null.
"""

from __future__ import annotations

from datetime import date
from hashlib import blake2b
from typing import Any

from riskclf.language import Sentence
from riskclf.tables.wording import kind_of
from riskclf.text import normalise

__all__ = ["is_blank", "is_missing", "same_text", "text_key", "text_problem"]


def text_problem(value: Any, *, blank_allowed: bool = True) -> Sentence | None:
    """What is wrong with a value of the text column, in words without the text; None if nothing.

    Args:
        value: the value, None where the row has no such column.
        blank_allowed: accept a blank text.
    """
    if isinstance(value, str):
        return None if blank_allowed or not is_blank(value) else Sentence("it is blank")
    if _is_null(value):
        return Sentence("it is missing")
    return Sentence("it is {kind}, not text", kind=kind_of(value))


def is_blank(text: str) -> bool:
    """Whether a model would see nothing in the text."""
    return not same_text(text)


def is_missing(value: Any) -> bool:
    """Whether a value of another column than the text column is missing."""
    return _is_null(value) or (isinstance(value, str) and not value.strip())


def same_text(text: str) -> str:
    """What is compared of a text: equal for texts that differ in width, case or blanks only."""
    return "".join(normalise(text).text.lower().split())


def text_key(text: str) -> int:
    """The random number of a text, a signed 64-bit integer; equal for texts that are the same.

    A keyed hash, so that it says nothing of the text. Two of a million different texts share a
    number with a probability of 3 in 100 million.
    """
    content = same_text(text).encode("utf-8", "surrogatepass")
    digest = blake2b(content, digest_size=8, key=b"riskclf text").digest()
    return int.from_bytes(digest, "big", signed=True)


def _is_null(value: Any) -> bool:
    # NaN, and NaT of pandas.
    return value is None or (isinstance(value, float | date) and value != value)
