"""Before and after: did the volume fall, and by how much?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from riskclf.errors import InputError
from riskclf.evaluation.figures import Estimate, Figure
from riskclf.evaluation.intervals import of_draws

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Change", "change_between"]

_RANGE = re.compile(r"(\d{4}-\d\d)(?:\.\.(\d{4}-\d\d))?")


@dataclass(frozen=True)
class Change(Figure):
    """How the volume changed: means a month, with 95 % intervals.

    The error of what was measured on labelled posts is the same in all months, and largely cancels
    out. With families, each month has scenarios of its own, which does not.
    """

    before: str
    after: str
    volume_before: Estimate
    volume_after: Estimate
    difference: Estimate
    """After less before."""
    ratio: Estimate
    """After over before."""
    fell: float
    """The probability that it fell."""
    posts_ratio: float
    """Scored posts a month, after over before: far from 1, more or less was collected."""


class _Month(Protocol):
    @property
    def month(self) -> str: ...
    @property
    def posts(self) -> int: ...
    @property
    def risky(self) -> Estimate: ...
    @property
    def refused(self) -> str: ...


def change_between(
    months: Sequence[_Month], draws: NDArray[np.float64], before: str, after: str
) -> Change:
    """Compare two months, or ranges of months such as ``2026-01..2026-03``.

    Args:
        months: of the estimate.
        draws: of their volumes, shape (draws, months).
        before: the earlier one.
        after: the later one.

    Raises:
        InputError: a month is not there, has no estimate, or is in both.
    """
    chosen = [_chosen(months, name) for name in (before, after)]
    both = sorted({*chosen[0]} & {*chosen[1]})
    if both:
        raise InputError(f"{months[both[0]].month} is in both: name two that do not overlap")
    values = [float(np.mean([months[x].risky.value or 0.0 for x in part])) for part in chosen]
    drawn = [draws[:, part].mean(axis=1) for part in chosen]
    posts = [float(np.mean([months[x].posts for x in part])) for part in chosen]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.nan_to_num(drawn[1] / drawn[0], nan=1.0, posinf=np.inf)
    low, high = np.percentile(ratios, [2.5, 97.5])
    same = drawn[1] == drawn[0]
    return Change(
        before,
        after,
        of_draws(values[0], drawn[0]),
        of_draws(values[1], drawn[1]),
        of_draws(values[1] - values[0], drawn[1] - drawn[0]),
        Estimate(
            values[1] / values[0] if values[0] > 0 else None,
            float(low),
            float(high) if np.isfinite(high) else None,
        ),
        float((drawn[1] < drawn[0]).mean() + same.mean() / 2),
        posts[1] / posts[0],
    )


def _chosen(months: Sequence[_Month], name: str) -> list[int]:
    """The places of the months of a range that have an estimate."""
    found = _RANGE.fullmatch(name)
    if found is None:
        raise InputError(f"'{name}' is no month: write 2026-04, or 2026-04..2026-06 for several")
    first, last = found[1], found[2] or found[1]
    places = [place for place, month in enumerate(months) if first <= month.month <= last]
    wanted = 12 * (int(last[:4]) - int(first[:4])) + int(last[5:]) - int(first[5:]) + 1
    if len(places) != max(1, wanted):
        raise InputError(
            f"the stream has no month {name}: it reaches from {months[0].month} to "
            f"{months[-1].month}"
        )
    for place in places:
        if months[place].refused:
            raise InputError(f"{months[place].month} has no estimate ({months[place].refused})")
    return places
