"""From which score on the side of a post is sure: how it is counted."""

from __future__ import annotations

from riskclf.labels import Prediction
from training.cards.sides import measure_sides
from training.posts.post import Post

MINOR, ADULT = "minor_solicitation", "adult_solicitation"


def post(number: int, target: dict[str, float]) -> Post:
    return Post(f"p{number}", "ja", target, f"family {number}", "plain", "", None, "", None, "")


def told(side: str, score: float, decision: str = "flag") -> Prediction:
    other = ADULT if side == MINOR else MINOR
    scores = {MINOR: 0.0, ADULT: 0.0, side: score, other: 1 - score, "benign": 0.0}
    return Prediction(side, scores, 1.0, decision, False, side)  # type: ignore[arg-type]


def measured(*pairs: tuple[dict[str, float], Prediction]) -> dict[str, dict[str, object] | None]:
    return measure_sides([post(n, x) for n, (x, _) in enumerate(pairs)], [x for _, x in pairs])


def test_the_lowest_score_whose_error_is_surely_below_five_per_cent_is_taken() -> None:
    found = measured(
        *[({ADULT: 1.0}, told(ADULT, 0.97))] * 100,
        *[({MINOR: 1.0}, told(ADULT, 0.92))] * 4,
        *[({MINOR: 0.5, ADULT: 0.5}, told(ADULT, 0.96))] * 3,
        *[({MINOR: 1.0}, told(ADULT, 0.99, "review"))] * 50,  # not flagged: does not count
        *[({"benign": 1.0}, told(ADULT, 0.99))] * 50,  # no side
    )
    adult = found[ADULT]
    assert adult is not None
    assert (adult["score"], adult["wrong"], adult["of"], adult["open"]) == (0.95, 0, 100, 3)
    assert found[MINOR] is None


def test_few_posts_are_never_sure_even_without_an_error() -> None:
    assert measured(*[({MINOR: 1.0}, told(MINOR, 0.999))] * 60) == {MINOR: None, ADULT: None}
