"""Drafts of warnings, from a file that the agency owns. A person chooses one, and sends it.

The file (TOML) has a text by side, matter and language, and the agency's own names and numbers,
which fill the places in braces. Nothing of a post is ever put into a text. The samples that ship
are `templates/drafts.toml`.

`Templates.offer` says which drafts fit a case:

- none for a case that two officers are still deciding blind (`riskclf.casework.blind`);
- none on the support list, none for a decision that no warning answers, and none for a child who
  asks for lodging: that child may need it tonight, and contact comes before a warning;
- before a decision: the neutral text, and those for both sides;
- after a decision for a side: the text for that side, and the neutral one.

A draft is preselected only where the officer's decision and the model agree on the side, the model
decided `flag`, and its side is sure enough (`riskclf.casework.sides`). So nothing is preselected
before a decision, which it would sway, nor where the side is not certain.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskclf.casework.blind import is_hidden
from riskclf.casework.sides import sure_side
from riskclf.casework.states import Decision
from riskclf.errors import FormatError, InputError
from riskclf.language import Sentence

if TYPE_CHECKING:
    from riskclf.casework.schema import Case

__all__ = [
    "MATTERS",
    "PLACES",
    "SIDES",
    "Draft",
    "Offer",
    "Support",
    "Templates",
    "matter_of",
    "sample",
]

SIDES = ("minor", "adult", "neutral")
MATTERS = ("lodging", "images", "threat", "money_or_goods", "company", "any")
"""The first of them that a post has, and its side has a text for, is the matter of its draft."""
PLACES = (
    "agency", "verify", "juvenile_line", "childrens_line", "child_guidance", "adult_line", "hours",
    "emergency", "duty_officer",
)  # fmt: skip
"""What may stand in braces, and in the tables [agency.LANGUAGE]."""

_NEEDED = (*((side, "any") for side in SIDES), ("adult", "lodging"))
_WARNED = {Decision.MINOR: "minor", Decision.ADULT: "adult", Decision.UNCLEAR: "neutral"}
_SIDE_OF = {"minor_solicitation": "minor", "adult_solicitation": "adult"}
_MARK = {"ja": "【見本】"}
_PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Draft:
    """A draft of a warning."""

    side: str
    """One of `SIDES`."""
    matter: str
    """One of `MATTERS`."""
    language: str
    text: str
    """Filled as far as the file allows; a sample says so."""
    version: str
    """Stands for the text as it is in the file, before it is filled."""
    complete: bool
    """It may be copied."""
    missing: tuple[str, ...]
    """The keys of the file that must be set before, such as ``agency.ja.hours`` or ``sample``."""


@dataclass(frozen=True)
class Support:
    """What officers do about the support list, and whom they call. Never sent."""

    text: str
    complete: bool
    missing: tuple[str, ...]
    """As for a draft."""


@dataclass(frozen=True)
class Offer:
    """The drafts for a case."""

    drafts: tuple[Draft, ...]
    """The one that fits best first."""
    preselected: Draft | None
    reason: Sentence | None
    """Why there is none."""


@dataclass(frozen=True)
class Templates:
    """The texts of an agency."""

    name: str
    """Of the file, for messages."""
    languages: tuple[str, ...]
    support: Mapping[str, Support]
    """By language."""
    _texts: Mapping[tuple[str, str, str], str] = field(repr=False)
    _values: Mapping[str, Mapping[str, str]] = field(repr=False)
    _sample: bool = False

    @classmethod
    def read(cls, path: str | Path | None = None) -> Templates:
        """Read a file of texts.

        Args:
            path: of the file; None takes the samples that ship.

        Raises:
            InputError: there is no such file.
            FormatError: a text is missing, or a key or a place in braces is not known. The message
                names the file and the key.
        """
        name = "drafts.toml (the samples)" if path is None else str(path)
        try:
            found = tomllib.loads(sample() if path is None else Path(path).read_text("utf-8"))
        except OSError as error:
            raise InputError(f"{name} cannot be read: {error.strerror or error}") from None
        except RecursionError:
            raise FormatError(f"{name} is nested too deep; write it as the samples are") from None
        except ValueError as error:  # no TOML, or not UTF-8
            raise FormatError(f"{name} cannot be read as TOML in UTF-8: {error}") from None
        return _Reader(name, found).templates()

    def offer(self, case: Case, language: str) -> Offer:
        """The drafts for a case.

        Args:
            case: a case of the store.
            language: of the drafts, one of `languages`.

        Raises:
            InputError: there are no texts in this language.
        """
        if language not in self.languages:
            raise InputError(
                f"{self.name} has no texts in '{language}': write them, or choose one of "
                f"{', '.join(self.languages)}"
            )
        if is_hidden(case):
            return _none(Sentence("No draft yet: two officers decide this case first, each blind."))
        if case.support or case.decision is Decision.NEEDS_SUPPORT:
            return _none(Sentence("No draft: this is for support, and no warning is sent."))
        if case.decision not in (None, *_WARNED):
            return _none(Sentence("No draft: a case with this decision is not warned."))
        if _child_needs_lodging(case):
            return _none(
                Sentence(
                    "No draft: a child who asks for lodging may need it tonight. Contact and a "
                    "safe place come first."
                )
            )
        decided = "" if case.decision is None else _WARNED[case.decision]
        sides = (decided, "neutral") if decided in ("minor", "adult") else ("neutral", *SIDES[:2])
        matters = _answers(case, "matter")
        drafts = tuple(self._draft(side, matters, language) for side in sides)
        sure = _SIDE_OF.get(sure_side(case.suggested, case.model), "")
        preselected = drafts[0] if sure and sure == decided else None
        return Offer(drafts, preselected, None)

    def drafts(self) -> tuple[Draft, ...]:
        """All texts."""
        return tuple(self.draft(*key) for key in self._texts)

    def draft(self, side: str, matter: str, language: str) -> Draft:
        """One draft.

        Raises:
            InputError: there is no such text.
        """
        raw = self._texts.get((side, matter, language))
        if raw is None:
            raise InputError(f"{self.name} has no text [{side}.{matter}] in '{language}'")
        text, missing = _filled(raw, language, self._values, is_sample=self._sample)
        version = hashlib.sha256(raw.encode("utf-8")).hexdigest()[:16]
        return Draft(side, matter, language, text, version, not missing, missing)

    def _draft(self, side: str, matters: tuple[str, ...], language: str) -> Draft:
        there = (
            x
            for x in MATTERS
            if (x in matters or x == "any") and (side, x, language) in self._texts
        )
        return self.draft(side, next(there), language)


def matter_of(case: Case) -> str:
    """The matter of a case, by the model's answers when it was opened: one of `MATTERS`."""
    answers = _answers(case, "matter")
    return next(x for x in MATTERS if x in answers or x == "any")


def sample() -> str:
    """The file of samples that ships."""
    place = files("riskclf.casework").joinpath("templates/drafts.toml")
    return place.read_text(encoding="utf-8")


def _none(reason: Sentence) -> Offer:
    return Offer((), None, reason)


def _answers(case: Case, question: str) -> tuple[str, ...]:
    """The model's answers, as they were when the case was opened."""
    for aspect in case.suggested.get("aspects", ()):
        if aspect["question"] == question:
            return tuple(aspect["answers"])
    return ()


def _child_needs_lodging(case: Case) -> bool:
    """Whether the author may be a child who asks for lodging."""
    if "lodging" not in _answers(case, "matter") or case.decision is Decision.ADULT:
        return False
    side = case.suggested.get("side")
    return (
        case.decision is Decision.MINOR
        or side == "minor_solicitation"
        or "child" in _answers(case, "side")
    )


def _filled(
    raw: str, language: str, values: Mapping[str, Mapping[str, str]], *, is_sample: bool
) -> tuple[str, tuple[str, ...]]:
    """The text with the agency's values, and the keys that must be set before it may be used."""
    own = values[language]
    names = dict.fromkeys(_PLACE.findall(raw))
    missing = [f"agency.{language}.{name}" for name in names if not own.get(name)]
    text = _PLACE.sub(lambda found: own.get(found[1]) or found[0], raw)
    if is_sample:
        text = _MARK.get(language, "[SAMPLE] ") + text
    return text, (*(["sample"] if is_sample else []), *missing)


class _Reader:
    """Checks what a file holds."""

    def __init__(self, name: str, found: Mapping[str, Any]) -> None:
        self._name, self._found = name, found

    def templates(self) -> Templates:
        """The texts.

        Raises:
            FormatError: see `Templates.read`.
        """
        self._known("", self._found, ("sample", "agency", *SIDES, "support"))
        is_sample = self._found.get("sample", False)
        if not isinstance(is_sample, bool):
            raise self._wrong("sample", "it must be true or false")
        values = self._values()
        texts: dict[tuple[str, str, str], str] = {}
        for side, matter in _NEEDED:
            if matter not in self._table(side):
                raise self._wrong(f"{side}.{matter}", "it is missing: write a text for it")
        for side in SIDES:
            table = self._table(side)
            self._known(side, table, MATTERS)
            for matter in table:
                key = f"{side}.{matter}"
                for language, text in self._in_all_languages(key, table[matter], values).items():
                    texts[side, matter, language] = text
        support = self._in_all_languages("support", self._table("support"), values)
        return Templates(
            self._name,
            tuple(values),
            {
                language: Support(text, not missing, missing)
                for language, raw in support.items()
                for text, missing in [_filled(raw, language, values, is_sample=is_sample)]
            },
            texts,
            values,
            is_sample,
        )

    def _values(self) -> dict[str, dict[str, str]]:
        values: dict[str, dict[str, str]] = {}
        for language, table in self._table("agency").items():
            key = f"agency.{language}"
            if not isinstance(table, dict):
                raise self._wrong(key, f"it must be a table: write [{key}] above the values")
            self._known(key, table, PLACES)
            for name, value in table.items():
                if not isinstance(value, str):
                    raise self._wrong(f"{key}.{name}", "it must be a text in quotation marks")
            values[language] = {name: value.strip() for name, value in table.items()}
        if not values:
            raise self._wrong("agency", "no language is in it: write a table such as [agency.ja]")
        return values

    def _in_all_languages(self, key: str, table: Any, values: Mapping[str, Any]) -> dict[str, str]:
        """The texts of a table by language."""
        if not isinstance(table, dict):
            raise self._wrong(key, "it must be a table with a text for each language")
        for language in values:
            if language not in table:
                raise self._wrong(f"{key}.{language}", "it is missing: write the text for it")
        for language, text in table.items():
            where = f"{key}.{language}"
            if language not in values:
                raise self._wrong(where, f"the table [agency.{language}] is missing: write it")
            if not isinstance(text, str) or not text.strip():
                raise self._wrong(where, "it must be a text in quotation marks, not an empty one")
            for name in _PLACE.findall(text):
                if name not in PLACES:
                    raise self._wrong(
                        where, f"the place {{{name}}} is not known: use one of {', '.join(PLACES)}"
                    )
            if re.search(r"[{}]", _PLACE.sub("", text)):
                raise self._wrong(where, "a brace is not closed: write places like {agency}")
        return {language: text.strip() for language, text in table.items()}

    def _table(self, key: str) -> dict[str, Any]:
        table = self._found.get(key)
        if not isinstance(table, dict):
            raise self._wrong(key, "it is missing: write this table, as in the samples")
        return table

    def _known(self, key: str, table: Mapping[str, Any], names: tuple[str, ...]) -> None:
        for name in table:
            if name not in names:
                where = f"{key}.{name}" if key else name
                raise self._wrong(where, f"it is not known: use one of {', '.join(names)}")

    def _wrong(self, key: str, what: str) -> FormatError:
        return FormatError(f"{self._name}, key {key}: {what}")
