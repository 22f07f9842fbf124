"""The figures of the model card are counted as they say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from riskclf import Label, Prediction, RiskClassifier, evaluate
from riskclf.artifact import Artifact
from riskclf.errors import FormatError
from riskclf.evaluation.baselines import tfidf
from tests.tiny_base import write_corpus, write_manifest
from training.cards.measure import (
    PAIRS,
    base_rates,
    measure_calibrators,
    measure_natural,
    measure_pairs,
    measure_split,
    measure_test,
    officers_hour,
)
from training.cards.report import CARD, RESULTS
from training.cards.tables import card_with
from training.experiments.ablations import RESULTS as ABLATIONS
from training.experiments.baselines import Keywords, baseline_rows, macro_f1
from training.posts.corpora import Corpora
from training.posts.post import Post, load_posts
from training.posts.rules import CONTENT_RULES


class _Fake:
    """Says the risky label that the text names; flags at once."""

    labels = tuple(map(str, Label))
    risk_labels = labels[:2]

    def info(self) -> dict[str, Any]:
        return {"saved_as": {"risk_labels": list(self.labels[:2])}}

    def predict_many(self, texts: Any) -> list[Prediction]:
        return list(self.stream(texts))

    def stream(self, texts: Any) -> Any:
        return map(self._one, texts)

    def _one(self, text: str) -> Prediction:
        label = next((x for x in self.labels if text.startswith(x)), str(Label.BENIGN))
        scores = {x: float(x == label) for x in self.labels}
        risk = 1 - scores[Label.BENIGN]
        return Prediction(label, scores, risk, "flag" if risk else "clear", False)


def _post(text: str, label: str, family: str, **target: float) -> Post:
    return Post(text, "en", target or {label: 1.0}, family, "s", text, None, "", None, "dev")


def test_split_figures_count_labels_and_decisions_apart_and_leave_soft_posts_out() -> None:
    minor, adult, benign = map(str, Label)
    posts = [
        _post(f"{minor} one", minor, "a"),
        _post("missed", minor, "a"),
        _post(f"{minor} wrong side", adult, "b"),
        _post(f"{adult} false alarm", benign, "b"),
        _post("fine", benign, "c"),
        _post(f"{minor} soft", "", "c", minor_solicitation=0.5, benign=0.5),
    ]
    result, found = measure_split(_Fake(), [*posts, _of("test")], "dev")  # type: ignore[arg-type]
    assert len(result.rows) == len(posts)
    recall = {label: found["labels"][label]["recall"] for label in (minor, adult)}
    assert (recall[minor]["hits"], recall[minor]["of"]) == (1, 2)
    assert (recall[adult]["hits"], recall[adult]["of"]) == (0, 1)
    assert (found["other_risk_label"]["hits"], found["other_risk_label"]["of"]) == (1, 2)
    false = found["operating_points"]["flag"]["false_positive_rate"]
    assert (false["hits"], false["of"]) == (1, 2)
    assert found["unclear"]["all"]["flag_or_review"]["hits"] == 1
    assert found["counts"]["clear_cut"] == 5
    assert found["languages"]["en"] == found["macro"]["f1"]


def test_calibrators_are_measured_on_the_split_that_they_were_not_fitted_to(
    loaded: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = [post for post in load_posts() if len(post.text) < 30]
    fitted_to: list[int] = []

    def calibrate(model: Any, start: Any, given: Any, *, biased: bool) -> Any:
        assert {post.split for post in given} == {"calibration"}
        fitted_to.append(len(given))
        return replace(loaded.manifest, bias=-2.0 if biased else 0.0)

    monkeypatch.setattr("training.cards.measure.calibrate", calibrate)
    found = measure_calibrators(loaded, posts)
    sizes = [sum(post.split == split for post in posts) for split in ("calibration", "dev")]
    assert sizes[0] != sizes[1] and fitted_to == [sizes[0]] * 2 + [sizes[1]] * 2
    dev = [post for post in posts if post.split == "dev"]
    losses = []
    for bias in (0.0, -2.0):
        model = RiskClassifier(replace(loaded, manifest=replace(loaded.manifest, bias=bias)))
        clear_cut = [post for post in dev if len(post.target) == 1]
        right = [
            x.scores[next(iter(post.target))]
            for x, post in zip(
                model.predict_many(post.text for post in clear_cut), clear_cut, strict=True
            )
        ]
        losses.append(-np.log(right).mean())
    assert [x["splits"] for x in found] == ["calibration, dev", "dev, calibration"]
    difference = found[0]["difference"]["cross_entropy"]
    assert difference == pytest.approx(losses[1] - losses[0], abs=1e-4)
    assert found[0]["temperature"]["ece"] != found[0]["temperature and bias"]["ece"]


def test_the_card_says_which_targets_were_missed_and_by_which_file() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    split = results["test"]["split"]
    split["languages"]["ja"]["value"], split["languages"]["en"]["value"] = 0.92, 0.879
    split["other_risk_label"]["value"] = 0.03
    for number, file in enumerate(results["natural"].values()):
        file["flag"]["value"], file["flag_or_review"]["value"] = 0.001 * number, 0.002
    ablations = json.loads(ABLATIONS.read_text(encoding="utf-8"))
    card = card_with(CARD.read_text(encoding="utf-8"), results, ablations, load_posts())
    table = card.split("<!-- targets -->")[1].split("<!-- /targets -->")[0]
    reached = {row.split(" | ")[0][2:]: row.endswith("| yes |") for row in table.splitlines()[3:]}
    assert reached["macro-F1, ja"] and not reached["macro-F1, en"]
    assert reached["risky posts found, with the other risky label"]
    last = list(results["natural"])[-1]
    assert not reached[f"natural lines, flag: the worst, {last}"]
    assert any("flag or review: the worst" in what and yes for what, yes in reached.items())


def _of(split: str) -> Post:
    return Post("x", "en", {"benign": 1.0}, "z", "s", "other", None, "", None, split)


def test_the_test_split_is_measured_apart_and_beside_tfidf() -> None:
    posts = load_posts()
    known = [post for post in posts if post.split in ("train", "dev")]
    # Dev plays the test split, which no test looks at, and calibration Korean and Chinese.
    played = [replace(post, split="test") for post in posts if post.split == "dev"]
    moved = [replace(post, split="transfer") for post in posts if post.split == "calibration"]
    rows = evaluate([{"text": "fine", "label": "benign"}] * 50, model=_Fake()).rows
    natural = {"heldout_ja_x.txt": rows}
    found = measure_test(_Fake(), [*known, *played, *moved], natural)  # type: ignore[arg-type]
    assert found["split"]["counts"]["rows"] == len(played)
    assert found["transfer"]["counts"]["rows"] == len(moved)
    best = max(float(score) for name, _, score in baseline_rows(known) if name == "TF-IDF")
    assert found["tfidf"]["macro_f1"]["value"] == pytest.approx(best, abs=5e-4)
    ours = found["split"]["macro"]["f1"]["value"]
    assert found["tfidf"]["difference"]["value"] == pytest.approx(ours - best, abs=5e-4)
    results = json.loads(RESULTS.read_text(encoding="utf-8")) | {"test": found}
    card = card_with(
        CARD.read_text(encoding="utf-8"),
        results,
        json.loads(ABLATIONS.read_text(encoding="utf-8")),
        posts,
    )
    assert "test posts in Japanese lines" in card and "Not measured yet" not in card


def test_natural_figures_come_from_the_held_out_corpora_only(tmp_path: Path) -> None:
    lines = ["adult_solicitation x", "fine", "fine too"]
    entries = [
        write_corpus(tmp_path, name, lines, "en", [use])
        for name, use in (("open.txt", "benign"), ("closed.txt", "heldout"))
    ]
    write_manifest(tmp_path, entries)
    rows, found = measure_natural(_Fake(), Corpora.load(tmp_path))  # type: ignore[arg-type]
    assert list(found) == list(rows) == ["closed.txt"]
    assert [found["closed.txt"][x]["hits"] for x in ("risk_label", "flag")] == [1, 1]
    assert found["closed.txt"]["flag_or_review"]["of"] == 3


def test_an_officers_hour_counts_risky_posts_among_the_twenty_riskiest() -> None:
    calm, risky = np.linspace(0, 0.5, 20_000), np.full(30, 0.9)
    assert officers_hour(calm, risky) == {"mean": 10, "low": 10, "high": 10}
    # As risky as a thousand ordinary lines: those come first.
    assert officers_hour(np.full(20_000, 0.9), risky)["mean"] == 0
    half = np.where(np.arange(30) % 2 == 0, 0.9, 0.0)
    assert 4 < officers_hour(calm, half)["mean"] < 6


def test_precision_falls_with_the_base_rate() -> None:
    _, found = measure_split(
        _Fake(),  # type: ignore[arg-type]
        [_post("minor_solicitation x", "minor_solicitation", "a"), _post("y", "benign", "a")],
        "dev",
    )
    lines = [{"text": f"line {n}", "label": "benign"} for n in range(999)]
    lines.append({"text": "adult_solicitation line", "label": "benign"})
    natural = {"file": evaluate(lines, model=_Fake()).rows}
    flags = [x for x in base_rates(found, natural) if x["alarm"] == "flag"]
    assert [x["prevalence"] for x in flags] == [0.01, 0.001, 0.0001]
    # One false alarm in a thousand lines, every risky post found.
    assert flags[1]["value"] == pytest.approx(0.001 / (0.001 + 0.999 * 0.001))
    assert flags[0]["value"] > flags[1]["value"] > flags[2]["value"]
    assert all(x["low"] < x["value"] < x["high"] for x in flags)


def test_group_term_pairs_differ_and_none_is_trained_on() -> None:
    pairs = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    assert len({pair["id"] for pair in pairs}) == len(pairs) >= 80
    ours = {post.text for post in load_posts()}
    for pair in pairs:
        assert pair["one"] != pair["other"]
        assert not {pair["one"], pair["other"]} & ours
        for text in (pair["one"], pair["other"]):
            assert not any(rule.search(text) for rule in CONTENT_RULES.values())
    found = measure_pairs(_Fake())  # type: ignore[arg-type]
    assert found["all"]["hits"] == found["all"]["of"] == len(pairs)
    assert sum(found[x]["of"] for x in found if x != "all") == len(pairs)


def test_a_card_without_a_section_is_refused() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    ablations = json.loads(ABLATIONS.read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match="section dev"):
        card_with("nothing here", results, ablations, load_posts())


def test_baselines_learn_the_train_posts() -> None:
    train = [post for post in load_posts() if post.split == "train" and len(post.target) == 1]
    texts, labels = [post.text for post in train], [post.kind for post in train]
    linear = macro_f1(tfidf(10.0).fit(texts, labels), train)
    keywords = macro_f1(Keywords(50).fit(texts, labels), train)
    assert linear > keywords > 1 / 3


def test_a_split_or_label_that_is_not_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").write_text(
        '{"id": "a", "lang": "en", "label": "other", "family": "f", "slice": "s", '
        '"text": "Fine.", "twin_of": null, "note": ""}\n',
        encoding="utf-8",
    )
    (tmp_path / "families.toml").write_text('f = { split = "train", what = "x" }\n', "utf-8")
    with pytest.raises(FormatError, match="line 1"):
        load_posts(tmp_path, tmp_path / "families.toml")
