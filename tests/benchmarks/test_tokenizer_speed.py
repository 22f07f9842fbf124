"""Posts per second against transformers' own tokenizer. Run by itself::

python -m pytest tests/benchmarks --override-ini addopts= -s
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import riskclf
from riskclf.tokens import Tokenizer

REPEATS = 7
AT_LEAST = 3.0


@pytest.fixture(scope="module")
def posts(sentences: tuple[str, ...]) -> list[str]:
    """Some 2,000 short posts; no two alike, so that nothing can be remembered."""
    made = [
        f"{one} {number}時 {other}" if number % 2 else f"{one[:9]}{number}{other}\n"
        for number, (one, other) in enumerate(
            (one, other) for one in sentences for other in sentences
        )
    ]
    return [*made, *(f"{post}✨" for post in made)]


def _rate(work: Callable[[], Any], posts: int) -> float:
    before = time.perf_counter()
    work()
    return posts / (time.perf_counter() - before)


def _compare(directory: Path, posts: list[str]) -> float:
    from transformers import AutoTokenizer

    ours = Tokenizer.load(directory)
    theirs: Any = AutoTokenizer.from_pretrained(directory)
    assert type(theirs).__name__ == "BertJapaneseTokenizer"
    # Both get the raw posts; normalising is part of the work of either.
    contestants: tuple[Callable[[], Any], ...] = (
        lambda: ours.encode_batch(posts),
        lambda: theirs(posts, truncation=True),
    )
    for work in contestants:  # warm up
        work()
    rates: list[list[float]] = [[], []]
    for _ in range(REPEATS):  # in turn, so that a busy moment hits both
        for results, work in zip(rates, contestants, strict=True):
            results.append(_rate(work, len(posts)))
    fast, slow = map(statistics.median, rates)
    print(f"\nriskclf {fast:,.0f} posts/s, transformers {slow:,.0f}: {fast / slow:.1f} times")
    return fast / slow


def test_three_times_the_speed_of_transformers(model_directory: Path, posts: list[str]) -> None:
    assert _compare(model_directory, posts) >= AT_LEAST


def test_three_times_the_speed_of_transformers_with_the_packaged_model(posts: list[str]) -> None:
    assert _compare(Path(riskclf.__file__).parent / "default_model", posts) >= AT_LEAST
