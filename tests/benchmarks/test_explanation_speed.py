"""How long an explanation takes. Run by itself::

python -m pytest -o addopts= tests/benchmarks/test_explanation_speed.py -s
"""

from __future__ import annotations

import statistics
import time

import pytest

from riskclf import RiskClassifier

REPEATS = 7


@pytest.mark.parametrize(("characters", "at_most"), [(50, 1.0), (140, 2.0)])
def test_a_post_is_explained_while_one_waits(
    characters: int, at_most: float, sentences: tuple[str, ...]
) -> None:
    post = "".join(sentences)[:characters]
    classifier = RiskClassifier.load(device="cpu")
    tokens = len(classifier._artifact.tokenizer.tokens(post))
    seconds = []
    for _ in range(REPEATS + 1):
        before = time.perf_counter()
        classifier.explain(post)
        seconds.append(time.perf_counter() - before)
    median = statistics.median(seconds[1:])
    print(f"\n{characters} characters, {tokens} tokens: {median:.2f} s")
    assert median < at_most
