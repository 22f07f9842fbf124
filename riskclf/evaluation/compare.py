"""A model and a baseline on the same posts: both sides' figures, differences, and paired tests.

Compared is what matters to a team: which posts are shown to a person. The model's side are its
`flag` and `review` posts, the other side what `riskclf.evaluation.baselines` gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from riskclf.evaluation.figures import Comparison, Differences, PairedEstimate, PairedTests
from riskclf.evaluation.intervals import mcnemar, ratio
from riskclf.evaluation.metrics import alarm_figures, curve, intervals_of, macro_f1
from riskclf.labels import DECISIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.evaluation.baselines import Baseline
    from riskclf.evaluation.scored import ScoredRows

    Floats = NDArray[np.float64]

__all__ = ["compare"]


def compare(rows: ScoredRows, baseline: Baseline) -> tuple[Comparison, NDArray[np.int64]]:
    """Both sides' figures, their differences (ours minus theirs), and paired tests.

    Args:
        rows: as the model scored them.
        baseline: the other side, on the same rows.

    Returns:
        The figures, and the indices of the rows where only one side raises an alarm.
    """
    intervals = intervals_of(rows)
    ours = rows.decision >= DECISIONS.index("review")
    hard, risky = rows.clearly, rows.risky
    benign = hard & ~risky
    table = np.stack(
        [
            intervals.table(part & alarm if alarm is not None else part)
            for part in (risky, benign)
            for alarm in (None, ours, baseline.alarm)
        ],
        axis=1,
    )
    differ = np.flatnonzero(ours != baseline.alarm)
    f1s, f1_difference, labels = None, None, None
    if baseline.predicted is not None:
        size = len(rows.labels)
        gold = np.where(hard, rows.gold, 0) * size
        both = np.concatenate(
            [
                intervals.table(hard, gold + predicted, size * size)
                for predicted in (rows.predicted, baseline.predicted)
            ],
            axis=1,
        )
        score = macro_f1(size)
        f1s = PairedEstimate(
            intervals.statistic(both[:, : size * size], score),
            intervals.statistic(both[:, size * size :], score),
        )
        f1_difference = intervals.statistic(
            both, lambda x: score(x[..., : size * size]) - score(x[..., size * size :])
        )
        labels = mcnemar(
            (rows.predicted == rows.gold)[hard], (baseline.predicted == rows.gold)[hard]
        )
    theirs_curve = None
    if baseline.risk is not None:
        weight = None if rows.weight is None else rows.weight[hard]
        theirs_curve = curve(risky[hard], baseline.risk[hard], weight)
    comparison = Comparison(
        name=baseline.name,
        how=baseline.how,
        ours=alarm_figures(rows, ours, intervals),
        theirs=alarm_figures(rows, baseline.alarm, intervals),
        difference=Differences(
            recall=intervals.statistic(table, lambda x: _share(x, 1, 0) - _share(x, 2, 0)),
            false_positive_rate=intervals.statistic(
                table, lambda x: _share(x, 4, 3) - _share(x, 5, 3)
            ),
            precision=intervals.statistic(table, lambda x: _precision(x, 1) - _precision(x, 2)),
            macro_f1=f1_difference,
        ),
        mcnemar=PairedTests(
            risky=mcnemar(ours[risky], baseline.alarm[risky]),
            benign=mcnemar(ours[benign], baseline.alarm[benign]),
            label=labels,
        ),
        differ=len(differ),
        macro_f1=f1s,
        curve=theirs_curve,
    )
    return comparison, differ


def _share(sums: Floats, part: int, whole: int) -> Floats:
    return ratio(sums[..., part], sums[..., whole])


def _precision(sums: Floats, side: int) -> Floats:
    """Of one side (1: ours, 2: theirs), from the sums of its risky and benign alarms."""
    return ratio(sums[..., side], sums[..., side] + sums[..., side + 3])
