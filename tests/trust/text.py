"""Hostile text: any `str` through the normaliser, the tokenizer, predictions and explanations."""

from __future__ import annotations

import math
import time
import tracemalloc
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from riskclf import RiskClassifier
from riskclf.text import normalise
from riskclf.tokens import Tokenizer
from tests.conftest import ENGLISH, JAPANESE, KOREAN, model_below
from tests.experts import with_experts
from tests.explanation.fuzzed import fuzzed_posts
from tests.trust.check import Check, Tried
from tests.trust.fuzzing import Target, failures, fuzz

__all__ = ["CHECK", "KINDS", "LINEAR", "TARGETS", "growth", "memory_growth", "text_of"]

KINDS = {
    "letters": "a",
    "kana": "あ",
    "words": "今日は、雨 ",
    "marks on a letter": "a\u0301\u0323",
    "marks alone": "\u0301\u0323",
    "jamo": "ᄀ\u1161ᆨ",
    "joiners": "👩\u200d",
    "variation selectors": "葛\U000e0100",
    "tags": "🏴\U000e0067\U000e007f",
    "bidi": "\u202e\u2067a\u2069",
    "surrogates": "\ud800",
    "NUL": "\0",
    "half width": "ﾊﾟ",
    "separators": "本.日.",
    "emoji letters": "🅰🅱",
    "look-alikes": "Тｅѕт",
    "numerals": "二十五",
    "long vowels": "ー",
    "blanks": " \u3000\n",
    "digits": "1",
}
"""What long texts are made of, by what it is called."""

LINEAR = 16
"""Growth for eight times the length above which it is not linear: 64 would be quadratic."""

SEEDS = tuple(
    text.encode("utf-8", "surrogatepass")
    for text in (*JAPANESE[:8], *ENGLISH[:4], *KOREAN[:2], *KINDS.values(), *fuzzed_posts(40))
)


def text_of(content: bytes) -> str:
    """Bytes as a text that may hold anything, half surrogate pairs too."""
    try:
        return content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return content.decode("utf-8", "surrogateescape")


def _normalising(_work: Path) -> Callable[[bytes], None]:
    def check(content: bytes) -> None:
        raw = text_of(content)
        found = normalise(raw)
        assert len(found.starts) == len(found.ends) == len(found.text)
        assert all(0 <= x < y <= len(raw) for x, y in zip(found.starts, found.ends, strict=True))
        assert all(x <= y for x, y in pairwise(found.starts))
        assert all(x <= y for x, y in pairwise(found.ends))
        assert normalise(found.text).text == found.text
        assert unicodedata.normalize("NFKC", found.text) == found.text
        found.text.encode()  # no half surrogate pair

    return check


def _tokenizing(work: Path) -> Callable[[bytes], None]:
    tokenizer = Tokenizer.load(model_below(work))

    def check(content: bytes) -> None:
        raw = text_of(content)
        encoding = tokenizer.encode(raw)
        assert encoding.windows
        for window in (encoding.head, *encoding.windows):
            assert 2 <= len(window.ids) <= tokenizer.max_tokens
        assert 0 <= encoding.unknown_share <= 1
        tokens = tokenizer.tokens(raw)
        assert all(0 <= token.start < token.end <= len(raw) for token in tokens)
        assert all(x.start <= y.start and x.end <= y.end for x, y in pairwise(tokens))

    return check


def _explaining(classifier: RiskClassifier) -> Callable[[bytes], None]:
    def check(content: bytes) -> None:
        raw = text_of(content)
        found = classifier.explain(raw)
        alone = classifier.predict(raw)
        assert abs(alone.risk - found.prediction.risk) < 1e-3
        assert alone.decision in ("flag", "review", "clear")
        assert all(0 <= score <= 1 for score in alone.scores.values())
        assert abs(sum(alone.scores.values()) - 1) < 1e-5
        start, end = found.window
        assert 0 <= start <= end <= len(raw)
        places = sorted((span.start, span.end) for span in found.spans)
        assert all(start <= x < y <= end for x, y in places)
        assert all(x[1] <= y[0] for x, y in pairwise(places))

    return check


def _small(work: Path) -> Callable[[bytes], None]:
    with_experts(model_below(work), work / "experts")
    return _explaining(RiskClassifier.load(work / "experts", device="cpu", engine="pytorch"))


def _packaged(_work: Path) -> Callable[[bytes], None]:
    return _explaining(RiskClassifier.load(device="cpu"))


TARGETS = (
    Target("normalise", 360, _normalising, SEEDS),
    Target("tokens", 360, _tokenizing, SEEDS),
    Target("predict and explain, a small model", 480, _small, SEEDS),
    Target("predict and explain, the packaged model", 240, _packaged, SEEDS),
)


def _long(unit: str, length: int) -> str:
    return (unit * (length // len(unit) + 1))[:length]


def memory_growth(work: Callable[[str], object], unit: str, size: int) -> float:
    """How many times more memory a text of eight times the length takes at most; 8 where linear.

    What Python and NumPy allocate counts; less than one megabyte counts as one.

    Args:
        work: what is done with a text.
        unit: what the texts are made of.
        size: characters of the first one.
    """

    def megabytes(length: int) -> float:
        text = _long(unit, length)
        tracemalloc.start()
        try:
            work(text)
            return tracemalloc.get_traced_memory()[1] / 2**20
        finally:
            tracemalloc.stop()

    return megabytes(8 * size) / max(megabytes(size), 1.0)


def growth(work: Callable[[str], object], unit: str, size: int, *, least: float = 0.02) -> float:
    """How many times longer a text of eight times the length takes; 8 where time is linear.

    Processor time, the best of three; where it is above 16 it is measured up to three times, since
    other programs disturb it.

    Args:
        work: what is done with a text.
        unit: what the texts are made of.
        size: characters of the first one; it is doubled until it takes a measurable time.
        least: seconds of processor time that can be measured.
    """

    def seconds(length: int) -> float:
        text = _long(unit, length)

        def once() -> float:
            before = time.process_time()
            work(text)
            return time.process_time() - before

        return min(once() for _ in range(3))

    while size < 1 << 20 and seconds(size) < least:
        size *= 2
    found = math.inf
    for _ in range(3):
        found = min(found, seconds(8 * size) / max(seconds(size), least))
        if found <= LINEAR:
            break
    return found


def _run(work: Path, scale: float) -> Tried:
    counts = fuzz(__name__, TARGETS, work, scale)
    failed = failures(work)
    work = work / "growth"
    with_experts(model_below(work), work / "experts")
    classifier = RiskClassifier.load(work / "experts", device="cpu", engine="pytorch")
    steps = {
        "normalise": normalise,
        "tokens": classifier.predict,
        "explain": classifier.explain,
    }
    kinds = [*KINDS.items()][: max(2, round(scale * len(KINDS)))]
    slowest, widest = 0.0, 0.0
    for name, step in steps.items():
        for kind, unit in kinds:
            time_taken, memory = growth(step, unit, 10_000), memory_growth(step, unit, 10_000)
            slowest, widest = max(slowest, time_taken), max(widest, memory)
            for what, found in (("time", time_taken), ("memory", memory)):
                if found > LINEAR:
                    failed.append(f"{name}: {what} grows faster than the length of {kind}")
    counts["kinds of text whose length grows"] = len(steps) * len(kinds)
    measured = {
        "largest growth of time for eight times the length": slowest,
        "of memory": widest,
    }
    return Tried(counts, failed, measured)


CHECK = Check(
    "hostile-text",
    "Any text is read: no post ends a run, hangs it, or gets a span outside itself.",
    "Coverage-guided fuzzing (atheris) of `normalise`, the tokenizer, `predict` and `explain` for "
    "24 of the 60 minutes of processor time; time and memory are measured for texts of 20 kinds "
    "and eight times their length.",
    "`explain` ended with an error where a long post held many words that the vocabulary lacks: it "
    "looked for a window by its ids, which are the same for all of them.",
    _run,
)
