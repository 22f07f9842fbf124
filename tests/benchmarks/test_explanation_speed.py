"""How long an explanation takes, and how many labelled posts that is. Run by itself::

python -m pytest -o addopts= tests/benchmarks/test_explanation_speed.py -s
"""

from __future__ import annotations

import pytest

from riskclf import RiskClassifier
from tests.benchmarks.machine import in_turn

REPEATS = 7
POSTS = 50
AT_MOST = 3.0
"""Times as long as labelling `POSTS` posts of the same length."""


@pytest.mark.parametrize("characters", [50, 140])
def test_an_explanation_costs_about_as_much_as_labelling_some_posts(
    characters: int, sentences: tuple[str, ...]
) -> None:
    text = "".join(sentences)
    post = text[:characters]
    others = [f"{number} {text[number : number + characters]}" for number in range(POSTS)]
    classifier = RiskClassifier.load(device="cpu")
    works = [lambda: classifier.explain(post), lambda: classifier.predict_many(others)]
    (explaining, _), (labelling, _) = in_turn(works, REPEATS)
    print(
        f"\n{characters} characters: {explaining:.2f} s, "
        f"{explaining / labelling:.2f} times as long as labelling {POSTS} posts"
    )
    assert explaining < AT_MOST * labelling
