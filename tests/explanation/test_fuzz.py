"""Spans lie in the post whatever it holds. To try more posts::

RISKCLF_FUZZED_POSTS=100000 python -m pytest -o addopts= tests/explanation/test_fuzz.py
"""

from __future__ import annotations

import os
from itertools import islice, pairwise
from pathlib import Path

from riskclf import RiskClassifier
from tests.experts import with_experts
from tests.explanation.fuzzed import fuzzed_posts

POSTS = int(os.environ.get("RISKCLF_FUZZED_POSTS", "150"))


def test_spans_lie_in_the_raw_post_and_never_overlap(model_directory: Path, tmp_path: Path) -> None:
    with_experts(model_directory, tmp_path / "model")
    classifier = RiskClassifier.load(tmp_path / "model", device="cpu", batch_size=512)
    posts = fuzzed_posts(POSTS)
    shown = 0
    while chunk := [*islice(posts, 200)]:
        for post, found in zip(chunk, classifier.explain_many(chunk), strict=True):
            start, end = found.window
            assert 0 <= start <= end <= len(post)
            places = sorted((span.start, span.end) for span in found.spans)
            assert all(start <= first < behind <= end for first, behind in places)
            assert all(one[1] <= other[0] for one, other in pairwise(places))
            shown += len(places)
    assert shown > POSTS  # more than one to a post on average
