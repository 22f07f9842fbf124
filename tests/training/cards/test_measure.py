"""The packaged model is measured on what it has not learned from, and our posts out of fold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from riskclf import Prediction
from tests.tiny_base import write_corpus, write_manifest
from tests.training.cards.fakes import BENIGN, MINOR, FakeModel, said
from training.cards import measure as measuring
from training.cards.measure import (
    PAIRS,
    measure,
    measure_buried,
    measure_natural,
    measure_pairs,
)
from training.posts.corpora import Corpora
from training.posts.post import FOLDS, GATE, load_posts
from training.posts.rules import CONTENT_RULES
from training.recipe.judged import JudgedPosts

POSTS = load_posts()


def _corpora(directory: Path, **files: list[str]) -> Corpora:
    """Held-out files; the language is the second part of a name."""
    entries = [
        write_corpus(directory, f"{name}.txt", lines, name.split("_")[1], ["heldout"])
        for name, lines in files.items()
    ]
    return Corpora.load(write_manifest(directory, entries))


def test_our_posts_are_measured_out_of_fold_and_the_model_on_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpora = _corpora(
        tmp_path,
        heldout_ja_a=[f"今日は{number}番の電車に乗って海を見に行った" for number in range(1500)],
        heldout_ja_b=[f"{MINOR} one", "two"],
        heldout_en_a=["fine", "fine too"],
    )
    inside = [post for post in POSTS if post.fold in FOLDS][::9]
    told = [said(post.kind if post.risky else BENIGN) for post in inside]
    judged = JudgedPosts(inside, told, {"age": {"value": 0.5, "low": 0.4, "high": 0.6}})
    asked: list[str] = []

    class Asked(FakeModel):
        def stream(self, texts: Iterable[str]) -> Iterator[Prediction]:
            for text in texts:
                asked.append(text)
                yield self._one(text)

    model: Any = Asked()
    found = measure(model, corpora, POSTS, judged)
    counted = [post for post in inside if post.labelled]
    assert len(counted) < len(inside)
    assert found["folds"]["counts"]["rows"] == len(counted)
    assert found["folds"]["macro"]["f1"]["value"] == 1
    assert found["aspects"] == judged.aspects
    assert not {post.text for post in POSTS if post.fold in FOLDS} & {*asked}
    sizes = {part: found[part]["counts"]["rows"] for part in ("transfer", "gate")}
    assert sizes == {
        "transfer": sum(post.split == "transfer" for post in POSTS),
        "gate": sum(post.fold == GATE for post in POSTS),
    }
    # All Korean posts of the folds are right, all risky ones of the transfer split are missed.
    assert 0 < found["few"]["ko"]["value"] < 1
    natural = found["natural_languages"]
    assert {name: (x["flag"]["hits"], x["flag"]["of"]) for name, x in natural.items()} == {
        "en": (0, 2),
        "ja": (1, 1502),
    }
    assert found["against"]["name"].startswith("TF-IDF")
    ahead = found["against"]["difference"]["value"]
    assert ahead == pytest.approx(1 - found["against"]["macro_f1"]["value"])
    model_rows = found["model"]
    assert model_rows["weights of the experts for the risk"] == "transformer 0.500, ngrams 0.250"
    assert model_rows["risk from which a risky label is given"] == "0.4000"
    json.dumps(found)
    written = json.dumps(found, ensure_ascii=False)
    assert not [post.id for post in POSTS if post.text in written]


def test_natural_figures_come_from_the_held_out_corpora_only(tmp_path: Path) -> None:
    lines = ["adult_solicitation x", "fine", "fine too"]
    entries = [
        write_corpus(tmp_path, name, lines, "en", [use])
        for name, use in (("open.txt", "benign"), ("closed.txt", "heldout"))
    ]
    write_manifest(tmp_path, entries)
    rows, found = measure_natural(FakeModel(), Corpora.load(tmp_path))
    assert list(found) == list(rows) == ["closed.txt"]
    assert [found["closed.txt"][x]["hits"] for x in ("risk_label", "flag")] == [1, 1]
    assert found["closed.txt"]["flag_or_review"]["of"] == 3


def test_group_term_pairs_differ_and_none_is_trained_on() -> None:
    pairs = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    assert len({pair["id"] for pair in pairs}) == len(pairs) >= 80
    ours = {post.text for post in POSTS}
    for pair in pairs:
        assert pair["one"] != pair["other"]
        assert not {pair["one"], pair["other"]} & ours
        for text in (pair["one"], pair["other"]):
            assert not any(rule.search(text) for rule in CONTENT_RULES.values())
    model: Any = FakeModel()
    found = measure_pairs(model)
    assert found["all"]["hits"] == found["all"]["of"] == len(pairs)
    assert sum(found[x]["of"] for x in found if x != "all") == len(pairs)


def test_buried_posts_stand_behind_lines_of_a_japanese_held_out_corpus(tmp_path: Path) -> None:
    corpora = _corpora(
        tmp_path,
        heldout_en=["We took the train to the sea"],
        heldout_ja=[f"今日は{number}番の電車に乗って海を見に行った" for number in range(2_000)],
    )
    risky = [p.text for p in POSTS if p.fold == GATE and p.risky and p.lang == "ja"]
    longest = max(map(len, risky))
    given: list[str] = []

    class Near(FakeModel):
        """Flags a text that is no longer than a post of ours."""

        def stream(self, texts: Iterable[str]) -> Iterator[Prediction]:
            for text in texts:
                given.append(text)
                yield said(MINOR if len(text) <= longest + 1 else BENIGN)

    found = measure_buried(Near(), POSTS, corpora)
    assert {x["found"]["of"] for x in found.values()} == {len(risky)}
    assert (found["0"]["found"]["hits"], found["800"]["found"]["hits"]) == (len(risky), 0)
    assert found["800"]["alone"]["hits"] == 0
    long = [text for text in given if len(text) >= 400]
    assert all("番の電車" in text and "train" not in text for text in long)
    # Each stretch once with a post behind it, once alone.
    for post, buried, alone in zip(risky * 2, long[::2], long[1::2], strict=True):
        assert buried == f"{alone} {post}"


def test_a_model_without_a_stacker_has_a_temperature() -> None:
    info = FakeModel().info()
    info["saved_as"] |= {"stacker": None, "bias": -1.5, "temperature": 1.25}
    del info["saved_as"]["label_threshold"]
    found = measuring._model(info)
    assert found["temperature"] == "1.2500" and found["bias of the risk's log-odds"] == "-1.5000"
    assert not [name for name in found if "experts" in name or "risky label" in name]
