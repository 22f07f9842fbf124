"""What a post should be labelled, as the label column says it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from riskclf.errors import InputError
from riskclf.language import Sentence
from riskclf.tables.cells import number_of
from riskclf.tables.texts import is_missing

__all__ = [
    "UNCLEAR",
    "Target",
    "TargetReader",
]

UNCLEAR = "unclear"
"""The gold label of a post that the text does not settle."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a post should be labelled."""

    shares: tuple[float, ...]
    """Probability of each label, in their order; empty for `unclear`, which leaves it open."""
    index: int
    """Of the label that has all of it, -1 if none has."""
    kind: str
    """What an unclear post may be (see `ScoredRows.kind`); empty for any other."""


class TargetReader:
    """Reads the label column.

    Args:
        labels: of the model, in the order of its logits.
        label_map: your label to the model's, or to `unclear`.

    Raises:
        InputError: the label map maps to a label that is not there.
    """

    def __init__(self, labels: Sequence[str], label_map: Mapping[str, str]) -> None:
        unknown = sorted(set(label_map.values()) - {*labels, UNCLEAR})
        if unknown:
            raise InputError(
                f"the label map maps to '{unknown[0]}', which the model does not know; its labels "
                f"are {', '.join(labels)}, and '{UNCLEAR}'"
            )
        self._labels, self._label_map = tuple(labels), label_map
        self._known: dict[str, Target | Sentence] = {}

    def read(self, value: Any) -> Target | Sentence:
        """The target of a value, or what is wrong with it, in words that do not name it.

        A label column that was chosen by mistake may hold posts.
        """
        if isinstance(value, Mapping):
            return self._soft(value)
        if is_missing(value):
            return Sentence("it is missing")
        name = str(value)
        found = self._known.get(name)
        if found is None:
            found = self._parsed(name)
            if len(self._known) < 1000:
                self._known[name] = found
        return found

    def _parsed(self, name: str) -> Target | Sentence:
        mapped = self._label_map.get(name, name)
        if mapped in self._labels:
            return self._soft({mapped: 1.0})
        if mapped == UNCLEAR:
            return Target((), -1, UNCLEAR)
        if name.startswith("{"):
            try:
                target = json.loads(name)
            except (ValueError, RecursionError):
                return Sentence("it starts with { but is not a JSON object")
            if isinstance(target, Mapping):
                return self._soft(target)
        return Sentence(
            "it is not a label of the model ({labels}), not 'unclear', and not in the label map",
            labels=", ".join(self._labels),
        )

    def _soft(self, target: Mapping[str, Any]) -> Target | Sentence:
        shares = dict.fromkeys(self._labels, 0.0)
        for name, value in target.items():
            label = self._label_map.get(name, name)
            if value is None:  # Parquet gives every row all keys
                continue
            share = number_of(value)
            if label not in shares or share is None or share < 0:
                return Sentence("its soft target must give labels of the model shares of 0 or more")
            shares[label] += share
        if abs(sum(shares.values()) - 1) > 1e-6:
            return Sentence("its soft target does not add up to 1")
        parts = [label for label in self._labels if shares[label] > 1e-6]
        values = tuple(shares.values())
        if len(parts) == 1:
            return Target(values, self._labels.index(parts[0]), "")
        return Target(values, -1, "+".join(parts))
