"""The measured sections of docs/explain.md."""

from __future__ import annotations

from training.cards.explained import explained_sections
from training.cards.markdown import NOT_MEASURED
from training.cards.report import load_experiments
from training.posts.marked_spans import MARKED
from training.posts.post import load_posts


def test_every_figure_that_is_stored_is_told() -> None:
    results = load_experiments()["faithfulness"]
    sections = explained_sections({"faithfulness": results}, load_posts())
    assert not any("None" in text or "nan" in text for text in sections.values())
    # What is among the first three spans, by two annotators, has a table of its own.
    assert sections["first"].count("\n") == 2 + len(MARKED)
    assert sections["spans"].count("\n") == 2 + len(results["spans"]) - 2 * len(MARKED)
    # Ours is in the first table only, for the second one compares with it.
    rows = [
        line for line in sections["faithfulness"].splitlines() if "| 0." in line or "| -0." in line
    ]
    assert len(rows) == 2 * len(results["methods"]) - 1
    for question in results["answers"]:
        assert f"`{question}`" in sections["answers"]


def test_what_was_not_measured_is_not_told() -> None:
    sections = explained_sections({}, load_posts())
    # How far annotators agree needs no model.
    assert sections.pop("agreement").count("\n") == 2 + len(MARKED)
    assert set(sections.values()) == {NOT_MEASURED}
