"""The picture of 1,000 posts: its numbers, its squares, and the same in words."""

from __future__ import annotations

import pytest

from riskclf import Evaluation
from riskclf.evaluation.thousand import thousand_of
from tests.evaluation.helpers import measure, rows_of


@pytest.fixture(scope="module")
def result() -> Evaluation:
    return measure(rows_of(300), prevalence=0.05)


def test_what_is_found_missed_and_wrongly_flagged_follows_from_the_rates(
    result: Evaluation,
) -> None:
    found = thousand_of(result.figures)
    assert found is not None
    flagged, shown = (result.figures.operating_points[x] for x in ("flag", "flag_or_review"))
    recall, rate = shown.recall.value, shown.false_positive_rate.value
    assert recall is not None and rate is not None and flagged.recall.value is not None
    assert found.found.value == pytest.approx(50 * recall)
    assert found.false_positives.value == pytest.approx(950 * rate)
    assert found.risky == pytest.approx(
        (50 * flagged.recall.value, 50 * (recall - flagged.recall.value), 50 * (1 - recall))
    )
    assert sum(found.risky) + sum(found.benign) == pytest.approx(1000)
    precision = shown.precision_at_prevalence
    assert precision is not None
    assert precision.value == pytest.approx(50 * recall / (50 * recall + 950 * rate))


@pytest.mark.parametrize("prevalence", [0.0001, 0.001, 0.0333, 0.5, 0.999])
def test_there_are_always_1000_squares_and_the_risky_ones_are_rounded(prevalence: float) -> None:
    found = thousand_of(measure(rows_of(60), prevalence=prevalence).figures)
    assert found is not None
    risky, benign = found.drawn()
    assert sum(risky) == round(1000 * prevalence)
    assert sum(risky) + sum(benign) == 1000
    for squares, expected in zip(risky + benign, found.risky + found.benign, strict=True):
        assert abs(squares - expected) < 1.5


def test_the_words_hold_the_numbers_of_the_picture(result: Evaluation) -> None:
    found = thousand_of(result.figures)
    assert found is not None
    words = found.words()
    assert "50 are risky" in words
    assert f"{found.risky[2]:.1f} missed" in words
    assert f"{found.false_positives.value:,.0f} (" in words


def test_without_a_prevalence_or_without_benign_posts_there_is_none() -> None:
    assert thousand_of(measure(rows_of(30)).figures) is None
    risky = [row | {"label": "minor_solicitation"} for row in rows_of(30)]
    assert thousand_of(measure(risky, prevalence=0.01).figures) is None
