"""The plot of a volume estimate, as PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from riskclf.evaluation.plots import fonts
from riskclf.language import gettext as _
from riskclf.language import speaking

if TYPE_CHECKING:
    from riskclf.volume.estimation import VolumeEstimate

__all__ = ["draw"]

_BLUE, _ORANGE = "#4c8dd6", "#e08214"


def draw(found: VolumeEstimate, lang: str) -> bytes:
    """The estimate of each month with its interval, and the flagged posts, as PNG."""
    style: Any = {
        "font.family": fonts(),
        "font.size": 10,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(style), speaking(lang):
        # No pyplot: it keeps figures, and asks for a display.
        figure = Figure(
            figsize=(max(5.0, 1.6 + 0.55 * len(found.months)), 4.4), layout="constrained"
        )
        axes = figure.add_subplot()
        shown = [
            (place, x.risky.value, x.risky.low, x.risky.high)
            for place, x in enumerate(found.months)
            if x.risky.value is not None and x.risky.low is not None and x.risky.high is not None
        ]
        axes.errorbar(
            [place for place, *_rest in shown],
            [value for _place, value, *_rest in shown],
            [
                [value - low for _place, value, low, _high in shown],
                [high - value for _place, value, _low, high in shown],
            ],
            fmt="o",
            color=_BLUE,
            capsize=3,
            label=_("risky posts, estimated, 95 % interval"),
        )
        flagged = [(place, x.flagged) for place, x in enumerate(found.months) if x.posts]
        axes.plot(
            [place for place, _count in flagged],
            [count for _place, count in flagged],
            "s",
            color=_ORANGE,
            label=_("flagged posts (not corrected)"),
        )
        axes.set_xticks(range(len(found.months)), [x.month for x in found.months], rotation=45)
        axes.set_xlim(-0.5, len(found.months) - 0.5)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.0f}"))
        axes.set_ylabel(_("posts a month"))
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
        return buffer.getvalue()
