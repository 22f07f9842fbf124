"""1,000 posts of the user's stream: how many are risky, found, missed, and wrongly flagged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from riskclf.evaluation.figures import Estimate, Proportion
from riskclf.evaluation.wording import as_count, as_counts
from riskclf.language import gettext as _

if TYPE_CHECKING:
    from riskclf.evaluation.figures import Figures

__all__ = ["POSTS", "Thousand", "thousand_of"]

POSTS = 1000


@dataclass(frozen=True)
class Thousand:
    """Expected numbers of posts among 1,000; unclear posts are left out.

    The three numbers of `risky` are those flagged, those at review, and those at clear; likewise
    those of `benign`. All six add up to 1,000.
    """

    risky: tuple[float, float, float]
    benign: tuple[float, float, float]
    found: Estimate
    """Risky posts at flag or review."""
    false_positives: Estimate
    """Benign posts at flag or review."""

    def drawn(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """The six numbers as whole posts that add up to 1,000: risky, then benign."""
        risky = round(sum(self.risky))
        return _whole(self.risky, risky), _whole(self.benign, POSTS - risky)

    def words(self) -> str:
        """What a picture of them shows, for those who cannot see it."""
        return _(
            "What to expect of 1,000 posts of your stream (unclear posts left out): {risky} are "
            "risky, {found} of them found (flag or review; {flagged} flagged) and {missed} missed. "
            "False positives: {false} benign posts at flag or review, {false_flagged} of them "
            "flagged. The picture rounds to whole posts."
        ).format(
            risky=as_count(sum(self.risky)),
            found=as_counts(self.found),
            flagged=as_count(self.risky[0]),
            missed=as_count(self.risky[2]),
            false=as_counts(self.false_positives),
            false_flagged=as_count(self.benign[0]),
        )


def thousand_of(figures: Figures) -> Thousand | None:
    """What to expect at the stream's prevalence; None where that or one of the rates is unknown."""
    prevalence, points = figures.stream.prevalence, figures.operating_points
    if prevalence is None or not points or not figures.counts.risky or not figures.counts.benign:
        return None
    flagged, shown = points["flag"], points["flag_or_review"]
    risky, benign = POSTS * prevalence, POSTS * (1 - prevalence)
    return Thousand(
        _parts(risky, flagged.recall, shown.recall),
        _parts(benign, flagged.false_positive_rate, shown.false_positive_rate),
        _times(risky, shown.recall),
        _times(benign, shown.false_positive_rate),
    )


def _parts(posts: float, flagged: Proportion, shown: Proportion) -> tuple[float, float, float]:
    """How many of so many posts are flagged, at review, and at clear."""
    at_flag, at_either = posts * (flagged.value or 0), posts * (shown.value or 0)
    return at_flag, at_either - at_flag, posts - at_either


def _times(posts: float, share: Proportion) -> Estimate:
    return Estimate(posts * (share.value or 0), posts * share.low, posts * share.high)


def _whole(numbers: tuple[float, float, float], total: int) -> tuple[int, int, int]:
    """The numbers, rounded so that they add up to the total (method of the largest remainders)."""
    scale = total / sum(numbers) if sum(numbers) else 0.0
    exact = np.array(numbers) * scale
    whole = np.floor(exact + 1e-9).astype(int)
    short = total - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:short]] += 1
    first, second, third = whole.tolist()
    return first, second, third
