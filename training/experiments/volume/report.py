"""What the replays measured, as the figures and the plot of docs/volume.md."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from training.experiments.volume.replay import ONCE, SHIFTS

__all__ = ["FIGURE", "PAGE", "RESULTS", "page", "plot"]

RESULTS = Path(__file__).parents[1] / "volume.json"
FIGURE = Path(__file__).parents[3] / "docs" / "volume.png"
PAGE = FIGURE.with_suffix(".md")

_METHODS: Mapping[str, str] = {
    "cc": "flagged posts (`cc`, naive)",
    "acc": "`acc`",
    "pacc": "`pacc` (default)",
    ONCE: "`pacc`, families drawn once",
    "emq": "`emq`",
}


def page(text: str, results: Mapping[str, Any]) -> str:
    """docs/volume.md, now `text`, with the figures between its marks replaced."""
    for name, part in (("replays", _study), ("shifts", _shifts)):
        before, _, after = text.partition(f"<!-- {name} -->\n")
        rest = after.partition(f"<!-- /{name} -->\n")[2]
        text = f"{before}<!-- {name} -->\n{part(results)}<!-- /{name} -->\n{rest}"
    return text


def _study(results: Mapping[str, Any]) -> str:
    lines = [
        "| 65,000 falling to 46,000 of 1,500,000 | replays | intervals hold the truth "
        "| mean width | mean estimate | change: ratio held | its width | said to have fallen |",
        "|" + " --- |" * 8,
    ]
    for method, name in _METHODS.items():
        found = results["study"][method]
        lines.append(
            f"| {name} | {found['replays']:,} | {_range(found['coverage'])} "
            f"| {_percent(found['width'])} of the truth | {_percent(found['estimate'])} "
            f"| {_range(found['ratio coverage'])} | {found['ratio width']:.3f} "
            f"| {_percent(found['said to have fallen'])} |"
        )
    lines += [
        "",
        "| other samples | method | replays | intervals hold the truth | mean width |",
        "|" + " --- |" * 5,
    ]
    for method, found in results["sampled"].items():
        lines.append(_other("4,000 labelled at random from the stream", method, found))
    for method, sides in results["sides"].items():
        lines += [_other(f"`{name}` alone", method, found) for name, found in sides.items()]
    for name, key in (("risky share {share}", "rare"), ("{share}, 60 + 250 labelled", "few")):
        for share, by_method in results[key].items():
            words = name.format(share=f"{100 * float(share):g} %")
            lines += [_other(words, method, found) for method, found in by_method.items()]
    return "\n".join(lines) + "\n"


def _other(words: str, method: str, found: Mapping[str, Any]) -> str:
    return (
        f"| {words} | `{method}` | {found['replays']:,} | {_range(found['coverage'])} "
        f"| {_percent(found['width'])} of the truth |"
    )


def _shifts(results: Mapping[str, Any]) -> str:
    lines = [
        "| the month after | replays | intervals hold the truth | mean estimate "
        "| ratio held | refused by scores | refused by words | terms that `drift` names |",
        "|" + " --- |" * 8,
    ]
    for name, found in results["shifts"].items():
        lines.append(
            f"| {SHIFTS[name][0]} | {found['replays']:,} | {_range(found['coverage'])} "
            f"| {_percent(found['estimate'])} | {_range(found['ratio coverage'])} "
            f"| {_percent(found['refused by scores']['value'])} "
            f"| {_percent(found['refused by words']['value'])} | {found['emerging terms']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _range(figure: Mapping[str, float]) -> str:
    value, low, high = (100 * figure[name] for name in ("value", "low", "high"))
    return f"{value:.1f} % ({low:.1f}–{high:.1f})"


def plot(results: Mapping[str, Any]) -> bytes:
    """The first replay's year as PNG: truth, estimate with its interval, flagged posts."""
    found = results["study"]["first year"]
    months = range(1, len(found["truth"]) + 1)
    style: Any = {
        "font.size": 10,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#d5d9de",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(style):
        # No pyplot: it keeps figures, and asks for a display.
        figure = Figure(figsize=(7.2, 3.8), layout="constrained")
        axes = figure.add_subplot()
        errors = [
            [value - low for value, low in zip(found["value"], found["low"], strict=True)],
            [high - value for value, high in zip(found["value"], found["high"], strict=True)],
        ]
        axes.errorbar(
            months,
            found["value"],
            errors,
            fmt="o",
            color="#0072B2",
            capsize=3,
            label="estimate (pacc), 95 % interval",
        )
        axes.plot(months, found["truth"], "-", color="#009E73", label="truth")
        axes.plot(months, found["flagged"], "s", color="#D55E00", label="flagged posts")
        axes.set(ylim=(0, None), xlabel="month", ylabel="risky posts a month", xticks=list(months))
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
        buffer = io.BytesIO()
        # Nothing of the program goes in: the same figures, the same bytes.
        figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return buffer.getvalue()
