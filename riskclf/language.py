"""The language of what people read: English, or Japanese from the catalogue in `riskclf/locale`.

A sentence is written in English where it is needed, and marked with `gettext` or `ngettext`. It is
translated when that code runs, into the language of the innermost `speaking` block::

    from riskclf.language import gettext as _, speaking

    with speaking("ja"):
        _("Labels")  # "ラベル"

Values go in afterwards, by name: ``_("{count:,} posts").format(count=3)``. Outside of any block
the language is English. What is left English on purpose: error messages, logs, names of columns.
A sentence that is made in one place and shown in another is a `Sentence`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Self

from riskclf.errors import InputError

__all__ = [
    "Language",
    "Sentence",
    "current",
    "gettext",
    "language",
    "listed",
    "marked",
    "ngettext",
    "pgettext",
    "speaking",
]


class Language(StrEnum):
    """A language that there is."""

    ENGLISH = "en"
    JAPANESE = "ja"


_CATALOGUES = Path(__file__).parent / "locale"
_current: ContextVar[Language] = ContextVar("riskclf language", default=Language.ENGLISH)


def language(name: str) -> Language:
    """The language of this code, such as ``ja``.

    Raises:
        InputError: there is no such language.
    """
    try:
        return Language(name)
    except ValueError:
        known = ", ".join(Language)
        raise InputError(f"the language '{name}' is not available; choose one of {known}") from None


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Translate into this language inside the block, in this thread only.

    Raises:
        InputError: there is no such language.
    """
    token = _current.set(language(name))
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Language:
    """The language of the innermost `speaking` block; English outside of any."""
    return _current.get()


def gettext(message: str) -> str:
    """The message in the current language; English where the catalogue lacks it."""
    return _catalogue(_current.get()).gettext(message)


def ngettext(one: str, more: str, count: int) -> str:
    """The message for so many, in the current language."""
    return _catalogue(_current.get()).ngettext(one, more, count)


def pgettext(context: str, message: str) -> str:
    """The message in the current language; `context` tells apart what English does not."""
    return _catalogue(_current.get()).pgettext(context, message)


def marked(message: str) -> str:
    """The message as it is: marks one for the catalogue that is translated later."""
    return message


class Sentence(str):
    """An English sentence that is translated where it is shown.

    It is a str, so an error message or a log can hold it as it is. The catalogue finds its message
    as it finds those of `gettext`.

    Args:
        message: in English, with a place for each of the values.
        values: for these places. One that is a `Sentence` is translated too.
    """

    message: str
    values: dict[str, object]

    def __new__(cls, message: str, **values: object) -> Self:
        """See the class."""
        sentence = super().__new__(cls, message.format(**values) if values else message)
        sentence.message, sentence.values = message, values
        return sentence

    def translated(self) -> str:
        """The sentence in the current language."""
        values = {
            name: value.translated() if isinstance(value, Sentence) else value
            for name, value in self.values.items()
        }
        message = gettext(self.message)
        return message.format(**values) if values else message


def listed(names: Iterable[str]) -> str:
    """Names, one after the other, in the current language."""
    return pgettext("between names", ", ").join(names)


@cache
def _catalogue(name: Language) -> NullTranslations:
    if name is Language.ENGLISH:
        return NullTranslations()
    with (_CATALOGUES / name / "LC_MESSAGES" / "riskclf.mo").open("rb") as file:
        return GNUTranslations(file)
