"""Time from a warning to deletion, as a Kaplan-Meier curve (statsmodels).

What is known of a post is when it was looked at, not when it was deleted. The curve takes the first
check at which it was gone: by then, at the latest, it was deleted. So it rises in steps where
checks were made, and the true curve lies above it, or on it. Posts that were last seen there, or
edited, count as there until then, and tell nothing of later (right-censored). A post that is seen
again after it was found gone had not gone. Cases without a check that had a result, and withdrawn
warnings, are left out.

The intervals are pointwise, 95 %, from Greenwood's variance on the scale log(-log) (Kalbfleisch and
Prentice 2002). They take cases as independent; several cases of the same text make them too narrow.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.errors import MissingExtra
from riskclf.evaluation.figures import Estimate
from riskclf.evaluation.wording import Section, as_range
from riskclf.language import gettext as _

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.casework.facts import Warned

    Floats = NDArray[np.float64]

__all__ = ["DAYS", "Curve", "curve_of", "draw", "survival_section"]

DAYS = (1, 7, 30)
"""After so many days the share that was found gone is told."""
_NORMAL = 1.959964


@dataclass(frozen=True)
class Curve:
    """The share of posts found gone, by days since the warning."""

    cases: int
    gone: int
    """Of the cases, those that were found gone."""
    left_out: int
    """Warned cases without a check that had a result."""
    repeated: int
    """Of the cases, those whose text another one has too."""
    days: Floats = field(repr=False)
    """At which a post was found gone, rising, shape (steps,)."""
    share: Floats = field(repr=False)
    """From that day on, shape (steps,)."""
    low: Floats = field(repr=False)
    high: Floats = field(repr=False)
    longest: float = 0.0
    """Days of the longest observation."""

    def at(self, day: float) -> Estimate | None:
        """The share found gone by this day; None where nothing was observed for as long."""
        if day > self.longest:
            return None
        place = int(np.searchsorted(self.days, day, side="right")) - 1
        if place < 0:
            return Estimate(0.0, 0.0, min(1.0, 3 / self.cases)) if self.cases else None
        return Estimate(*(float(x[place]) for x in (self.share, self.low, self.high)))

    def median(self) -> float | None:
        """Days after which half of the posts were found gone; None where fewer were."""
        reached = np.flatnonzero(self.share >= 0.5)
        return float(self.days[reached[0]]) if len(reached) else None


def curve_of(warned: Sequence[Warned]) -> Curve:
    """The curve of the warned cases.

    Raises:
        MissingExtra: statsmodels is not installed.
    """
    try:
        from statsmodels.duration.survfunc import SurvfuncRight
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "statsmodels":
            raise
        raise MissingExtra(
            "the time to deletion needs statsmodels: pip install 'riskclf[casework]'"
        ) from None
    standing = [x for x in warned if not x.withdrawn]
    cases = [x for x in standing if (x.gone, x.there) != (None, None)]
    times = np.array([x.there if x.gone is None else x.gone for x in cases], dtype=np.float64)
    gone = np.array([x.gone is not None for x in cases], dtype=np.int64)
    _names, counts = np.unique([x.chain for x in cases], return_counts=True)
    repeated = int(counts[counts > 1].sum())
    left_out = len(standing) - len(cases)
    longest = float(times.max(initial=0.0))
    if not gone.any():
        none = np.zeros(0)
        return Curve(len(cases), 0, left_out, repeated, none, none, none, none, longest)
    # A check in the minute of the warning is later all the same.
    found = SurvfuncRight(np.maximum(times, 1e-6), gone)
    days: Floats = np.asarray(found.surv_times, dtype=np.float64)
    left: Floats = np.asarray(found.surv_prob, dtype=np.float64)
    low, high = _interval(left, np.asarray(found.surv_prob_se, dtype=np.float64), len(cases))
    return Curve(
        len(cases), int(gone.sum()), left_out, repeated, days, 1 - left, 1 - high, 1 - low, longest
    )


def _interval(left: Floats, error: Floats, cases: int) -> tuple[Floats, Floats]:
    """Interval of the share that is left; where all or none is, that of the rule of three."""
    low, high = np.zeros_like(left), np.ones_like(left)
    inner = (left > 0) & (left < 1)
    share = left[inner]
    reach = _NORMAL * error[inner] / (share * np.abs(np.log(share)))
    low[inner] = share ** np.exp(reach)
    high[inner] = share ** np.exp(-reach)
    high[left <= 0] = min(1.0, 3 / cases)
    return low, high


def survival_section(curve: Curve) -> Section:
    """The time to deletion in words, in the current language."""
    title = _("Time to deletion")
    if not curve.cases:
        return Section(title, [_("No warned case was checked with a result.")])
    lines = [
        _(
            "{gone:,} of {cases:,} cases were found gone. A date is that of the check: by then, at "
            "the latest, the post was deleted. Posts that were last seen there count until then."
        ).format(gone=curve.gone, cases=curve.cases)
    ]
    for day in DAYS:
        found = curve.at(day)
        shown = _("nothing was observed for as long") if found is None else as_range(found)
        lines.append(_("Found gone within {day:,} days: {share}").format(day=day, share=shown))
    median = curve.median()
    if median is not None:
        lines.append(_("Half were found gone within {days:.1f} days.").format(days=median))
    if curve.left_out:
        lines.append(
            _("Left out, since no check had a result: {count:,} cases.").format(
                count=curve.left_out
            )
        )
    if curve.repeated:
        lines.append(
            _(
                "{count:,} cases have a text that another case has too. The intervals take them as "
                "independent, and are too narrow."
            ).format(count=curve.repeated)
        )
    return Section(title, lines)


def draw(curve: Curve) -> bytes:
    """The curve as a PNG, in the current language."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from riskclf.evaluation.plots import fonts

    style: Any = {"font.family": fonts(), "axes.grid": True, "grid.color": "#d5d9de"}
    with mpl.rc_context(style):
        figure = Figure(figsize=(7.5, 4.5), layout="constrained")
        axes = figure.add_subplot()
        end = max(curve.longest, 1.0)
        days = np.array([0.0, *curve.days, end])
        share, low, high = (
            100 * np.array([0.0, *x, *(x[-1:] if len(x) else [0.0])])
            for x in (curve.share, curve.low, curve.high)
        )
        axes.fill_between(days, low, high, step="post", color="#a9c9ee", alpha=0.6, linewidth=0)
        axes.step(days, share, where="post", color="#4c8dd6")
        axes.set_xlim(0, math.ceil(end))
        axes.set_ylim(0, 100)
        axes.set_xlabel(_("days since the warning"))
        axes.set_ylabel(_("found gone, per cent"))
        axes.set_title(
            _("{gone:,} of {cases:,} cases; band: 95 % interval").format(
                gone=curve.gone, cases=curve.cases
            )
        )
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=110, metadata={"Software": None})
    return drawn.getvalue()
