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
    PairedEstimate,
    PairedTest,
    PairedTests,
)
from riskclf.evaluation.intervals import mcnemar
from riskclf.evaluation.metrics import (
    alarm_figures,
    curve,
    intervals_of,
    label_figures,
    macro_f1_difference,
)
from riskclf.labels import DECISIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.evaluation.baselines import Baseline
    from riskclf.evaluation.scored import ScoredRows

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
    ours, theirs = rows.decision >= DECISIONS.index("review"), baseline.alarm
    hard, risky = rows.clearly, rows.risky
    benign = hard & ~risky
    differ = np.flatnonzero(ours != theirs)
    family = None if rows.family is None else rows.family.grouped()

    def test(one: Flags, other: Flags, part: Flags) -> PairedTest:
        return mcnemar(one[part], other[part], None if family is None else family[part])

    f1s, f1_difference, labels = None, None, None
    if baseline.predicted is not None:
        f1s = PairedEstimate(
            *(
                label_figures(rows.labels, rows.gold, predicted, rows.weight, intervals).macro.f1
                for predicted in (rows.predicted, baseline.predicted)
            )
        )
        f1_difference = macro_f1_difference(rows, rows.predicted, baseline.predicted, intervals)
        labels = test(rows.predicted == rows.gold, baseline.predicted == rows.gold, hard)
    theirs_curve = None
    if baseline.risk is not None:
        weight = None if rows.weight is None else rows.weight[hard]
        theirs_curve = curve(risky[hard], baseline.risk[hard], weight)
    comparison = Comparison(
        name=baseline.name,
        how=baseline.how,
        ours=alarm_figures(rows, ours, intervals),
        theirs=alarm_figures(rows, theirs, intervals),
        difference=Differences(
            recall=intervals.share_difference((ours, risky), (theirs, risky)),
            false_positive_rate=intervals.share_difference((ours, benign), (theirs, benign)),
            precision=intervals.share_difference((risky, hard & ours), (risky, hard & theirs)),
            macro_f1=f1_difference,
        ),
        mcnemar=PairedTests(
            risky=test(ours, theirs, risky),
            benign=test(ours, theirs, benign),
            label=labels,
        ),
        differ=len(differ),
        macro_f1=f1s,
        curve=theirs_curve,
    )
    return comparison, differ
