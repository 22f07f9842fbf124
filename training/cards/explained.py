"""The measured sections of docs/explain.md, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from training.cards.markdown import NOT_MEASURED, percent, statistic, table
from training.posts.marked_spans import MARKED, SECOND_MARKS, agreement, load_marks
from training.posts.post import Post

__all__ = ["explained_sections"]

_MEASURES = {
    "comprehensiveness": "risk lost without the first 1 to 3 (higher is better)",
    "comprehensiveness_unknown": "the same, made unknown tokens (higher)",
    "sufficiency": "risk lost with these alone (lower)",
    "deletion": "area, taken away (lower)",
    "insertion": "area, added (higher)",
}

_ROWS = {
    "top span is marked": "first spans that are marked at all",
    "precision: age": "spans for `age` that are marked as age",
    "recall: age": "marks of age that a span for `age` meets",
    "precision: ask": "spans for `act` that are marked as ask",
    "recall: ask": "marks of the ask that such a span meets",
    "precision: matter": "spans for `matter` that are marked as matter",
    "recall: matter": "marks of matter that a span for `matter` meets",
    "any span: age": "marks of age that any span meets",
    "any span: ask": "marks of the ask that any span meets",
    "any span: matter": "marks of matter that any span meets",
    "same top span": "posts with the same first span after a blank is put in anywhere",
}


def explained_sections(experiments: Mapping[str, Any], posts: Iterable[Post]) -> dict[str, str]:
    """Name of a section to its text.

    Args:
        experiments: as for `training.cards.tables.bulk_sections`; `faithfulness` counts.
        posts: ours.
    """
    agreed = {"agreement": _agreement(posts)}
    results = experiments.get("faithfulness")
    if results is None:
        return agreed | dict.fromkeys(("faithfulness", "first", "spans", "answers"), NOT_MEASURED)
    return agreed | {
        "faithfulness": _faithfulness(results),
        "first": table(
            ("among the first three spans", "first annotator", "second annotator", "by chance"),
            (
                (
                    question,
                    percent(results["spans"][f"first three: {question}"]),
                    percent(results["spans"][f"first three: {question}, second marks"]),
                    f"{100 * results['chance'][question]:.0f} %",
                )
                for question in MARKED
            ),
        ),
        "spans": table(
            ("what", "share"),
            ((words, percent(results["spans"][name])) for name, words in _ROWS.items()),
        ),
        "answers": table(
            ("question", "answers", "mean probability", "share that is right", "ECE"),
            (
                (
                    f"`{name}`",
                    f"{row['answers']:,}",
                    f"{row['given']:.3f}",
                    statistic(row["right"]),
                    f"{row['ece']:.3f}",
                )
                for name, row in results["answers"].items()
            ),
        ),
    }


def _agreement(posts: Iterable[Post]) -> str:
    found = agreement(load_marks(), load_marks(SECOND_MARKS), posts)
    return table(
        ("marks of", "F1 of the characters", "posts in which a mark of one meets one of the other"),
        (
            (question, statistic(x.characters.to_dict()), percent(x.posts.to_dict()))
            for question, x in found.items()
        ),
    )


def _faithfulness(results: Mapping[str, Any]) -> str:
    told = (
        f"{results['posts']} posts of {results['families']} families, out of fold; our way scores "
        f"{results['versions']:.0f} versions of a post on average.\n\n"
    )
    rows = (
        (method, *(statistic(part[name]) for name in _MEASURES))
        for method, part in results["methods"].items()
    )
    less = (
        (method, *(statistic(part[name]) for name in _MEASURES))
        for method, part in results["less_ours"].items()
    )
    head = ("way", *_MEASURES.values())
    return f"{told}{table(head, rows)}\nLess ours, paired:\n\n{table(head, less)}"
