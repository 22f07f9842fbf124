"""How two streams differ, and whether that calls for a look at the thresholds.

Of some thousand posts, hardly two months are equal. So beside each test stands a size, and only
what is both certain and large counts: the population stability index of the risk (0.1 and more is
usually called a change worth a look), a rate that is a quarter higher or lower, one token more in a
hundred that is unknown, a script's share that differs by five in a hundred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import regex

from riskclf.evaluation.figures import Estimate, Figure, Proportion
from riskclf.evaluation.intervals import wilson
from riskclf.language import gettext as _

__all__ = [
    "SCRIPTS",
    "RateShift",
    "ScoreShift",
    "StreamFigures",
    "mean_of",
    "mean_shift",
    "proportion_of",
    "rate_shift",
    "reasons_of",
    "score_shift",
    "script_of",
]

SCRIPTS = ("japanese", "chinese", "korean", "latin", "other", "none")
"""What `script_of` gives. Han alone counts as ``chinese``: short Japanese posts may be among it."""

_STABLE = 0.1
_RATE, _UNKNOWN, _SCRIPT = 1.25, 0.01, 0.05
_BINS = 10
_PROBABILITY = 0.01

_KANA = regex.compile(r"[\p{Hiragana}\p{Katakana}]")
_HANGUL, _HAN = regex.compile(r"\p{Hangul}"), regex.compile(r"\p{Han}")
_LATIN, _LETTER = regex.compile(r"\p{Latin}"), regex.compile(r"\p{L}")


def script_of(text: str) -> str:
    """By its script, which language a post may be in; one of `SCRIPTS`."""
    letters = len(_LETTER.findall(text))
    if not letters:
        return "none"
    if _KANA.search(text):
        return "japanese"
    counts = {
        "korean": len(_HANGUL.findall(text)),
        "chinese": len(_HAN.findall(text)),
        "latin": len(_LATIN.findall(text)),
    }
    likeliest = max(counts, key=lambda name: counts[name])
    return likeliest if 2 * counts[likeliest] >= letters else "other"


@dataclass(frozen=True)
class StreamFigures(Figure):
    """One of the two streams."""

    posts: int
    flagged: Proportion
    shown: Proportion
    """Posts that are flagged or reviewed."""
    unread: Proportion
    """Posts that could not be read (`riskclf.labels.UNREAD_CODES`)."""
    unknown_tokens: Estimate
    """Share of a post's tokens that the model does not know, in the mean; None without texts."""
    scripts: Mapping[str, Proportion]
    """By `SCRIPTS`; empty without texts."""


@dataclass(frozen=True)
class RateShift(Figure):
    """How a rate changed."""

    difference: Estimate
    """New less old (Newcombe 1998)."""
    ratio: float | None
    """New over old; None where the old one is 0."""


@dataclass(frozen=True)
class ScoreShift(Figure):
    """How the distribution of the risk changed."""

    stability: float
    """Population stability index over tenths of the old stream."""
    distance: float
    """Largest difference of the two distribution functions (Kolmogorov and Smirnov)."""
    p_value: float
    """Of that distance, if both streams were alike."""


def proportion_of(hits: int, of: int) -> Proportion:
    """A share of independent posts with Wilson's interval."""
    return Proportion(hits, of, hits / of if of else None, *wilson(hits, of), float(of))


def mean_of(values: Sequence[float]) -> Estimate:
    """The mean of shares with its interval; None without any."""
    if not values:
        return Estimate(None, None, None)
    mean, error = float(np.mean(values)), 1.96 * _error(values)
    return Estimate(mean, max(0.0, mean - error), min(1.0, mean + error))


def mean_shift(old: Sequence[float], new: Sequence[float]) -> Estimate:
    """The mean of new values less that of old ones, with its interval; None without any."""
    if not old or not new:
        return Estimate(None, None, None)
    value = float(np.mean(new) - np.mean(old))
    reach = 1.96 * float(np.hypot(_error(old), _error(new)))
    return Estimate(value, value - reach, value + reach)


def _error(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=min(1, len(values) - 1)) / np.sqrt(len(values)))


def rate_shift(old: Proportion, new: Proportion) -> RateShift:
    """Newcombe's interval from two of Wilson's (1998, method 10)."""
    first, second = old.value or 0.0, new.value or 0.0
    value = second - first
    below = float(np.hypot(second - new.low, old.high - first))
    above = float(np.hypot(new.high - second, first - old.low))
    return RateShift(
        Estimate(value, value - below, value + above), second / first if first else None
    )


def score_shift(old: Sequence[float], new: Sequence[float]) -> ScoreShift:
    """Compare the risks of two streams."""
    from scipy.stats import ks_2samp  # takes a second to import

    first, second = np.array(old), np.array(new)
    test = ks_2samp(first, second, method="asymp")
    # Half a post more in each tenth: none is empty.
    ends = np.unique(np.quantile(first, np.arange(1, _BINS) / _BINS))
    shares = []
    for values in (first, second):
        counts = np.bincount(np.searchsorted(ends, values, side="right"), minlength=len(ends) + 1)
        shares.append((counts + 0.5) / (len(values) + 0.5 * (len(ends) + 1)))
    stability = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    return ScoreShift(stability, float(test.statistic), float(test.pvalue))


def reasons_of(
    old: StreamFigures,
    new: StreamFigures,
    rates: Mapping[str, RateShift],
    scores: ScoreShift,
    unknown: Estimate,
) -> list[str]:
    """Changes that are both certain and large."""
    found = []
    if scores.stability > _STABLE and scores.p_value < _PROBABILITY:
        found.append(
            _(
                "The risk is distributed differently: stability index {index} (0.1 or more is a "
                "change worth a look)."
            ).format(index=f"{scores.stability:.2f}")
        )
    words = {
        "flag": _("The share of flagged posts changed from {old} % to {new} %."),
        "shown": _("The share of posts flagged or to review changed from {old} % to {new} %."),
    }
    before = {"flag": old.flagged, "shown": old.shown}
    after = {"flag": new.flagged, "shown": new.shown}
    for name, rate in rates.items():
        ratio = rate.ratio if rate.ratio is not None else float("inf")
        if _certain(rate.difference) and not 1 / _RATE <= ratio <= _RATE:
            values = {"old": before[name], "new": after[name]}
            shown = {key: f"{100 * (x.value or 0.0):.2f}" for key, x in values.items()}
            found.append(words[name].format(**shown))
    if unknown.value is not None and unknown.value > _UNKNOWN and _certain(unknown):
        found.append(
            _("More tokens are unknown to the model: {old} %, now {new} %.").format(
                old=f"{100 * (old.unknown_tokens.value or 0.0):.1f}",
                new=f"{100 * (new.unknown_tokens.value or 0.0):.1f}",
            )
        )
    for name in old.scripts:
        shift = rate_shift(old.scripts[name], new.scripts[name]).difference
        if abs(shift.value or 0.0) > _SCRIPT and _certain(shift):
            found.append(
                _("Posts in the script '{name}' changed from {old} % to {new} %.").format(
                    name=name,
                    old=f"{100 * (old.scripts[name].value or 0.0):.1f}",
                    new=f"{100 * (new.scripts[name].value or 0.0):.1f}",
                )
            )
    return found


def _certain(figure: Estimate) -> bool:
    """Whether the interval leaves 0 out."""
    return figure.low is not None and figure.high is not None and not figure.low <= 0 <= figure.high
