"""What was aimed at before anything was measured, and what came out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from riskclf.labels import RISK_LABELS
from training.cards.markdown import NOT_MEASURED, hour, percent, statistic, table

__all__ = ["Target", "missed", "targets", "targets_table"]

_REACHED = {None: "–", False: "**no**", True: "yes"}


@dataclass(frozen=True)
class Target:
    """A target, and the figure that answers it."""

    what: str
    aim: str
    measured: str | None
    """With its interval, as text; None where it is not measured yet."""
    reached: bool | None
    """Whether the value, not the interval, reaches it; None where it is not measured yet."""


class _Targets:
    """Every target, in the order of the table."""

    def __init__(self) -> None:
        self.found: list[Target] = []

    def add(
        self,
        what: str,
        found: Mapping[str, Any] | None,
        shown: str,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        """A figure whose value is to lie between two ends; without a value it reaches nothing."""
        if at_least is not None and at_most is not None:
            aim = f"{at_least:g} to {at_most:g}"
        else:
            aim = f"≤ {at_most:g}" if at_least is None else f"≥ {at_least:g}"
        if found is None:
            self.found.append(Target(what, aim, None, None))
            return
        value = found["value"]
        reached = (
            value is not None
            and (at_least is None or value >= at_least)
            and (at_most is None or value <= at_most)
        )
        self.found.append(Target(what, aim, shown, reached))

    def number(self, what: str, found: Mapping[str, Any] | None, **ends: float) -> None:
        """A figure such as macro-F1."""
        self.add(what, found, "" if found is None else statistic(found), **ends)

    def share(self, what: str, found: Mapping[str, Any] | None, **ends: float) -> None:
        """A share of rows."""
        self.add(what, found, "" if found is None else percent(found), **ends)


def targets(results: Mapping[str, Any]) -> Sequence[Target]:
    """Every target; none before our posts are judged out of fold."""
    if "folds" not in results:
        return []
    every = _Targets()
    _add_folds(every, results)
    _add_natural(every, results)
    _add_other_hand(every, results.get("other_hand"))
    return every.found


def missed(found: Iterable[Target]) -> Sequence[Target]:
    """Those that are measured and not reached."""
    return [target for target in found if target.reached is False]


def targets_table(results: Mapping[str, Any]) -> str:
    """Every target with the figure that answers it; the interval does not decide."""
    found = targets(results)
    if not found:
        return NOT_MEASURED
    head = ("what", "target", "measured (95 % interval)", "reached")
    not_yet = NOT_MEASURED.strip()
    rows = [(x.what, x.aim, x.measured or not_yet, _REACHED[x.reached]) for x in found]
    return table(head, rows)


def _add_folds(targets: _Targets, results: Mapping[str, Any]) -> None:
    folds = results["folds"]
    targets.number("out of fold: macro-F1", folds["macro"]["f1"], at_least=0.9)
    for question in ("age", "side", "act"):
        found = results.get("aspects", {}).get(question)
        targets.number(f"out of fold: macro-F1 of `{question}`", found, at_least=0.85)
    slope = folds["calibration"]["slope"]
    targets.number("out of fold: calibration slope", slope, at_least=0.8, at_most=1.25)
    for language, found in results["few"].items():
        what = f"{language}: macro-F1, out of fold and `transfer` together"
        targets.number(what, found, at_least=0.8)


def _add_natural(targets: _Targets, results: Mapping[str, Any]) -> None:
    for alarm, aim in (("flag", 0.001), ("flag_or_review", 0.01)):
        for language, shares in results["natural_languages"].items():
            what = f"natural lines, {language}: {alarm.replace('_', ' ')}"
            targets.share(what, shares[alarm], at_most=aim)
    files = {name: shares["flag_or_review"] for name, shares in results["natural"].items()}
    worst = max(files, key=lambda name: files[name]["value"])
    targets.share(
        f"natural lines, flag or review: the worst file, {worst}", files[worst], at_most=0.015
    )
    for stream, found in results["hour"].items():
        what = f"among the 20 riskiest, {stream}"
        targets.add(what, {"value": found["mean"]}, hour(found), at_least=9.5)


def _add_other_hand(targets: _Targets, found: Mapping[str, Any] | None) -> None:
    def of(*names: str) -> Mapping[str, Any] | None:
        part: Any = found
        for name in names:
            part = None if part is None else part[name]
        return part  # type: ignore[no-any-return]

    flag, shown = ("operating_points", "flag"), ("operating_points", "flag_or_review")
    targets.number("other hands: macro-F1", of("macro", "f1"), at_least=0.92)
    targets.number("other hands: average precision", of("average_precision"), at_least=0.965)
    for label in RISK_LABELS:
        what = f"other hands: {label}, flag or review"
        targets.share(what, of(*shown, "recall_of", label), at_least=0.95)
    targets.share("other hands: risky posts, flag", of(*flag, "recall"), at_least=0.6)
    what = "other hands: precision of flag, unclear posts left out"
    targets.share(what, of(*flag, "precision"), at_least=0.95)
    targets.share("other hands: side of risky posts", of("side"), at_least=0.97)
    for alarm, aim in ((flag, 0.02), (shown, 0.12)):
        what = f"other hands: benign posts, {alarm[1].replace('_', ' ')}"
        targets.share(what, of(*alarm, "false_positive_rate"), at_most=aim)
    what = "other hands: unclear posts, flag or review"
    targets.share(what, of("unclear", "all", "flag_or_review"), at_least=0.75)
