"""Reads the posts of a shift: text, and what is needed to answer them. No other column is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import Any

from riskclf.errors import InputError
from riskclf.language import Sentence
from riskclf.tables import Data, Dialect, Reject, UnlabelledPosts, is_missing, time_in

__all__ = ["DeskColumns", "DeskPost", "Intake", "read_posts", "string_of"]

Known = Callable[[Sequence[str]], set[str]]


@dataclass(frozen=True)
class DeskColumns:
    """The columns that are read."""

    text: str = "text"
    reference: str | None = None
    """What the agency finds a post by. None: ``reference``, if there is such a column."""
    posted_at: str | None = None
    """When it was posted. None: ``posted_at``, if there is such a column."""
    context: str | None = None
    """The post that is replied to: its text, or the reference of another row. None: not read."""


@dataclass(frozen=True, slots=True)
class DeskPost:
    """A post to be looked at. What it says is not in its repr."""

    number: int
    """Of its row."""
    text: str
    reference: str | None = None
    posted_at: datetime | None = None
    """In UTC; a time without a zone is read as local time."""
    context: str | None = None
    """Text of the post that it answers."""

    def __repr__(self) -> str:
        return f"DeskPost(row {self.number})"


@dataclass(frozen=True)
class Intake:
    """What was read."""

    posts: Sequence[DeskPost]
    rejects: Sequence[Reject]
    dialect: Dialect
    has_reference: bool
    known: int
    """Posts left out since the store holds their reference."""
    repeated: int
    """Rows left out since an earlier row has their reference."""
    without_time: int
    """Posts whose time cannot be read; they are kept, without it."""


def read_posts(
    data: Data,
    columns: DeskColumns,
    *,
    known: Known | None = None,
    needs_reference: bool = False,
) -> Intake:
    """Read the posts of a table into memory.

    Args:
        data: as for `riskclf.suggest`.
        columns: names of columns.
        known: gives those of many references that need not be read again.
        needs_reference: reject rows without a reference.

    Raises:
        InputError: the table or a column cannot be used, or no row can.
    """
    with ExitStack() as stack:
        source = UnlabelledPosts(data, columns.text, stack)
        wanted = [columns.reference, columns.posted_at, columns.context]
        named = [name for name in wanted if name is not None]
        source.require(named, if_there=["reference", "posted_at"])
        reference = columns.reference or ("reference" if "reference" in source.columns else None)
        posted_at = columns.posted_at or ("posted_at" if "posted_at" in source.columns else None)
        if needs_reference and reference is None:
            raise InputError(
                f"{source.name} has no column 'reference', by which a post is found again to "
                "answer it; name it with --reference-column"
            )
        posts: list[DeskPost] = []
        without_time = 0
        for row in source:
            values = row.values
            post = DeskPost(
                row.number,
                values[columns.text],
                string_of(values, reference),
                _time(values, posted_at),
                string_of(values, columns.context),
            )
            if needs_reference and post.reference is None:
                source.rejects.append(Reject(row.number, reference, Sentence("it is missing")))
                continue
            if posted_at and post.posted_at is None and not is_missing(values.get(posted_at)):
                without_time += 1
            posts.append(post)
        if not posts:
            source.check_usable()
            raise InputError(f"{source.name}: no row has a reference (column '{reference}')")
    first = {post.reference: post for post in reversed(posts) if post.reference is not None}
    once = [x for x in posts if x.reference is None or first[x.reference] is x]
    held = set() if known is None else known([str(reference) for reference in first])
    fresh = [x for x in once if x.reference not in held]
    return Intake(
        [_with_context(post, first) for post in fresh],
        source.rejects,
        source.dialect,
        reference is not None,
        known=len(once) - len(fresh),
        repeated=len(posts) - len(once),
        without_time=without_time,
    )


def _with_context(post: DeskPost, by_reference: Mapping[str, DeskPost]) -> DeskPost:
    """The post with the text that it answers, where it names that by its reference."""
    if post.context is None or post.context not in by_reference:
        return post
    return replace(post, context=by_reference[post.context].text)


def string_of(values: Mapping[str, Any], column: str | None) -> str | None:
    """A value of a row as text, such as a reference; None where it is missing."""
    if column is None or is_missing(value := values.get(column)):
        return None
    if isinstance(value, float) and value.is_integer():  # as a workbook gives whole numbers
        value = int(value)
    return str(value)


def _time(values: Mapping[str, Any], column: str | None) -> datetime | None:
    found = None if column is None else time_in(values.get(column))
    if found is None:
        return None
    if not isinstance(found, datetime):
        found = datetime.combine(found, time())
    try:
        return found.astimezone(UTC)
    except (OverflowError, OSError):  # years that the computer's time zone does not know
        return None
