"""Windows per second of the OpenVINO engine against PyTorch, in one run. Run by itself::

python -m pytest tests/benchmarks --override-ini addopts= -s -k engine
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from riskclf import artifact, optimize
from riskclf.encoder import PRECISIONS
from riskclf.finetuning.replay import load_our_posts

REPEATS = 5
AT_LEAST = {"f32": 1.2}
"""Times the speed of PyTorch, on a processor without 16-bit instructions."""


def _times(contestants: Sequence[Callable[[], Any]]) -> list[float]:
    """Medians of seconds, each contestant in turn, so that a busy moment hits all."""
    for work in contestants:  # warm up
        work()
    seconds: list[list[float]] = [[] for _ in contestants]
    for _ in range(REPEATS):
        for taken, work in zip(seconds, contestants, strict=True):
            before = time.perf_counter()
            work()
            taken.append(time.perf_counter() - before)
    return [statistics.median(taken) for taken in seconds]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_engine_speed(tmp_path: Path, precision: str) -> None:
    optimize(output=tmp_path / precision, precision=precision)
    engines = [
        artifact.load(tmp_path / precision, device="cpu", batch_size=64, engine=name)
        for name in ("pytorch", "openvino")
    ]
    texts = [post.text for post in load_our_posts()]
    windows = [x.head.ids for x in engines[0].tokenizer.encode_batch(texts)]
    many = _times([lambda x=x: x.engine.compute(windows) for x in engines])  # type: ignore[misc]
    one = _times([lambda x=x: x.engine.compute(windows[:1]) for x in engines])  # type: ignore[misc]
    tokens = sum(map(len, windows)) / len(windows)
    print(
        f"\n{precision}: {len(windows):,} windows of {tokens:.0f} tokens: "
        f"{len(windows) / many[0]:,.0f}/s with PyTorch, {len(windows) / many[1]:,.0f}/s with "
        f"OpenVINO, {many[0] / many[1]:.1f} times; a single one {1e3 * one[0]:.1f} and "
        f"{1e3 * one[1]:.1f} ms"
    )
    assert many[0] / many[1] >= AT_LEAST.get(precision, 0)
