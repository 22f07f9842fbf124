"""A prediction in the columns of a table: their names, their values, and how they are found again.

The columns are ``label``, ``decision``, ``risk``, ``score_LABEL`` for every label, ``truncated``,
``reasons``: why a post could not be read, or that it was disguised (`Prediction.reason_codes`,
joined by blanks, mostly empty), and ``risk_labels``: which of the labels are risks, joined by ``|``
and the same in every row, so that figures can be made from the table alone. Where the input has a
column of one of these names, all of ours get the prefix ``riskclf_``, as often as it takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from riskclf.labels import Prediction

__all__ = [
    "PREFIX",
    "free_columns",
    "prediction_columns",
    "prediction_values",
    "read_risk_labels",
    "scored_labels",
    "scored_prefix",
]

PREFIX = "riskclf_"
_RISK_LABELS = "risk_labels"


def prediction_columns(labels: Iterable[str]) -> dict[str, type]:
    """Names and types of a prediction's columns, without a prefix."""
    scores = {f"score_{label}": float for label in labels}
    first: dict[str, type] = {"label": str, "decision": str, "risk": float}
    return first | scores | {"truncated": bool, "reasons": str, _RISK_LABELS: str}


def prediction_values(prediction: Prediction, risk_labels: Sequence[str]) -> list[Any]:
    """The values of these columns, in their order; six digits are more than a model knows."""
    numbers = (prediction.risk, *prediction.scores.values())
    rounded = [float(f"{number:.6g}") for number in numbers]
    reasons = " ".join(prediction.reason_codes)
    risks = "|".join(risk_labels)
    return [prediction.label, prediction.decision, *rounded, prediction.truncated, reasons, risks]


def free_columns(columns: dict[str, type], existing: Iterable[str]) -> dict[str, type]:
    """The columns, prefixed as often as it takes to overwrite none of the `existing` ones."""
    taken = set(existing)
    while not columns.keys().isdisjoint(taken):  # more than once where the input is our output
        columns = {f"{PREFIX}{name}": kind for name, kind in columns.items()}
    return columns


def scored_prefix(present: Sequence[str]) -> str | None:
    """The prefix of the last prediction in a table of these columns; None where there is none."""
    names = set(present)
    found = None
    prefix = ""
    while any(name.startswith(prefix) for name in names):
        has_scores = len(scored_labels(present, prefix)) >= 2
        if has_scores and {prefix + name for name in ("label", "decision", "risk")} <= names:
            found = prefix
        prefix += PREFIX
    return found


def scored_labels(present: Sequence[str], prefix: str) -> tuple[str, ...]:
    """The labels that have a score, in the order of the columns."""
    start = f"{prefix}score_"
    return tuple(name.removeprefix(start) for name in present if name.startswith(start))


def read_risk_labels(value: Any, labels: Sequence[str]) -> tuple[str, ...] | None:
    """The risk labels that a value of the column ``risk_labels`` names; None if it names others.

    Args:
        value: as `prediction_values` wrote it; None is read as none, as an empty CSV field may be.
        labels: those that have a score.
    """
    text = "" if value is None else value
    if not isinstance(text, str):
        return None
    found = tuple(label for label in labels if f"|{label}|" in f"|{text}|")
    return found if "|".join(sorted(found)) == "|".join(sorted(text.split("|"))) else None
