"""Models are compared as stated, and the packaged one is chosen by the stated rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from riskclf import Label, Prediction, RiskClassifier, evaluate
from riskclf.errors import EvaluationError
from riskclf.evaluation.scored import ScoredRows
from tests.tiny_base import benign_rows, write_corpus, write_manifest
from training.posts.corpora import Corpora
from training.posts.post import load_posts
from training.recipe.choose import (
    Candidate,
    behind,
    choose,
    labels_examples,
    losses,
    measure_buried,
)


def test_the_loss_is_that_of_the_posts_with_one_label_and_its_error_that_of_families() -> None:
    def scored(*right: float) -> ScoredRows:
        """Posts of two families, of which a model gives the right label these probabilities."""
        rows = benign_rows(right, "abab")
        soft = {**rows[0], "label": '{"benign": 0.5, "adult_solicitation": 0.5}'}
        return evaluate([*rows, soft]).rows

    one, other = scored(0.5, 0.5, 0.5, 0.5), scored(0.25, 0.5, 0.25, 0.5)
    assert losses(one).tolist() == pytest.approx([math.log(2)] * 4)
    value, error = behind(other, one)
    # The one family loses log 2 on each of its two posts, the other nothing.
    assert value == pytest.approx(math.log(2) / 2)
    assert error == pytest.approx(math.sqrt(2 * math.log(2) ** 2) / 4)


def test_buried_posts_stand_behind_lines_of_a_japanese_held_out_corpus(tmp_path: Path) -> None:
    lines = [f"今日は{number}番の電車に乗って海を見に行った" for number in range(2_000)]
    entries = [
        write_corpus(tmp_path, name, content, language, ["heldout"])
        for name, content, language in (
            ("en.txt", ["We took the train to the sea"], "en"),
            ("ja.txt", lines, "ja"),
        )
    ]
    write_manifest(tmp_path, entries)
    given: list[str] = []

    class Near:
        """Flags a text that is no longer than a post of ours."""

        labels = tuple(map(str, Label))
        risk_labels = labels[:2]

        def info(self) -> dict[str, Any]:
            return {"saved_as": {"risk_labels": list(self.labels[:2])}}

        def stream(self, texts: Iterable[str]) -> Iterator[Prediction]:
            for text in texts:
                given.append(text)
                short = len(text) <= longest + 1
                risk = float(short)
                scores = dict(zip(self.labels, (risk, 0.0, 1 - risk), strict=True))
                label = self.labels[0 if short else 2]
                yield Prediction(label, scores, risk, "flag" if short else "clear", False)

    posts = load_posts()
    risky = [p.text for p in posts if p.split == "dev" and p.risky and p.lang == "ja"]
    longest = max(map(len, risky))
    found = measure_buried(Near(), posts, Corpora.load(tmp_path))  # type: ignore[arg-type]
    assert {x["found"]["of"] for x in found.values()} == {len(risky)}
    assert (found["0"]["found"]["hits"], found["800"]["found"]["hits"]) == (len(risky), 0)
    assert found["800"]["alone"]["hits"] == 0
    long = [text for text in given if len(text) >= 400]
    assert all("番の電車" in text and "train" not in text for text in long)
    # Each stretch once with a post behind it, once alone.
    for post, buried, alone in zip(risky * 2, long[::2], long[1::2], strict=True):
        assert buried == f"{alone} {post}"


def _candidate(name: str, *right: float, examples_right: bool = True, buried: int = 20) -> Any:
    """A model that gives the right label of benign posts of two families these probabilities."""
    dev: ScoredRows = evaluate(benign_rows(right, "aabb")).rows
    no_model: Any = None
    return Candidate(name, no_model, dev, examples_right, buried)


def test_a_later_seed_is_packaged_only_if_it_is_better_by_more_than_chance() -> None:
    def chosen(*candidates: Any) -> str:
        return str(choose(candidates).name)

    first = _candidate("0", 0.6, 0.6, 0.6, 0.6)
    better = 0.8, 0.8, 0.7, 0.7
    assert chosen(first, _candidate("1", *better)) == "1"
    assert chosen(first, _candidate("1", *better), _candidate("2", 0.9, 0.9, 0.9, 0.9)) == "2"
    # One family is much better, the other worse: that may be chance.
    assert chosen(first, _candidate("1", 0.9, 0.9, 0.5, 0.5)) == "0"
    assert chosen(first, _candidate("1", *better, buried=18)) == "1"
    assert chosen(first, _candidate("1", *better, buried=17)) == "0"
    wrong = _candidate("1", *better, examples_right=False)
    assert chosen(first, wrong) == chosen(wrong, first) == "0"
    with pytest.raises(EvaluationError, match="none is kept"):
        choose([wrong])


def test_the_packaged_model_labels_its_examples_right() -> None:
    assert labels_examples(RiskClassifier.load(device="cpu"))
