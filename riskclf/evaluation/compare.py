"""A model and a baseline on the same posts: both sides' figures, differences, and paired tests.

Compared is what matters to a team: which posts are shown to a person. The model's side are its
`flag` and `review` posts, the other side what `riskclf.evaluation.baselines` gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from riskclf.evaluation.figures import (
    Comparison,
    Differences,
    Estimate,
    PairedEstimate,
    PairedTest,
    PairedTests,
)
from riskclf.evaluation.intervals import mcnemar, ratio
from riskclf.evaluation.metrics import alarm_figures, curve, intervals_of, label_figures, macro_f1
from riskclf.labels import DECISIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.evaluation.baselines import Baseline
    from riskclf.evaluation.scored import ScoredRows

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

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
    differ = np.flatnonzero(ours != baseline.alarm)
    family = None if rows.family is None else rows.family.grouped()

    def test(one: Flags, other: Flags, part: Flags) -> PairedTest:
        return mcnemar(one[part], other[part], None if family is None else family[part])

    def sums(*parts: Flags) -> Floats:
        return np.stack([intervals.table(part) for part in parts], axis=1)

    def difference_of_shares(whole: Flags) -> Estimate:
        table = sums(whole, whole & ours, whole & baseline.alarm)
        return intervals.difference(table, lambda x: ratio(x[..., 1] - x[..., 2], x[..., 0]))

    def difference_of_precision() -> Estimate:
        table = sums(*(part & alarm for alarm in (ours, baseline.alarm) for part in (risky, hard)))
        return intervals.difference(
            table, lambda x: ratio(x[..., 0], x[..., 1]) - ratio(x[..., 2], x[..., 3])
        )

    f1s, f1_difference, labels = None, None, None
    if baseline.predicted is not None:
        size = len(rows.labels) ** 2
        gold = np.where(hard, rows.gold, 0) * len(rows.labels)
        both = np.concatenate(
            [
                intervals.table(hard, gold + predicted, size)
                for predicted in (rows.predicted, baseline.predicted)
            ],
            axis=1,
        )
        f1s = PairedEstimate(
            *(
                label_figures(rows.labels, rows.gold, predicted, rows.weight, intervals).macro.f1
                for predicted in (rows.predicted, baseline.predicted)
            )
        )
        score = macro_f1(len(rows.labels))
        f1_difference = intervals.difference(
            both, lambda x: score(x[..., :size]) - score(x[..., size:])
        )
        labels = test(rows.predicted == rows.gold, baseline.predicted == rows.gold, hard)
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
            recall=difference_of_shares(risky),
            false_positive_rate=difference_of_shares(benign),
            precision=difference_of_precision(),
            macro_f1=f1_difference,
        ),
        mcnemar=PairedTests(
            risky=test(ours, baseline.alarm, risky),
            benign=test(ours, baseline.alarm, benign),
            label=labels,
        ),
        differ=len(differ),
        macro_f1=f1s,
        curve=theirs_curve,
    )
    return comparison, differ
