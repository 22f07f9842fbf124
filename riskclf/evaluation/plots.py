"""The plots of a report, as PNG: 1,000 posts, precision-recall, reliability, confusions, slices.

Japanese names are drawn with the IPAex Gothic font of the `matplotlib-fontja` package, so that they
are readable on a machine without Japanese fonts. That package's own import would change every
plot of the program, so only its font file is used.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from riskclf.evaluation.figures import Figures, Proportion
from riskclf.evaluation.slices import shown_name
from riskclf.evaluation.thousand import POSTS, thousand_of
from riskclf.evaluation.wording import alarm_name, as_count
from riskclf.language import gettext as _
from riskclf.language import speaking

__all__ = ["PLOTS", "draw", "fonts"]

_BLUE, _ORANGE = "#4c8dd6", "#e08214"
_LIGHT_BLUE, _LIGHT_ORANGE = "#a9c9ee", "#f6c98b"
_MORE_COLOURS = ("#3fa37c", "#b45fa8", "#9a7b4f", "#777777")
_LIGHT = {"paper": "#ffffff", "ink": "#1b1f24", "grid": "#d5d9de"}
_DARK = {"paper": "#161a20", "ink": "#e4e7eb", "grid": "#3a414b"}
_DOTS_PER_INCH = 110
_SHOWN_SLICES = 30
_LONGEST_NAME = 28
_COLUMNS = 40
"""Of the picture of 1,000 posts."""


def draw(figures: Figures, *, dark: bool = False) -> dict[str, bytes]:
    """Every plot that the figures allow: name (see `PLOTS`) to PNG."""
    colours = _DARK if dark else _LIGHT
    style: Any = {
        "font.family": fonts(),
        "font.size": 10,
        "figure.facecolor": colours["paper"],
        "axes.facecolor": colours["paper"],
        "savefig.facecolor": colours["paper"],
        "axes.edgecolor": colours["grid"],
        "grid.color": colours["grid"],
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.edgecolor": colours["paper"],
        **{
            name: colours["ink"]
            for name in ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")
        },
    }
    found = {}
    with mpl.rc_context(style), speaking(figures.lang):
        for name, plot in PLOTS.items():
            figure = plot(figures)
            if figure is not None:
                buffer = io.BytesIO()
                # Nothing of the program goes in: the same figures, the same bytes.
                metadata: dict[str, Any] = {"Software": None}
                figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH, metadata=metadata)
                found[name] = buffer.getvalue()
    return found


def fonts() -> list[str]:
    """IPAex Gothic from its package, then matplotlib's own for what it lacks."""
    spec = find_spec("matplotlib_fontja")
    for place in (spec and spec.submodule_search_locations) or ():
        for file in sorted(Path(place).rglob("*.ttf")):
            font_manager.fontManager.addfont(file)
            return [font_manager.FontProperties(fname=file).get_name(), "DejaVu Sans"]
    return ["DejaVu Sans"]


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    # No pyplot: it keeps figures, and asks for a display.
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _thousand(figures: Figures) -> Figure | None:
    found = thousand_of(figures)
    if found is None:
        return None
    figure, axes = _axes(4.6, 4.3)
    ink, grid = mpl.rcParams["text.color"], mpl.rcParams["grid.color"]
    risky, benign = found.drawn()
    # Shape says what a post is, fill what the model says: colours alone would not do.
    kinds: list[tuple[str, float, int, dict[str, Any]]] = [
        (_("risky: flag"), found.risky[0], risky[0], {"c": _BLUE, "marker": "o"}),
        (_("risky: review"), found.risky[1], risky[1], {"c": _LIGHT_BLUE, "marker": "o"}),
        (
            _("risky: missed"),
            found.risky[2],
            risky[2],
            {"facecolors": "none", "edgecolors": ink, "linewidths": 1.4, "marker": "o"},
        ),
        (_("benign: flag"), found.benign[0], benign[0], {"c": _ORANGE, "marker": "s"}),
        (_("benign: review"), found.benign[1], benign[1], {"c": _LIGHT_ORANGE, "marker": "s"}),
        (_("benign: no alarm"), found.benign[2], benign[2], {"c": grid, "marker": "s"}),
    ]
    start = 0
    for words, expected, count, style in kinds:
        place = np.arange(start, start + count)
        size = 34 if style["marker"] == "o" else 22
        label = f"{words}  {as_count(expected)}"
        axes.scatter(place % _COLUMNS, place // _COLUMNS, s=size, label=label, **style)
        start += count
    axes.set(xlim=(-1, _COLUMNS), ylim=(POSTS // _COLUMNS, -1), xticks=[], yticks=[])
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    axes.set_title(_("What to expect of 1,000 posts"), fontsize=10)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, handletextpad=0.3)
    return figure


def _precision_recall(figures: Figures) -> Figure | None:
    if not figures.curve.recall:
        return None
    figure, axes = _axes(6, 4.2)
    curves = [(_("model"), figures.curve)]
    curves += [(_short(x.name), x.curve) for x in figures.comparisons if x.curve is not None]
    for (name, curve), colour in zip(curves, (_BLUE, *_MORE_COLOURS), strict=False):
        axes.plot(curve.recall, curve.precision, color=colour, label=_plain(name))
    points = [
        (alarm_name(name), figures.operating_points[name], marker, _ORANGE)
        for name, marker in (("flag", "o"), ("flag_or_review", "s"))
    ]
    points += [
        (_plain(_short(x.name)), x.theirs, "D", _MORE_COLOURS[-1])
        for x in figures.comparisons
        if x.curve is None
    ]
    for name, point, marker, colour in points:
        recall, precision = point.recall.value, point.precision.value
        if recall is not None and precision is not None:
            axes.plot([recall], [precision], marker, color=colour, label=name)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel=_("recall"))
    axes.set_ylabel(_("precision, on the posts measured here"))
    axes.legend(loc="best")
    return figure


def _reliability(figures: Figures) -> Figure | None:
    bins = figures.calibration.bins
    if not bins:
        return None
    figure, axes = _axes(5, 4.2)
    risk, share = [x.risk for x in bins], [_value(x.share) for x in bins]
    axes.plot([0, 1], [0, 1], "--", color=_MORE_COLOURS[-1], label=_("perfectly calibrated"))
    axes.errorbar(
        risk,
        share,
        _errors([x.share for x in bins]),
        fmt="o",
        color=_BLUE,
        capsize=3,
        label=_("measured"),
    )
    axes.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), xlabel=_("risk that the model gives"))
    axes.set_ylabel(_("share of risky posts, 95 % interval"))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)  # intervals fill the inside
    return figure


def _confusion(figures: Figures) -> Figure | None:
    labels, counts = figures.confusion.labels, np.array(figures.confusion.counts)
    if not counts.sum():
        return None
    size = 1.9 + 1.1 * len(labels)
    figure, axes = _axes(size + 1.2, size)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        ink = "white" if shares[row, column] > 0.5 else "#1b1f24"
        axes.text(column, row, f"{count:,}", ha="center", va="center", color=ink)
    names = [_short(label) for label in labels]
    axes.set_xticks(range(len(labels)), names, rotation=25, ha="right", parse_math=False)
    axes.set_yticks(range(len(labels)), names, parse_math=False)
    axes.set(xlabel=_("label that the model gives"), ylabel=_("right label"))
    axes.grid(False)
    return figure


def _slices(figures: Figures) -> Figure | None:
    parts = [
        (shown_name(name), found.recall, "recall" in found.too_small)
        for kind in (figures.slices, figures.languages)
        for name, found in kind.items()
        if found.recall is not None and found.recall.of
    ]
    everywhere = figures.operating_points.get("flag_or_review")
    if not parts or everywhere is None:
        return None
    parts = sorted(parts, key=lambda part: -part[1].of)[:_SHOWN_SLICES]
    parts.sort(key=lambda part: (_value(part[1]), part[0]))
    figure, axes = _axes(6.4, 1.2 + 0.28 * len(parts))
    for height, (_name, recall, faint) in enumerate(parts):
        axes.errorbar(
            [_value(recall)],
            [height],
            xerr=_errors([recall]),
            fmt="o",
            color=_MORE_COLOURS[-1] if faint else _BLUE,
            alpha=0.6 if faint else 1.0,
            capsize=3,
        )
    axes.axvline(_value(everywhere.recall), linestyle="--", color=_ORANGE, label=_("all posts"))
    names = [f"{_short(name)}  ({recall.of:,})" for name, recall, _ in parts]
    axes.set_yticks(range(len(parts)), names, parse_math=False)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.7, len(parts) - 0.3))
    axes.set_xlabel(_("recall at flag or review, 95 % interval; grey: too few to judge"))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1))  # it must not hide a slice
    return figure


PLOTS: Mapping[str, Callable[[Figures], Figure | None]] = {
    "thousand": _thousand,
    "precision_recall": _precision_recall,
    "reliability": _reliability,
    "confusion": _confusion,
    "slices": _slices,
}
"""Name of each plot, and what draws it; that returns None where there is nothing to draw."""


def _value(proportion: Proportion) -> float:
    """Of a proportion of some rows."""
    assert proportion.value is not None
    return proportion.value


def _errors(proportions: Sequence[Proportion]) -> list[list[float]]:
    """Lengths of the error bars below and above."""
    return [
        [max(0.0, _value(x) - x.low) for x in proportions],
        [max(0.0, x.high - _value(x)) for x in proportions],
    ]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _plain(name: str) -> str:
    """As a legend entry: dollars would begin a formula, and a leading underscore hides it."""
    return name.replace("$", r"\$").lstrip("_")
