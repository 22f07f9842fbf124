"""The slang experiment draws fairly, resumes where it stopped, and reports what it found."""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from riskclf import RiskClassifier
from riskclf.errors import FormatError, MissingExtra
from riskclf.evaluation.intervals import wilson
from riskclf.evaluation.scored import read_rows
from riskclf.finetuning import Example, TrainingConfig, job, learning, train_classifier
from riskclf.finetuning.base import Base, locate_base
from riskclf.labels import LABELS
from tests.experts import with_experts
from training.experiments.slang import choice, experiment, measuring, methods
from training.experiments.slang.choice import Variant
from training.experiments.slang.draws import drawn, is_cue_free
from training.experiments.slang.experiment import SEEDS, SIZES
from training.experiments.slang.methods import pulled_back
from training.experiments.slang.report import METHODS, plot, table
from training.experiments.slang.results import means
from training.posts.post import Post, load_posts
from training.recipe.replay import as_examples

MINOR, ADULT, BENIGN = LABELS


def _posts(part: str, count: int, terms: Sequence[str | None]) -> Iterator[Post]:
    """Neutral texts with labels that mean nothing: `count` risky and as many benign a term.

    The part is a split, or a fold where there are no terms.
    """
    words = itertools.product("山川海空田", "雨雪花木金", ("を見た", "の本を読む", "まで歩く"))
    texts = [f"{part}の{''.join(word)}" for word in words]
    for number, (term, place) in enumerate(itertools.product(terms, range(2 * count))):
        kind = BENIGN if place % 2 else (MINOR, ADULT)[place // 2 % 2]
        yield Post(
            id=f"{part}-{number:03}",
            lang="ja",
            target={kind: 1.0},
            family=f"{part}-{term}-{number // 2}",
            slice="slang",
            text=texts[number],
            twin_of=None,
            note="",
            term=term,
            split=part if term else "",
            fold="" if term else part,
        )


POSTS = [
    *_posts("slang_learn", 8, ("t1", "t2")),
    *_posts("slang_test", 4, ("t1", "t2")),
    *_posts("gate", 12, (None,)),
    *_posts("1", 12, (None,)),
]


class _Bench:
    """The experiment with a small model, a short recipe, and SetFit played by a uniform guess."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
        self.base = locate_base(model)
        self.tuned: list[Sequence[Example]] = []
        self.vocabularies: list[int] = []
        self.asked: list[Sequence[str]] = []
        self.stop_at: int | None = None
        sample = as_examples([post for post in POSTS if post.fold == "1"][:6])
        monkeypatch.setattr(experiment, "require_setfit", lambda: None)
        monkeypatch.setattr(experiment, "packaged_replay_set", lambda: sample)
        monkeypatch.setattr(experiment, "setfit_probabilities", self._setfit)
        for module in (choice, experiment, job):
            monkeypatch.setattr(
                module,
                "training_config_for",
                lambda *_, new_head, seed: TrainingConfig(1, 1e-3, 8, seed),
            )

        def counted(base: Path, examples: Sequence[Example], **options: Any) -> Any:
            self.tuned.append(examples)
            self.vocabularies.append(len((base / "vocab.txt").read_bytes().split(b"\n")))
            return train_classifier(base, examples, **options)

        monkeypatch.setattr(learning, "train_classifier", counted)

    def _setfit(self, _: Base, __: Any, texts: Sequence[str], *___: Any) -> Any:
        if len(self.asked) == self.stop_at:
            raise KeyboardInterrupt
        self.asked.append(texts)
        return np.tile([0.2, 0.3, 0.5], (len(texts), 1)), 0.5

    def run(self, results: Path, posts: Sequence[Post] = POSTS, **options: Any) -> dict[str, Any]:
        options = {"sizes": (2, 4), "seeds": (0,)} | options
        return experiment.experiment(posts, self.base, results, **options)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, model_directory: Path) -> _Bench:
    return _Bench(monkeypatch, model_directory)


def _without_minutes(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_minutes(x) for name, x in value.items() if name != "minutes"}
    return value


def test_draws_are_nested_balanced_and_not_what_is_measured() -> None:
    posts = load_posts()
    learn = [post for post in posts if post.split == "slang_learn"]
    measured = {post.text for post in posts if post.split == "slang_test" or post.fold == "gate"}
    for seed in SEEDS:
        smaller: set[str] = set()
        for size in SIZES:
            found = drawn(learn, size, seed)
            ids = {post.id for post in found}
            assert smaller < ids
            assert Counter((post.term, post.risky) for post in found) == {
                (f"t{number}", risky): size // 2 for number in range(1, 7) for risky in (0, 1)
            }
            for term in ("t5", "t6"):  # their risky posts are of both sides
                sides = Counter(post.kind for post in found if post.term == term and post.risky)
                assert abs(sides[MINOR] - sides[ADULT]) <= 1
            assert not measured & {post.text for post in found}
            smaller = ids
        assert smaller == {post.id for post in learn}
    draws = [[post.id for post in drawn(learn, 8, seed)] for seed in SEEDS]
    assert len({tuple(ids) for ids in draws}) == len(draws)
    # The order of the file decides nothing.
    assert [post.id for post in drawn(learn[::-1], 8, 0)] == draws[0]


def test_a_post_is_free_of_cues_only_if_nothing_but_its_term_tells() -> None:
    post = replace(POSTS[0], text="山の雨を見た")
    assert post.risky
    assert is_cue_free(post)
    assert not is_cue_free(replace(post, target={BENIGN: 1.0}))
    for text in ("雨は１０時から", "学校の雨", "雨のあとの放課後", "パンの代金を払う"):
        assert not is_cue_free(replace(post, text=text))
    for split in ("slang_learn", "slang_test"):
        risky = [x for x in load_posts() if x.split == split and x.risky]
        free = [x for x in risky if is_cue_free(x)]
        assert 0.25 < len(free) / len(risky) < 0.45
        assert {x.term for x in free} == {x.term for x in risky}


def test_an_interrupted_experiment_goes_on_and_equals_an_unbroken_one(
    bench: _Bench, tmp_path: Path
) -> None:
    unbroken = bench.run(tmp_path / "unbroken.json")
    assert len(bench.tuned) == 2
    bench.stop_at = len(bench.asked) + 1
    broken = tmp_path / "broken.json"
    with pytest.raises(KeyboardInterrupt):
        bench.run(broken)
    assert len(bench.tuned) == 4
    assert "setfit, 2 a term, seed 0" in json.loads(broken.read_text(encoding="utf-8"))["runs"]
    bench.stop_at = None
    resumed = bench.run(broken)
    assert len(bench.tuned) == 4  # nothing is trained twice
    assert _without_minutes(resumed) == _without_minutes(unbroken)
    assert json.loads(broken.read_text(encoding="utf-8")) == resumed


def test_finished_runs_count_only_for_the_posts_and_the_model_that_they_are_of(
    bench: _Bench, tmp_path: Path, make_model: Any
) -> None:
    file = tmp_path / "slang.json"
    bench.run(file, sizes=(2,))
    bench.run(file, sizes=(2,))
    assert len(bench.tuned) == 1
    other = [replace(x, text=f"{x.text}！") if x.split == "slang_test" else x for x in POSTS]
    bench.run(file, other, sizes=(2,))
    assert len(bench.tuned) == 2
    bench.base = locate_base(make_model(seed=1))
    found = bench.run(file, other, sizes=(2,))
    assert len(bench.tuned) == 3
    assert found["model"] == RiskClassifier.load(bench.base.directory).fingerprint
    file.write_text("{", encoding="utf-8")
    with pytest.raises(FormatError, match="delete it"):
        bench.run(file, sizes=(2,))


def test_what_is_trained_on_is_what_finetune_trains_on(bench: _Bench, tmp_path: Path) -> None:
    bench.run(tmp_path / "slang.json", sizes=(4,))
    learn = [post for post in POSTS if post.split == "slang_learn"]
    new = Counter(post.text for post in drawn(learn, 4, 0))
    found = Counter(example.text for example in bench.tuned[0])
    assert {text for text in found if text.startswith("slang_learn")} == set(new)
    assert sum(text.startswith("1") for text in found) == 6
    assert not [text for text in found if text.startswith(("slang_test", "gate"))]


def test_no_text_of_a_post_is_in_the_results(bench: _Bench, tmp_path: Path) -> None:
    file = tmp_path / "slang.json"
    bench.run(file, sizes=(2,))
    written = file.read_text(encoding="utf-8")
    assert not [post.id for post in POSTS if post.text in written]


def test_setfit_is_run_for_the_first_seed_only(bench: _Bench, tmp_path: Path) -> None:
    found = bench.run(tmp_path / "slang.json", sizes=(2,), seeds=(0, 1))["means"]
    assert found["setfit"]["2"]["seeds"] == [0]
    assert found["ours"]["2"]["seeds"] == [0, 1]


def test_without_setfit_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, model_directory: Path, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "setfit", None)
    begun: list[str] = []
    base = locate_base(model_directory)
    with pytest.raises(MissingExtra, match="pip install setfit"):
        experiment.experiment(POSTS, base, tmp_path / "slang.json", log=begun.append)
    assert not begun
    assert not [*tmp_path.iterdir()]


def test_setfit_gives_the_probabilities_of_our_labels_in_our_order(model_directory: Path) -> None:
    pytest.importorskip("setfit")
    learnt = as_examples([post for post in POSTS if post.fold == "1"])
    learnt.append(Example("川の本", (0.5, 0.0, 0.5)))
    texts = [example.text for example in learnt[:5]]
    base = locate_base(model_directory)
    scores, _ = methods.setfit_probabilities(base, learnt, texts, 0)
    assert scores.shape == (5, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)


def test_a_label_that_was_not_learnt_has_no_probability() -> None:
    found = methods._in_order(np.array([[0.25, 0.75]]), np.array([0, 2]))
    assert found.tolist() == [[0.25, 0.0, 0.75]]


def test_a_mean_over_seeds_is_no_surer_than_one_run() -> None:
    def run(seed: int, hits: int, low: float) -> dict[str, Any]:
        share = {"hits": hits, "of": 60, "value": hits / 60, "low": 0.0, "high": 1.0}
        change = {"value": low + 0.1, "low": low, "high": low + 0.2}
        nothing = {"hits": 0, "of": 0, "value": None, "low": 0.0, "high": 1.0}
        return {
            "method": "ours",
            "size": 4,
            "seed": seed,
            "minutes": 1.0 + seed,
            "new": {"found": share, "right_side": nothing},
            "old": {"change": {"found": change}},
        }

    found = means({"b": run(1, 50, -0.2), "a": run(0, 40, 0.0)})["ours"]["4"]
    assert found["seeds"] == [0, 1]
    assert found["minutes"]["value"] == 1.5
    assert found["new"]["found"]["seeds"] == [40 / 60, 50 / 60]
    assert found["new"]["found"]["value"] == pytest.approx(0.75)
    low, high = found["new"]["found"]["low"], found["new"]["found"]["high"]
    assert (low, high) == pytest.approx(wilson(45, 60))
    change = found["old"]["change"]["found"]
    assert [change[x] for x in ("low", "value", "high")] == pytest.approx([-0.1, 0.0, 0.1])
    assert found["new"]["right_side"]["value"] is None


def test_the_table_and_the_plot_show_every_method(bench: _Bench, tmp_path: Path) -> None:
    bench.base = locate_base(with_experts(bench.base.directory, tmp_path / "m").directory)
    results = bench.run(tmp_path / "slang.json")
    found = table(results).splitlines()
    assert found[0].startswith("8 risky and 8 innocent posts")
    rows = [line for line in found if line.startswith("|")]
    for title in METHODS.values():
        assert any(row.startswith(f"| {title}") for row in rows)
    assert any("(one seed)" in row for row in rows)
    assert [row.split("|")[1].strip() for row in rows[5:7]] == ["2, quick", "4, quick"]
    assert "nan" not in table(results)
    widths = [[row.count("|") for row in group] for group in (rows[:7], rows[7:])]
    assert all(len(set(width)) == 1 for width in widths)
    picture = plot(results)
    assert picture.startswith(b"\x89PNG")
    assert picture == plot(results)


def test_weights_are_pulled_back_to_where_they_began() -> None:
    def moved(share: float) -> float:
        weight = torch.nn.Parameter(torch.ones(3))
        optimizer = torch.optim.SGD([weight], lr=0.1)
        with pulled_back(share):
            for _ in range(5):
                optimizer.zero_grad()
                weight.sum().backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        kept = weight.detach().clone()
        optimizer.step()  # and outside it no more
        assert torch.allclose(kept - weight, torch.full((3,), 0.1))
        return float((1 - kept).abs().max())

    assert moved(0.0) == pytest.approx(0.5)
    assert moved(0.5) == pytest.approx(0.096875)  # d = (d + 0.1) / 2, five times
    assert moved(1.0) == pytest.approx(0.0, abs=1e-6)


def test_the_mix_is_chosen_without_the_test_posts(
    bench: _Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "CHOOSE_SIZE", 8)
    # The texts of this test are all alike: each counts, so that they have a word in common.
    monkeypatch.setattr(choice, "near_duplicate_groups", lambda texts: np.arange(len(texts)))
    file = tmp_path / "slang.json"
    variants = (
        Variant("new"),
        Variant("none of the way", share=0.0),
        Variant("pulled back", pull=1.0),
        Variant("with old", sample=(2, 4)),
        Variant("with its answers", sample=(2, 4), answers=True),
        Variant("with new words", sample=(2, 4), new_words=True),
    )
    measured: set[str] = set()
    score = read_rows

    def scored(rows: Any, *arguments: Any, **options: Any) -> Any:
        measured.update(row["text"] for row in rows)
        return score(rows, *arguments, **options)

    monkeypatch.setattr(measuring, "read_rows", scored)
    found = choice.choose(POSTS, bench.base, file, variants=variants)["choose"]
    assert set(found) == {"before", *(x.name for x in variants)}
    assert len(bench.tuned) == 5  # the first two share a model
    *_, by_labels, by_answers, _ = ([x.target or () for x in examples] for examples in bench.tuned)
    assert max(map(max, by_labels[-8:])) == 1 and max(map(max, by_answers[-8:])) < 1
    *without, extended = bench.vocabularies
    assert extended > max(without)
    trained = {example.text for examples in bench.tuned for example in examples}
    assert measured and not trained & measured
    assert not [text for text in trained | measured if text.startswith("slang_test")]
    # Back where it began, the model is the one before.
    for name in ("none of the way", "pulled back"):
        for figure in ("found", "wrong"):
            assert found[name]["new"][figure] == found["before"]["new"][figure]
    assert found["with old"]["replayed"] == 8
    again = choice.choose(POSTS, bench.base, file, variants=variants)["choose"]
    assert again == found
    assert len(bench.tuned) == 5
    # The experiment keeps the choice beside its own results.
    assert bench.run(file, sizes=(2,))["choose"] == found
