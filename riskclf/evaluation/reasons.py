"""Why rows were rejected, in the current language.

`riskclf.tables` and `riskclf.evaluation.collecting` give reasons in English, as rejects.csv lists
them. A report translates them: each is compared with the sentences below. A reason that is not
among them stays English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from riskclf.language import gettext, marked

__all__ = ["reason_in_words"]

_REASONS = (
    marked("it is missing"),
    marked("it is {kind}, not text"),
    marked("it is {kind}, not a JSON object"),
    marked("it is not UTF-8"),
    marked("it holds a NUL character"),
    marked("it is not valid JSON at character {place}"),
    marked("it is JSON that is nested more than {levels} levels deep"),
    marked("it is JSON that cannot be read"),
    marked("it is JSON with the same key twice in one object"),
    marked("it has a column whose name holds half of a surrogate pair"),
    marked("it has a column '{name}', which the first row does not have"),
    marked("it has {fields} fields and the header has {width}"),
    marked("it cannot be read: it may be out of range"),
    marked("it is not a mapping from column to value"),
    marked("the first row has no such column"),
    marked("it starts with { but is not a JSON object"),
    marked(
        "it is not a label of the model ({labels}), not 'unclear', and not in the label map",
    ),
    marked("its soft target must give labels of the model shares of 0 or more"),
    marked("its soft target does not add up to 1"),
    marked("it is not a number above 0"),
    marked("it is not a number from 0 to 1"),
    marked("it is not one of the labels that have a score"),
    marked("it is not one of {names}"),
    marked("it does not name labels that have a score"),
    marked("it differs from the rows before: they were scored by another model"),
    marked("it is not the sum of the scores of the risk labels"),
)
_KINDS = (
    marked("null"),
    marked("a string"),
    marked("a boolean"),
    marked("a number"),
    marked("a list"),
    marked("an object"),
)
_PLACE = re.compile(r"\{(\w+)\}")


def reason_in_words(reason: str) -> str:
    """The reason in the current language."""
    for sentence in _REASONS:
        if found := _pattern(sentence).fullmatch(reason):
            values = found.groupdict()
            if values.get("kind") in _KINDS:
                values["kind"] = gettext(values["kind"])
            return _filled(gettext(sentence), values)
    return reason


def _filled(words: str, values: Mapping[str, str]) -> str:
    """The words with a value in each place (not `str.format`: a reason may hold a lone brace)."""
    return _PLACE.sub(lambda place: values[place[1]], words)


@cache
def _pattern(sentence: str) -> re.Pattern[str]:
    """Matches the sentence with anything in its places."""
    parts = _PLACE.split(sentence)  # text, name, text, name, ..., text
    written = [
        f"(?P<{part}>.+)" if index % 2 else re.escape(part) for index, part in enumerate(parts)
    ]
    return re.compile("".join(written), re.DOTALL)
