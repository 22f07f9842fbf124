"""Which posts `suggest` chooses."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from riskclf.artifact import Artifact
from riskclf.classifier import RiskClassifier
from riskclf.suggestion import suggest, uncertainty
from riskclf.suggestion.uncertainty import Selection
from riskclf.tables import Row
from riskclf.tables.duplicates import near_duplicate_groups
from tests.conftest import LABELS, MakeModel
from tests.suggestion.helpers import (
    at_random,
    chosen,
    made_up,
    rows,
    write_csv,
)


def test_the_same_posts_are_chosen_every_time_and_in_any_order(classifier: RiskClassifier) -> None:
    posts = rows(made_up(120))
    first = suggest(posts, model=classifier, n=20)
    assert chosen(first) == chosen(suggest(posts, model=classifier, n=20))
    assert len(set(chosen(first))) == 20
    shuffled = random.Random(1).sample(posts, len(posts))
    assert set(chosen(suggest(shuffled, model=classifier, n=20))) == set(chosen(first))


def test_a_fifth_is_drawn_at_random_and_spread_among_the_others(
    classifier: RiskClassifier,
) -> None:
    posts = rows(made_up(120))
    result = suggest(posts, model=classifier, n=20)
    where = [x["suggested_because"] == "drawn at random" for x in result.rows]
    assert [place for place, is_random in enumerate(where) if is_random] == [4, 9, 14, 19]
    assert result.reasons()["drawn at random"] == 4


def test_what_is_drawn_at_random_does_not_depend_on_the_model(
    classifier: RiskClassifier, make_model: MakeModel
) -> None:
    posts = rows(made_up(120))
    other = RiskClassifier.load(make_model(seed=5), device="cpu", batch_size=8)
    ours, theirs = (suggest(posts, model=model, n=20) for model in (classifier, other))
    assert at_random(ours) == at_random(theirs)
    assert chosen(ours) != chosen(theirs)


def test_the_other_posts_are_the_uncertain_ones(classifier: RiskClassifier) -> None:
    posts = rows(made_up(200))
    result = suggest(posts, model=classifier, n=20)
    lines = np.log(np.array([0.4 / 0.6, 0.8 / 0.2]))

    def uncertainty(text: str) -> float:
        prediction = classifier.predict(text)
        shares = np.array(list(prediction.scores.values()))
        odds = np.log(prediction.risk / (1 - prediction.risk))
        nearest = float(np.exp(-np.abs(odds - lines).min()))
        return (nearest + float(-(shares * np.log(shares)).sum() / np.log(3))) / 2

    drawn = set(at_random(result))
    ours = [uncertainty(text) for text in chosen(result) if text not in drawn]
    everything = [uncertainty(row["text"]) for row in posts]
    assert np.mean(ours) > np.quantile(everything, 0.6)


def test_the_reason_names_the_line_or_the_labels(classifier: RiskClassifier) -> None:
    result = suggest(rows(made_up(200)), model=classifier, n=60)
    for row in result.rows:
        because = row["suggested_because"]
        if because == "near the threshold of review":
            assert abs(row["riskclf_risk"] - 0.4) < abs(row["riskclf_risk"] - 0.8)
        elif because.startswith("unsure between "):
            names = because.removeprefix("unsure between ").split(" and ")
            two = sorted(LABELS, key=lambda x: -row[f"riskclf_score_{x}"])[:2]
            assert names == two
        else:
            assert because in ("near the threshold of flag", "drawn at random")
    assert len(result.reasons()) >= 3


def test_a_model_without_risk_labels_is_asked_for_its_entropy_only(loaded: Artifact) -> None:
    manifest = replace(loaded.manifest, risk_labels=(), operating_points={})
    topics = RiskClassifier(replace(loaded, manifest=manifest))
    result = suggest(rows(made_up(60)), model=topics, n=10)
    reasons = {row["suggested_because"].split(" between")[0] for row in result.rows}
    assert reasons == {"unsure", "drawn at random"}


def test_near_duplicates_are_never_both_chosen(classifier: RiskClassifier) -> None:
    texts = made_up(25)
    copies = [copy for x in texts for copy in (x, x + "！", x.upper() + " ", x.replace(" ", ""))]
    result = suggest(rows(copies), model=classifier, n=60)
    assert len(result.rows) == 25
    assert len(set(near_duplicate_groups(chosen(result)).tolist())) == 25
    assert result.notes == ["there are only 25 different posts to choose, not 60"]


def test_uncertain_posts_that_are_unlike_go_before_more_of_the_same(
    classifier: RiskClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = made_up(40)
    corner = {text: np.eye(4, dtype=np.float32)[min(n // 8, 3)] for n, text in enumerate(texts)}
    monkeypatch.setattr(uncertainty, "_RANDOM_SHARE", 0)
    selection = Selection(4, [], {"flag": 0.8, "review": 0.4})
    for number, (text, prediction) in enumerate(zip(texts, classifier.stream(texts), strict=True)):
        selection.add(Row(number, {"text": text}), text, prediction, corner[text])
    found = selection.chosen()
    assert len({tuple(corner[post.text]) for post, _ in found}) == 4


def test_labelled_posts_and_what_is_nearly_the_same_are_left_out(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    texts = made_up(30)
    labelled = write_csv(tmp_path / "labelled.csv", [texts[0], texts[1] + "！！", texts[2].upper()])
    result = suggest(rows(texts), model=classifier, n=30, labelled=labelled)
    assert set(chosen(result)) == set(texts[3:])
    everything = suggest(rows(texts), model=classifier, n=30, labelled=rows(texts))
    assert everything.rows == []


def test_empty_posts_are_not_worth_a_label(classifier: RiskClassifier) -> None:
    result = suggest(rows(["", "　\n", *made_up(3)]), model=classifier, n=9)
    assert set(chosen(result)) == set(made_up(3))
    assert "2 posts are empty; they are not suggested" in result.notes


def test_many_posts_are_chosen_from_a_bounded_number_of_candidates(
    classifier: RiskClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = rows(made_up(400))
    sizes: list[int] = []
    kept: list[list[int]] = []

    class Watched(uncertainty._Pool):
        def add(self, post: Any) -> None:
            super().add(post)
            sizes.append(len(self._posts))

        def best(self) -> Any:
            found = super().best()
            kept.append([post.row.number for post in found])
            return found

    monkeypatch.setattr(uncertainty, "_Pool", Watched)
    monkeypatch.setattr(uncertainty, "_CANDIDATES", 40)
    few = suggest(iter(posts), model=classifier, n=5)
    assert max(sizes) < 2 * 40
    monkeypatch.setattr(uncertainty, "_CANDIDATES", 2000)
    all_of_them = suggest(posts, model=classifier, n=5)
    drawn_of_few, of_few, drawn_of_all, of_all = kept
    assert of_few == of_all[:40]
    assert drawn_of_few == drawn_of_all[: len(drawn_of_few)]
    assert at_random(few) == at_random(all_of_them)


def test_copies_do_not_push_the_other_candidates_out(
    classifier: RiskClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uncertainty, "_CANDIDATES", 20)
    template = [
        f"第{number}回 図書館の本を読む会のお知らせです、傘をお持ちください"
        for number in range(150)
    ]
    result = suggest(rows([*template, *made_up(30)]), model=classifier, n=20)
    assert sum(text in template for text in chosen(result)) <= 1
    assert len(result.rows) == 20
