"""What is given as posts or as a time zone; for all else, one line says what to give.

Tables are told by what they offer, so that pandas and the like need not be installed. No message
holds a column's name: in a table without a header it is the text of a post.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from riskclf.errors import InputError, NotText

__all__ = ["checked_post", "checked_posts", "in_chunks", "zone_of"]

_PANDAS_MISSING = ("NAType", "NaTType")


def checked_post(post: Any) -> str:
    """A single post.

    Raises:
        NotText: it is not a str.
    """
    if isinstance(post, str):
        return str(post)
    kind = type(post).__name__
    if column := _column_of(post):
        raise NotText(f"predict() takes one str, not {kind}; call predict_many({column})")
    if isinstance(post, bytes | bytearray):
        raise NotText(f"predict() takes one str, not {kind}; {_DECODE}")
    if _is_missing(post):
        raise NotText(f"predict() takes one str, not {kind}: the post is missing; leave it out")
    raise NotText(
        f"predict() takes one str, not {kind}; for several posts call predict_many(posts)"
    )


def checked_posts(posts: Any, call: str = "predict_many") -> Iterator[str]:
    """Posts, one after the other.

    Args:
        posts: any iterable of str, such as a list, a generator, a Series, an array, or a column of
            an Arrow table or a dataset.
        call: name of the method that was called, for the message.

    Raises:
        NotText: at once where `posts` is no such thing, and later where one of them is not a str.
    """
    kind = type(posts).__name__
    if isinstance(posts, str):
        raise NotText("a single str was given where posts were expected: call predict(post)")
    if column := _column_of(posts):
        raise NotText(f"{call}() takes posts, not {kind}: give one column, {call}({column})")
    if isinstance(posts, bytes | bytearray):
        raise NotText(f"{call}() takes posts, not {kind}: give a list of str; {_DECODE}")
    shape = getattr(posts, "shape", None)
    if isinstance(shape, tuple) and len(shape) > 1:
        raise NotText(
            f"{call}() takes posts, not an array of shape {shape}: give one column, "
            f"{call}(posts[:, 0])"
        )
    try:
        found = iter(posts)
    except TypeError:
        raise NotText(f"{call}() takes posts, not {kind}: give a list of str") from None
    return _each(found, call)


_DECODE = "decode bytes first, such as post.decode('utf-8')"


def _each(posts: Iterable[Any], call: str) -> Iterator[str]:
    for number, given in enumerate(posts, start=1):
        if type(given) is str:  # by far the most
            yield given
            continue
        post = given.as_py() if hasattr(given, "as_py") else given  # a value of Arrow
        if not isinstance(post, str):
            raise NotText(f"post number {number} is {_problem(post, call)}")
        yield str(post)  # such as numpy's str_


def _problem(post: Any, call: str) -> str:
    kind = type(post).__name__
    if _is_missing(post):
        return f'missing ({kind}): leave such posts out, as {call}(df["text"].dropna()) does'
    if isinstance(post, bytes | bytearray):
        return f"{kind}, not str: {_DECODE}"
    if isinstance(post, Mapping):
        return f'not a str but {kind}: call {call}(row["text"] for row in rows)'
    return f"not a str but {kind}: give the posts as str"


def _is_missing(value: Any) -> bool:
    is_nan = isinstance(value, float) and value != value
    return value is None or is_nan or type(value).__name__ in _PANDAS_MISSING


def _column_of(table: Any) -> str | None:
    """How to choose a column of a table; None for what is no table."""
    if isinstance(table, Mapping):
        first: Any = next(iter(table.values()), None)
        split = next(iter(table), None)
        if split is not None and hasattr(first, "column_names"):  # the splits of a dataset
            return f'posts["{split}"]["text"]'
        return 'posts["text"]'
    kind = type(table)
    if hasattr(kind, "column_names") or hasattr(kind, "columns"):
        return 'df["text"]' if kind.__name__ == "DataFrame" else 'posts["text"]'
    return None


def in_chunks(posts: Iterable[str], size: int, characters: int) -> Iterator[list[str]]:
    """Posts in lists of `size`, or of fewer once they have so many characters together."""
    chunk: list[str] = []
    length = 0
    for post in posts:
        chunk.append(post)
        length += len(post)
        if len(chunk) == size or length >= characters:
            yield chunk
            chunk, length = [], 0
    if chunk:
        yield chunk


def zone_of(name: str) -> ZoneInfo:
    """The time zone of a name.

    Args:
        name: such as ``Asia/Tokyo``.

    Raises:
        InputError: there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        raise InputError(
            f"'{name}' is no time zone: write it like Asia/Tokyo or Europe/London"
        ) from None
