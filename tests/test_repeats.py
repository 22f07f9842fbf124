"""Posts that repeat are scored once, and get what each would get alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from riskclf.artifact import Artifact
from riskclf.classifier import RiskClassifier
from riskclf.encoder import Outputs
from riskclf.reading import read
from riskclf.repeats import Recent, key_of, key_of_raw


class Counting:
    """The engine of a model, which counts the windows that it computes."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.batch_size = 4  # so that a chunk has 64 posts
        self.windows = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def compute(self, windows: Sequence[Sequence[int]]) -> Outputs:
        self.windows += len(windows)
        found: Outputs = self.engine.compute(windows)
        return found


@pytest.fixture
def counting(loaded: Artifact) -> Counting:
    return Counting(loaded.engine)


@pytest.fixture
def classifier(loaded: Artifact, counting: Counting) -> RiskClassifier:
    return RiskClassifier(replace(loaded, engine=counting))


def test_a_post_that_repeats_is_computed_once_in_a_run(
    classifier: RiskClassifier, counting: Counting, sentences: tuple[str, ...]
) -> None:
    alone = [classifier.predict(sentence) for sentence in sentences]
    counting.windows = 0
    found = list(classifier.stream(sentence for _ in range(9) for sentence in sentences))
    assert counting.windows == len(sentences)
    assert found == found[: len(sentences)] * 9
    for one, other in zip(found, alone, strict=False):
        assert (one.label, one.decision) == (other.label, other.decision)
        assert one.risk == pytest.approx(other.risk, abs=1e-5)


def test_the_same_text_in_other_characters_repeats(
    classifier: RiskClassifier, counting: Counting
) -> None:
    first, second = classifier.predict_many(["ABC テレビ", " ＡＢＣ　ﾃﾚﾋﾞ\n"])
    assert counting.windows == 1
    assert first == second


def test_what_was_hard_to_read_in_one_post_is_not_told_of_another(
    classifier: RiskClassifier,
) -> None:
    # Read alike, but only the first has lost its text.
    posts = ["雨\ud800\ud800", "雨\ufffd\ufffd", "雨", "", "\u200b"]
    codes = [classifier.predict(post).reason_codes for post in posts]
    assert [x.reason_codes for x in classifier.predict_many(posts * 2)] == codes * 2


def test_every_post_has_its_own_vector(classifier: RiskClassifier) -> None:
    posts = ["今日は雨", "明日は図書館", "今日は雨"] * 50
    found = list(classifier.stream_with_vectors(posts))
    assert len({vector.tobytes() for _, vector in found}) == 2
    assert all((vector == found[n % 3][1]).all() for n, (_, vector) in enumerate(found))


def test_the_latest_results_are_kept() -> None:
    recent: Recent[int] = Recent(most=2)
    a, b, c = (key_of(read(post)) for post in ("雨", "雪", "花"))
    assert recent.complete([a, b, a], {a: 1, b: 2}) == [1, 2, 1]
    assert recent.complete([c, b, b, a], {c: 3}) == [3, 2, 2, 1]  # more at once than are kept
    assert (len(recent), a in recent, b in recent, c in recent) == (2, True, True, False)


def test_no_text_is_kept() -> None:
    key = key_of(read("今日は雨"))
    assert len(key) == 16 and key != key_of(read("今日は雪"))


def test_every_spelling_of_a_post_has_a_key_of_its_own_also_half_a_surrogate_pair() -> None:
    posts = ["雨", "雨 ", "雨\ud800", "雨\udc00", "雨\ufffd", ""]
    assert len({key_of_raw(post) for post in posts}) == len(posts)
    assert key_of_raw("雨") == key_of_raw("雨")
