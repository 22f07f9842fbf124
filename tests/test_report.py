"""The figures of the model card are counted as they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import norm

from riskclf import Label, Prediction
from riskclf.errors import FormatError
from tests.tiny_base import write_corpus, write_manifest
from training.baselines import Keywords, macro_f1, tfidf
from training.corpora import Corpora
from training.dataset import Post, load_posts
from training.report import RESULTS, card_with, measure_dev, measure_natural, proportion


class _Fake:
    """Says the risky label that the text names; flags at once."""

    def predict_many(self, texts: Any) -> list[Prediction]:
        return [self._one(text) for text in texts]

    def stream(self, texts: Any) -> Any:
        return map(self._one, texts)

    def _one(self, text: str) -> Prediction:
        label = next((x for x in Label if text.startswith(x)), Label.BENIGN)
        risky = label is not Label.BENIGN
        return Prediction(label, {}, float(risky), "flag" if risky else "clear", False)


def _post(text: str, label: str, family: str, **target: float) -> Post:
    return Post(text, "en", target or {label: 1.0}, family, "", text, None, "", None, "dev")


def test_a_proportion_has_the_wilson_interval() -> None:
    z = norm.ppf(0.975)
    share, of = 3 / 40, 40
    centre = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    half = z / (1 + z**2 / of) * (share * (1 - share) / of + z**2 / (4 * of**2)) ** 0.5
    found = proportion(3, 40)
    assert (found["hits"], found["of"]) == (3, 40)
    assert found["low"] == pytest.approx(centre - half, abs=1e-5)
    assert found["high"] == pytest.approx(centre + half, abs=1e-5)


def test_dev_figures_count_labels_and_decisions_apart_and_leave_soft_posts_out() -> None:
    minor, adult, benign = map(str, Label)
    posts = [
        _post(f"{minor} one", minor, "a"),
        _post("missed", minor, "a"),
        _post(f"{minor} wrong side", adult, "b"),
        _post(f"{adult} false alarm", benign, "b"),
        _post("fine", benign, "c"),
        _post(f"{minor} soft", "", "c", minor_solicitation=0.5, benign=0.5),
    ]
    found = measure_dev(_Fake(), posts)  # type: ignore[arg-type]
    assert (found["recall"][minor]["hits"], found["recall"][minor]["of"]) == (1, 2)
    assert (found["recall"][adult]["hits"], found["recall"][adult]["of"]) == (0, 1)
    assert (found["other_risky_label"]["hits"], found["other_risky_label"]["of"]) == (1, 2)
    assert (found["benign_flag"]["hits"], found["benign_flag"]["of"]) == (1, 2)
    assert found["soft_flag_or_review"]["hits"] == 1
    assert (found["macro_f1"]["posts"], found["macro_f1"]["families"]) == (5, 3)


def test_natural_figures_come_from_the_held_out_corpora_only(tmp_path: Path) -> None:
    lines = ["adult_solicitation x", "fine", "fine too"]
    entries = [
        write_corpus(tmp_path, name, lines, "en", [use])
        for name, use in (("open.txt", "benign"), ("closed.txt", "heldout"))
    ]
    write_manifest(tmp_path, entries)
    found = measure_natural(_Fake(), Corpora.load(tmp_path))  # type: ignore[arg-type]
    assert list(found) == ["closed.txt"]
    assert [found["closed.txt"][x]["hits"] for x in ("risk_label", "flag")] == [1, 1]
    assert found["closed.txt"]["flag_or_review"]["of"] == 3


def test_a_card_without_a_section_is_refused() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match="section dev"):
        card_with("nothing here", results, load_posts())


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
