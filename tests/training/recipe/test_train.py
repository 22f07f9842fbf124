"""What the packaged model may and may not be trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from riskclf import RiskClassifier
from riskclf.errors import InputError
from riskclf.finetuning import Example, TrainingConfig
from tests.tiny_base import write_corpus, write_manifest
from training.posts.corpora import Corpora
from training.posts.post import load_posts
from training.recipe import train as recipe
from training.recipe.train import natural_lines, train

PLACES = ("the museum", "a bakery", "the harbour", "our garden", "the old bridge", "a library")
OPEN = [f"On day {number} we walked to {place} and back" for number, place in enumerate(PLACES)]


def _corpora(directory: Path, files: dict[str, tuple[str, list[str]]]) -> Corpora:
    entries = [
        write_corpus(directory, name, lines, "en", [use]) for name, (use, lines) in files.items()
    ]
    return Corpora.load(write_manifest(directory, entries))


def test_natural_lines_leave_out_what_is_held_out_or_nearly_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "NATURAL_MIX", {"open.txt": len(OPEN)})
    corpora = _corpora(
        tmp_path,
        {"open.txt": ("benign", OPEN), "closed.txt": ("heldout", [OPEN[2].upper() + "!!"])},
    )
    (drawn,) = natural_lines(corpora, draws=1)
    assert set(drawn) == {line for line in OPEN if line != OPEN[2]}


def test_every_draw_has_other_natural_lines_until_the_corpus_is_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "NATURAL_MIX", {"open.txt": 2})
    corpora = _corpora(
        tmp_path, {"open.txt": ("benign", OPEN), "closed.txt": ("heldout", ["another text"])}
    )
    draws = natural_lines(corpora, draws=4)
    assert [len(set(draw)) for draw in draws] == [2] * 4
    assert sorted(line for draw in draws[:3] for line in draw) == sorted(OPEN)
    assert set(draws[3]) < set(OPEN)


def test_a_corpus_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "NATURAL_MIX", {"open.txt": 2})
    corpora = _corpora(tmp_path, {"open.txt": ("benign", OPEN)})
    (tmp_path / "open.txt").unlink()
    with pytest.raises(InputError, match=r"open\.txt is missing"):
        natural_lines(corpora)


def test_only_the_train_split_is_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Example] = []
    options: dict[str, Any] = {}

    def spy(base: Path, examples: Sequence[Example], **keywords: Any) -> None:
        seen.extend(examples)
        options.update(keywords)

    monkeypatch.setattr(recipe, "train_classifier", spy)
    posts = load_posts()
    train(tmp_path, posts, [OPEN[:3], OPEN[3:]], tmp_path / "run", TrainingConfig(epochs=4))
    texts = Counter(example.text for example in seen)
    own = {post.text for post in posts if post.split == "train"}
    assert set(texts) == own | set(OPEN)
    stopped_on = {example.text for example in options["dev"]}
    assert stopped_on == {post.text for post in posts if post.split == "dev"}
    # Two draws share the four epochs: ours come twice as often in each of two.
    assert options["config"].epochs == 2
    assert {texts[text] for text in own} == {6}
    assert {texts[text] for text in OPEN} == {1}
    soft = {example.target for example in seen if 0 < max(example.target) < 1}
    assert {(0.5, 0.5, 0.0), (0.25, 0.0, 0.75), (0.0, 0.25, 0.75)} <= soft
    # A batch is varied as a whole, and the words of each text remain in it.
    batches = [options["transform"](list(OPEN), seed) for seed in range(40)]
    longer = [sum(map(len, batch)) > 1.5 * sum(map(len, OPEN)) for batch in batches]
    assert 0 < sum(longer) < 25
    for batch in batches:
        assert all(f"day {number}" in text for number, text in enumerate(batch))


def test_teachers_give_the_targets_of_what_is_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_model: Callable[..., Path]
) -> None:
    seen: dict[str, tuple[float, ...]] = {}
    options: dict[str, Any] = {}

    def spy(base: Path, examples: Sequence[Example], **keywords: Any) -> None:
        seen.update({example.text: example.target for example in examples})
        options.update(keywords)

    monkeypatch.setattr(recipe, "train_classifier", spy)
    short = [post for post in load_posts() if len(post.text) < 30]
    posts = [post for post in short if post.split in ("train", "dev")][::10]
    teachers = [make_model(), make_model(seed=1)]
    train(tmp_path, posts, [OPEN], tmp_path / "work" / "run", TrainingConfig(), teachers=teachers)
    answers = [
        [list(x.scores.values()) for x in RiskClassifier.load(teacher).predict_many(seen)]
        for teacher in teachers
    ]
    assert not np.allclose(answers[0], answers[1], atol=1e-3)
    assert np.allclose(list(seen.values()), np.mean(answers, axis=0), atol=1e-5)
    # Dev posts keep their labels: they tell when to stop.
    assert {example.target for example in options["dev"]} <= {
        *((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
        *((0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5)),
    }
