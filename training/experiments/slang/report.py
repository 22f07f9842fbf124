"""What the slang experiment measured: docs/slang.md, its plot, and a part of docs/fine-tune.md."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

__all__ = [
    "CHOOSE_SIZE",
    "FIGURE",
    "METHODS",
    "PAGE",
    "choice",
    "documents",
    "plot",
    "summary",
    "table",
]

FIGURE = Path(__file__).parents[3] / "docs" / "slang.png"
DOCUMENT = FIGURE.with_suffix(".md")
PAGE = FIGURE.with_name("fine-tune.md")

CHOOSE_SIZE = 16
"""Posts a term that the mix is chosen with: half of `slang_learn`."""

METHODS: Mapping[str, str] = {
    "ours": "`riskclf.finetune`",
    "quick": "`riskclf.finetune(quick=True)`",
    "tfidf": "TF-IDF, all train posts",
    "tfidf_sample": "TF-IDF, packaged sample",
    "setfit": "SetFit, packaged sample",
}
"""Every method, as tables and plots name it. After the comma: the old posts that it is given."""


def summary(results: Mapping[str, Any]) -> str:
    """The few figures of record that docs/fine-tune.md shows, as Markdown."""
    counts = results["counts"]
    benign = counts["new"]["posts"] - counts["new"]["risky"]
    lines = [
        f"Six invented terms; measured on {counts['new']['risky']} other risky posts with them, "
        f"{benign} innocent ones, and {counts['old']['posts']} old posts. Means over seeds, 95 % "
        "intervals:",
        "",
        "| posts a term | risky found (flag or review) | those with no other cue "
        "| innocent flagged or labelled risky | old risky posts found | minutes |",
        "|" + " --- |" * 6,
    ]
    for size, part in results["means"]["ours"].items():
        new, old = part["new"], part["old"]
        cells = [
            size if int(size) else "0 (before)",
            *(_percent(new[name]) for name in ("found", "found_cue_free", "wrong")),
            _percent(old["found"]),
            f"{part['minutes']['value']:.1f}" if int(size) else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def choice(results: Mapping[str, Any]) -> str:
    """What the mix was chosen from, as Markdown."""
    lines = [
        f"| {CHOOSE_SIZE} posts a term and | risky found (flag or review) | with no other cue "
        "| innocent reviewed | old: risky found | old: risky flagged | old: benign flagged "
        "| old: benign flagged or reviewed | old: macro-F1 | minutes |",
        "|" + " --- |" * 10,
    ]
    runs = results["choose"]
    for name, run in runs.items():
        new, old = run["new"], run["old"]
        cells = [
            name,
            *(_percent(new[x]) for x in ("found", "found_cue_free", "reviewed")),
            *(_percent(old[x]) for x in ("found", "flagged", "flag", "raised")),
            f"{old['macro_f1']['value']:.3f}",
            f"{run['minutes']:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def documents(page: str, results: Mapping[str, Any]) -> dict[Path, str]:
    """docs/fine-tune.md (now `page`) with its section on slang replaced, and docs/slang.md."""
    before, _, after = page.partition("<!-- slang -->\n")
    rest = after.partition("<!-- /slang -->\n")[2]
    section = f"<!-- slang -->\n{summary(results)}<!-- /slang -->\n"
    return {
        PAGE: before + section + rest,
        DOCUMENT: f"{_INTRODUCTION}\n{table(results)}\n{_CHOICE}\n{choice(results)}",
    }


_INTRODUCTION = """# Fine-tuning on new slang, measured

`python -m training.experiments.slang` writes this. Six invented terms stand for new slang, in posts
of ours: real slang, and real posts, may be harder. All terms are taught in one run. The old posts
are those of the gate, which no model has learned from. The thresholds are the base's own. The side
is the likelier one of each risky post that is found. What the intervals mean is written in
`training/experiments/slang/__main__.py`.
"""

_CHOICE = """## How the mix was chosen

`python -m training.experiments.slang --choose`, one seed, on the model that was packaged when the
mix was chosen: trained on half of the posts to learn from, measured on the other half and on old
posts, at that model's own thresholds. A pull towards the old weights, in training or after it,
keeps the old less well than a small replay set does. A replay set with its labels makes the model
surer of the old than its base: fewer old risky posts pass the base's thresholds, and the larger the
set, the fewer pass. With the base's own probabilities as targets (Li and Hoiem 2017) this does not
happen. Tokens for new words did not help, so they are off by default.
"""


def table(results: Mapping[str, Any]) -> str:
    """The figures of record as Markdown: ours before and after, then all methods by label."""
    counts, found = results["counts"]["new"], results["means"]
    benign = counts["posts"] - counts["risky"]
    lines = [
        f"{counts['risky']} risky and {benign} innocent posts with the terms, "
        f"{counts['cue_free']} of the risky with no other cue; {results['counts']['old']['posts']} "
        "old posts. Means over seeds, 95 % intervals.",
        "",
        "| posts a term | risky found (flag or review) | with no other cue | with another cue "
        "| right side | with no other cue | innocent flagged or labelled risky "
        "| innocent reviewed | old: risky found (change) | old: benign flagged "
        "| old: benign flagged or reviewed | old: macro-F1 | minutes |",
        "|" + " --- |" * 13,
    ]
    sizes = [(size, part, "") for size, part in found["ours"].items()]
    sizes += [(size, part, ", quick") for size, part in found.get("quick", {}).items()]
    for size, part, how in sizes:
        new, old = part["new"], part["old"]
        shown = ("found", "found_cue_free", "found_with_cues", "right_side", "right_side_cue_free")
        cells = [
            f"{size}{how}" if int(size) else "0 (before)",
            *(_percent(new[name]) for name in (*shown, "wrong", "reviewed")),
            *(
                _points(old["change"][name]) if int(size) else _percent(old[name])
                for name in ("found", "flag", "raised", "macro_f1")
            ),
            f"{part['minutes']['value']:.1f}" if int(size) else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "By label (the most probable one), since TF-IDF and SetFit have no thresholds:",
        "",
        "| | posts a term | risky labelled so | with no other cue "
        "| innocent flagged or labelled risky | average precision | old: macro-F1 | minutes "
        "| times ours |",
        "|" + " --- |" * 9,
    ]
    for method, title in METHODS.items():
        for size, part in found.get(method, {}).items():
            new, old = part["new"], part["old"]
            cells = [
                title if len(part["seeds"]) > 1 or not int(size) else f"{title} (one seed)",
                size if int(size) else "0 (before)",
                *(_percent(new[name]) for name in ("labelled", "labelled_cue_free", "wrong")),
                *(f"{x['value']:.3f}" for x in (new["average_precision"], old["macro_f1"])),
                f"{part['minutes']['value']:.2f}" if method != "ours" or int(size) else "",
                _times_ours(found, method, size),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _times_ours(found: Mapping[str, Any], method: str, size: str) -> str:
    """The minutes as a multiple of ours, over the seeds that both have."""
    if method == "ours" or not int(size):
        return ""
    sides = []
    both = set(found[method][size]["seeds"]) & set(found["ours"][size]["seeds"])
    for part in (found[method][size], found["ours"][size]):
        by_seed = dict(zip(part["seeds"], part["minutes"]["seeds"], strict=True))
        sides.append(sum(by_seed[seed] for seed in both))
    return f"{sides[0] / sides[1]:.2g}" if sides[1] else ""


def _percent(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "no posts"
    value, low, high = (100 * figure[name] for name in ("value", "low", "high"))
    return f"{value:.0f} % ({low:.0f}–{high:.0f})"


def _points(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "unknown"
    if not any(figure["seeds"]) and figure["low"] == figure["high"] == 0:
        return "no change"  # no post at all: an interval of nothing would look like certainty
    value, low, high = (100 * figure[name] for name in ("value", "low", "high"))
    return f"{value:+.1f} points ({low:+.1f} to {high:+.1f})"


# Colours that people with any colour vision tell apart (Okabe and Ito 2008), and another marker
# and line for each.
_LINES: Mapping[str, tuple[str, str, str]] = {
    "ours": ("#0072B2", "o", "-"),
    "quick": ("#CC79A7", "P", "-"),
    "tfidf": ("#D55E00", "s", "-."),
    "tfidf_sample": ("#E69F00", "D", ":"),
    "setfit": ("#009E73", "^", "--"),
}
_PANELS = (
    ("risky posts found", "labelled", "found"),
    ("of those with no other cue", "labelled_cue_free", "found_cue_free"),
    ("innocent posts taken for risky", "wrong", "raised"),
)
_DOTS_PER_INCH = 150


def plot(results: Mapping[str, Any]) -> bytes:
    """Three panels by posts a term, as PNG: risky posts, those without a cue, innocent ones.

    A band spans the seeds. Full lines and those of the others are by label (for innocent posts of
    ours: or by flag); what ours flags or sends to review is drawn in pale blue.
    """
    found = results["means"]
    sizes = list(found["ours"])
    style: Any = {
        "font.size": 10,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#d5d9de",
        "axes.edgecolor": "#d5d9de",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(style):
        # No pyplot: it keeps figures, and asks for a display.
        figure = Figure(figsize=(9.6, 4.0), layout="constrained")
        for axes, (title, by_label, by_alarm) in zip(
            figure.subplots(1, 3, sharey=True), _PANELS, strict=True
        ):
            _curve(axes, found["ours"], sizes, by_alarm, "`riskclf.finetune`, flag or review", None)
            for method, title_of in METHODS.items():
                if method in found:
                    name = f"{title_of}, by label" if method in ("ours", "quick") else title_of
                    _curve(axes, found[method], sizes, by_label, name, method)
            axes.set_xticks(range(len(sizes)), sizes)
            axes.set(ylim=(-0.03, 1.03), xlabel="posts a term")
            axes.set_ylabel(f"share of {title}" if title.endswith("found") else title)
            axes.tick_params(length=0)
        handles, names = figure.axes[0].get_legend_handles_labels()
        plain = [name.replace("`", "") for name in names]
        figure.legend(handles, plain, loc="outside lower center", ncols=3, frameon=False)
        buffer = io.BytesIO()
        # Nothing of the program goes in: the same figures, the same bytes.
        figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


def _curve(
    axes: Any,
    found: Mapping[str, Any],
    sizes: Sequence[str],
    name: str,
    label: str,
    method: str | None,
) -> None:
    colour, marker, line = _LINES[method or "ours"]
    if method is None:
        colour, marker = "#56B4E9", "v"
    shown = [
        (place, found[size]["new"][name])
        for place, size in enumerate(sizes)
        if size in found and found[size]["new"][name]["value"] is not None
    ]
    if not shown:
        return
    places = [place for place, _ in shown]
    axes.plot(
        places, [x["value"] for _, x in shown], line, marker=marker, color=colour, label=label
    )
    ends = [[end([y for y in x["seeds"] if y is not None]) for _, x in shown] for end in (min, max)]
    axes.fill_between(places, *ends, color=colour, alpha=0.15, linewidth=0)
