"""`compare_streams`: what changed, and whether thresholds should be looked at again."""

from __future__ import annotations

import random
from typing import Any

import pytest

from riskclf import RiskClassifier, compare_streams
from riskclf.errors import InputError
from riskclf.volume.shifts import script_of
from tests.suggestion.helpers import made_up
from tests.volume.helpers import labelled, risk_of, scored


def _stream(count: int, risky: float = 0.05, seed: int = 0, **rates: float) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    return [scored(risk_of(draw, draw.random() < risky, **rates)) for _ in range(count)]


def test_two_draws_of_one_stream_call_for_nothing() -> None:
    found = compare_streams(_stream(4000), _stream(4000, seed=1))
    assert not found.look_again and found.reasons == []
    assert found.scores.stability < 0.05
    assert "Nothing here calls for other thresholds" in found.advice()
    assert any("no texts" in note for note in found.notes)
    assert found.flagged.difference.low is not None and found.flagged.difference.high is not None
    assert found.flagged.difference.low < 0 < found.flagged.difference.high


def test_more_flagged_posts_and_other_scores_are_reasons_to_look_again() -> None:
    found = compare_streams(_stream(4000), _stream(4000, risky=0.15, seed=1))
    assert found.look_again
    assert any("share of flagged posts changed from" in reason for reason in found.reasons)
    assert "riskclf thresholds" in found.advice()
    other = compare_streams(_stream(4000), [scored(0.05 + 0.2 * (n % 2)) for n in range(2000)])
    assert any("distributed differently" in reason for reason in other.reasons)


def test_a_small_change_of_many_posts_is_none_to_look_at() -> None:
    """Certain, for there are many posts, but not large."""
    found = compare_streams(_stream(6000, risky=0.5), _stream(6000, risky=0.55, seed=1))
    assert found.flagged.difference.low is not None and found.flagged.difference.low > 0
    assert not found.look_again


def test_texts_are_scored_and_their_scripts_and_tokens_compared(
    classifier: RiskClassifier,
) -> None:
    old = [{"text": text} for text in made_up(80)]
    new = [{"text": "ქართული ენა არის ლამაზი"}] * 20 + [{"text": text} for text in made_up(60, 1)]
    found = compare_streams(old, new, model=classifier)
    assert (found.old.posts, found.new.posts) == (80, 80)
    assert found.new.scripts["other"].hits >= 20 > found.old.scripts["other"].hits
    assert found.new.unread.hits >= 20 > found.old.unread.hits
    assert found.unknown_tokens.low is not None and found.unknown_tokens.low > 0
    assert any("More tokens are unknown" in reason for reason in found.reasons)
    assert any("script 'other'" in reason for reason in found.reasons)
    kept = str(found.to_dict())
    assert "ქართული" not in kept and not any(row["text"] in kept for row in old)


def test_terms_that_are_used_more_are_named(classifier: RiskClassifier) -> None:
    old = [{"text": text} for text in made_up(200)]
    new = [
        {"text": f"{text} 望遠鏡" if n % 4 == 0 else text} for n, text in enumerate(made_up(200, 1))
    ]
    found = compare_streams(old, new, model=classifier)
    assert found.terms[0].term == "望遠鏡"


def test_rows_that_cannot_be_used_are_listed_and_models_must_not_be_mixed() -> None:
    rows = _stream(50)
    rows[4]["risk"] = "high"
    found = compare_streams(rows, _stream(50, seed=1))
    assert [(x.number, x.column) for x in found.rejects["old"]] == [(5, "risk")]
    assert found.old.posts == 49
    other = [{**row, "risk_labels": "minor_solicitation", "risk": row["score_minor_solicitation"]}
             for row in _stream(50)]  # fmt: skip
    with pytest.raises(InputError, match="scored by different models"):
        compare_streams(rows, other)
    with pytest.raises(InputError, match="both streams need scores"):
        compare_streams(rows, [{"text": "x"}])
    with pytest.raises(InputError, match="name files"):
        compare_streams("-", rows)
    # Gold labels beside the prediction are no hindrance.
    assert compare_streams(labelled(20, 80), labelled(20, 80, seed=1)).old.posts == 100


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("図書館に行った", "japanese"),
        ("图书馆", "chinese"),
        ("도서관에 있어요 ok", "korean"),
        ("the library", "latin"),
        ("библиотека", "other"),
        ("123 !?", "none"),
    ],
)
def test_the_script_of_a_post(text: str, script: str) -> None:
    assert script_of(text) == script
