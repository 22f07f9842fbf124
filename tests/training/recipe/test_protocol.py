"""The protocol: nothing is judged by what was trained or fitted on its family."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from riskclf import artifact
from riskclf.aspects import Heads
from riskclf.labels import LABELS
from riskclf.manifest import MANIFEST_FILE
from riskclf.neighbours import NEAREST, unit
from riskclf.tokens import Tokenizer
from tests.tiny_base import write_corpus, write_manifest
from training.experiments.cascade import out_of_fold_rows
from training.experiments.multitask import compared
from training.experiments.nearest import nearest_rows
from training.experiments.rungs import rung_rows
from training.posts.corpora import Corpora
from training.posts.folds import RESERVED, fold_of_line
from training.posts.post import FOLDS, GATE, Aspects, Post
from training.recipe import material as materials
from training.recipe import out_of_fold, transformer
from training.recipe.base_sources import load_base
from training.recipe.cascade import fit_cascade, risks, shown_risky
from training.recipe.examples import QUESTIONS, answers_of, line_examples, post_examples
from training.recipe.experts import Texts, fit_experts
from training.recipe.material import Material
from training.recipe.out_of_fold import OutOfFold, judge, rank
from training.recipe.package import HELD_OUT, make, write
from training.recipe.side_by_side import train_transformers
from training.recipe.transformer import STEPS, Transformer, train_transformer

WEATHER = ("雨", "雪", "風", "雲", "雷", "霧", "虹", "霜")
PLACES = ("山", "川", "海", "空", "田", "花", "森", "谷", "島", "町")


def _post(number: int, family: int, text: str, label: str, **changes: Any) -> Post:
    aspects = Aspects("none", "other", "none", ("work",) if number % 2 else (), number % 5 == 0)
    post = Post(
        id=f"p{number}",
        lang="ja",
        target={label: 1.0},
        family=f"family {family}",
        slice="plain",
        text=text,
        twin_of=None,
        note="",
        term=None,
        split="",
        fold=FOLDS[family % len(FOLDS)],
        aspects=aspects,
    )
    return replace(post, **changes)


def _posts() -> list[Post]:
    """Snow and storms stand for the two sides, walks for benign posts; 40 families of 6 posts."""
    posts: list[Post] = []
    for family in range(40):
        place, weather = PLACES[family % 10], WEATHER[family // 5]
        for text, label in (
            (f"{place}で{weather}と大雪が降った{family}回", LABELS[0]),
            (f"{family}回目の大雪、{place}は{weather}", LABELS[0]),
            (f"{place}に{weather}の嵐が来る{family}番", LABELS[1]),
            (f"嵐だ、{family}番の{weather}が{place}に", LABELS[1]),
            (f"{place}まで{family}分歩いてパンを買った", LABELS[2]),
            (f"パン屋は{place}の{family}軒目にある", LABELS[2]),
        ):
            posts.append(_post(len(posts), family, text, label))
    gate = _post(len(posts), 99, "砂浜で本を読んだ", LABELS[2], fold=GATE)
    taught = _post(len(posts) + 1, 98, "大雪のパンを探す", LABELS[2], split="aspects")
    return [*posts, gate, taught]


LINES = [f"{place}の駅で{weather}の日に電車を待った" for place in PLACES for weather in WEATHER]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Path:
    """A tiny encoder with the tokenizer of the small model."""
    return model_directory


@pytest.fixture(scope="module")
def material() -> Material:
    posts = _posts()
    lines = [line for line in LINES if fold_of_line(line) != RESERVED]
    reserved = [line for line in LINES if fold_of_line(line) == RESERVED]
    rng = np.random.default_rng(0)
    texts = [*(post.text for post in posts), *lines]
    vectors = {text: rng.normal(size=32).astype(np.float32) for text in texts}
    return Material(posts, lines, reserved, vectors, np.zeros(32, dtype=np.float32))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, material: Material, base: Path) -> Path:
    """All six transformers, trained for some steps."""
    directory = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformer, "STEPS", 60)
        for held_out in HELD_OUT:
            train_transformer(base, material, directory, held_out=held_out)
    return directory


@pytest.fixture(scope="module")
def found(material: Material, base: Path, work: Path) -> OutOfFold:
    texts = Texts(material, Tokenizer.load(base))
    return OutOfFold.of(
        texts, {x: fit_experts(texts, Transformer.at(work, x), work, x)[1] for x in FOLDS}
    )


# Material -----------------------------------------------------------------------------------------


def test_lines_are_benign_ones_that_are_not_held_out_or_nearly_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = ("the museum", "a bakery", "the harbour", "our garden", "the old bridge")
    lines = [f"On day {n} we walked to {place} and back" for n, place in enumerate(places)]
    monkeypatch.setattr(materials, "NATURAL_MIX", {"open.txt": len(lines)})
    monkeypatch.setattr(materials, "load_posts", lambda: _posts()[:6])
    entries = [
        write_corpus(tmp_path, "open.txt", lines, "en", ["benign"]),
        write_corpus(tmp_path, "closed.txt", [lines[2].upper() + "!!"], "en", ["heldout"]),
    ]
    corpora = Corpora.load(write_manifest(tmp_path, entries))
    from tests.tiny_base import write_base

    teacher = load_base(str(write_base(tmp_path / "teacher")))
    found = materials.gather(corpora, teacher, tmp_path / "cache")
    kept = {line for line in lines if line != lines[2]}
    assert {*found.lines} | {*found.reserved} == kept
    assert all(fold_of_line(line) == RESERVED for line in found.reserved)
    assert {*found.vectors} == {*found.lines, *(post.text for post in found.posts)}
    centred = np.mean([found.vectors[line] for line in found.lines], axis=0)
    assert centred == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("fold", HELD_OUT)
def test_neither_the_held_out_fold_nor_the_gate_is_trained_on(
    material: Material, base: Path, fold: str | None
) -> None:
    posts = material.posts_without(fold)
    assert {post.fold for post in posts} == {*FOLDS} - {fold}
    assert fold not in {fold_of_line(line) for line in material.lines_without(fold)}
    texts = Texts(material, Tokenizer.load(base))
    trained = texts.trained(fold)
    assert not {fold, GATE, RESERVED} & {*texts.fold[trained].tolist()}
    assert {*texts.fold[trained].tolist()} == {*FOLDS} - {fold}


# What is learned ----------------------------------------------------------------------------------


def test_a_post_for_its_answers_teaches_no_label_and_a_line_seeks_no_help() -> None:
    posts = _posts()
    taught = post_examples([posts[-1]], {})[0]
    assert taught.target is None and None not in taught.answers
    line = line_examples(["雨の日"], {})[0]
    assert line.target == (0.0, 0.0, 1.0)
    assert line.answers[-1] == 0.0 and {*line.answers[:-1]} == {None}


def test_answers_follow_the_order_of_the_questions() -> None:
    post = replace(
        _posts()[0],
        aspects=Aspects("adult", "seeker", "none", ("lodging", "threat"), True),
    )
    found = dict(
        zip(
            [(question.name, answer) for question in QUESTIONS for answer in question.answers],
            answers_of(post),
            strict=True,
        )
    )
    right = {name for name, value in found.items() if value == 1.0}
    assert right == {
        ("age", "adult"),
        ("side", "seeker"),
        ("act", "none"),
        ("matter", "lodging"),
        ("matter", "threat"),
        ("support", "yes"),
    }


# Out of fold --------------------------------------------------------------------------------------


def test_every_text_is_judged_by_the_model_without_its_fold(found: OutOfFold, work: Path) -> None:
    texts = found.texts
    assert sorted(found.number.tolist()) == np.flatnonzero(np.isin(texts.fold, FOLDS)).tolist()
    outputs = {fold: Transformer.at(work, fold).outputs for fold in FOLDS}
    row = 0
    for number in found.number:
        own = outputs[str(texts.fold[number])].logits[texts.starts[number]]
        assert np.array_equal(found.outputs.logits[row], own)
        row += texts.starts[number + 1] - texts.starts[number]
    assert not np.isnan(found.outputs.sentence).any()


def test_what_is_fitted_for_a_fold_does_not_depend_on_its_targets(
    found: OutOfFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out_of_fold, "STATED", {"standard": {"precision": 0.8, "recall": 0.9}})
    before = judge(found)
    texts = found.texts
    turned = replace(texts, material=texts.material)
    targets = texts.targets.copy()
    inside = texts.fold == "3"
    targets[inside] = targets[inside][:, [1, 0, 2]]
    turned.__dict__["targets"] = targets
    after = judge(replace(found, texts=turned))
    fold = texts.fold[before.number]
    same = [a == b for a, b in zip(before.predictions, after.predictions, strict=True)]
    assert all(np.array(same)[fold == "3"])
    assert not all(np.array(same)[fold != "3"])


def test_three_experts_know_what_the_posts_say(found: OutOfFold) -> None:
    """Out of fold they tell storms from bread although every family has its own words."""
    judged = rank(found, ("transformer", "ngrams", "neighbours"))
    targets = found.texts.targets[judged.number]
    risk = np.array([x.risk for x in judged.predictions])
    is_post = judged.number < len(found.texts.material.posts) - 2
    risky = targets[:, :2].sum(axis=1) == 1
    assert risk[is_post & risky].min() > risk[is_post & ~risky].max()
    side = np.array([LABELS.index(x.side) for x in judged.predictions])
    assert (side == targets.argmax(axis=1))[is_post & risky].mean() > 0.9


def test_what_each_expert_adds_is_paired_with_all_three(found: OutOfFold) -> None:
    rows = {row["experts"]: row for row in rung_rows(found)}
    assert len(rows) == 7
    whole = rows["transformer + ngrams + neighbours"]
    assert whole["average_precision"]["value"] == pytest.approx(1)
    assert (whole["difference"]["value"], whole["natural"]["hits"]) == (0, 0)
    for row in rows.values():
        less = row["average_precision"]["value"] - whole["average_precision"]["value"]
        assert row["difference"]["value"] == pytest.approx(less)
        assert row["difference"]["low"] <= row["difference"]["value"] <= row["difference"]["high"]
        assert row["side"]["of"] == 160


def test_the_first_stage_of_a_cascade_clears_no_risky_post_that_is_shown(
    found: OutOfFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out_of_fold, "STATED", {"standard": {"precision": 0.8, "recall": 0.9}})
    judged = judge(found)
    shown = shown_risky(found, judged)
    assert shown.sum() > 140
    cascade = fit_cascade(found, judged)
    assert cascade.stacker.experts == ("ngrams",)
    at = risks(found, cascade.stacker)
    assert at[shown].min() == cascade.threshold
    assert (at[found.is_post & ~shown] < cascade.threshold).mean() > 0.5
    rows = out_of_fold_rows(found, judged)
    assert rows["risky posts that are shown"]["of"] == shown.sum()
    assert rows["risky posts that are shown"]["value"] > 0.9
    assert rows["posts that are not risky"]["value"] < 0.5


def test_ways_to_compare_with_known_posts_are_paired_with_the_packaged_one(
    found: OutOfFold, work: Path
) -> None:
    by_fold = {fold: Transformer.at(work, fold) for fold in FOLDS}
    rows = {row["way"]: row for row in nearest_rows(found.texts, by_fold)}
    packaged = rows[f"{NEAREST} nearest"]
    assert len(rows) == 7
    assert packaged["difference"]["value"] == 0
    for row in rows.values():
        less = row["average_precision"]["value"] - packaged["average_precision"]["value"]
        assert row["difference"]["value"] == pytest.approx(less)


def test_a_transformer_learns_only_the_tasks_that_it_is_given(
    found: OutOfFold, base: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformer, "STEPS", 60)
    texts, whole = found.texts, Transformer.at(work, "1")
    label = train_transformer(base, texts.material, tmp_path, held_out="1", tasks=frozenset())
    rows = [*compared(texts, {"label": label, "all": whole}, "1")]
    assert [(row["learned"], row["expert"]) for row in rows] == [
        ("label", "transformer"),
        ("label", "neighbours"),
        ("all", "transformer"),
        ("all", "neighbours"),
    ]
    # On the label alone it has no answers, and learns the label as well.
    assert not (label.directory / "heads.safetensors").exists()
    assert rows[0]["average_precision"]["value"] > 0.9
    assert [row["difference"]["value"] for row in rows[2:]] == [0, 0]
    # The taught directions are random here: only who learns them comes nearer to them.
    posts = [x for x, post in enumerate(texts.material.posts) if post.fold != "1"]
    taught = np.array([texts.material.vectors[texts.material.texts[x]] for x in posts])
    near = [
        float((unit(x.outputs.sentence[texts.starts[posts]]) * unit(taught)).sum(axis=1).mean())
        for x in (label, whole)
    ]
    assert near[1] > near[0]


# Training that stops, and the package -------------------------------------------------------------


def test_a_training_that_is_stopped_goes_on_with_the_same_result(
    material: Material, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformer, "STEPS", 6)
    monkeypatch.setattr(transformer, "_CONFIG", replace(transformer._CONFIG, save_steps=2))
    whole = train_transformer(base, material, tmp_path / "whole", held_out="1")

    def stop(stage: str, done: int, total: int | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_transformer(base, material, tmp_path / "cut", held_out="1", progress=stop)
    steps: list[int] = []
    cut = train_transformer(
        base, material, tmp_path / "cut", held_out="1", progress=lambda s, d, t: steps.append(d)
    )
    assert 0 < len(steps) < 6
    assert np.array_equal(cut.outputs.logits, whole.outputs.logits, equal_nan=True)
    # What is finished is not trained again.
    monkeypatch.setattr(transformer, "train_classifier", None)
    assert train_transformer(base, material, tmp_path / "cut", held_out="1").finished


def test_trainings_side_by_side_are_those_of_one_after_the_other(
    material: Material, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes of their own know no patches: these trainings are cut by what is finished."""
    for held_out in ("1", "2"):
        with monkeypatch.context() as patch:
            patch.setattr(transformer, "STEPS", 3)
            train_transformer(base, material, tmp_path, held_out=held_out)
    (Transformer.at(tmp_path, "2").directory / "outputs.npz").unlink()
    before = Transformer.at(tmp_path, "1").outputs
    told: list[tuple[int, int | None]] = []
    train_transformers(
        base,
        material,
        tmp_path,
        ("1", "2"),
        at_once=2,
        progress=lambda _, done, total: told.append((done, total)),
    )
    assert np.array_equal(
        Transformer.at(tmp_path, "1").outputs.logits, before.logits, equal_nan=True
    )
    assert Transformer.at(tmp_path, "2").finished
    assert told[-1] == (2 * STEPS, 2 * STEPS)


def test_the_package_has_all_experts_and_what_they_were_fitted_on(
    material: Material,
    base: Path,
    work: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(out_of_fold, "STATED", {"standard": {"precision": 0.8, "recall": 0.9}})
    (tmp_path / "manifest.json").write_text("[]", encoding="utf-8")
    made = make(material, base, work)
    write(made, base, Corpora.load(tmp_path), tmp_path / "model")
    loaded = artifact.load(tmp_path / "model", device="cpu", batch_size=8)
    assert loaded.experts.names == {"transformer", "ngrams", "neighbours"}
    assert loaded.manifest.stacker == made.manifest.stacker
    assert loaded.manifest.cascade == made.manifest.cascade is not None
    point = loaded.manifest.operating_points["standard"]
    assert loaded.manifest.label_threshold is not None
    assert point.review <= loaded.manifest.label_threshold <= point.flag
    assert loaded.aspects is not None
    asked: Sequence[str] = [question.name for question in loaded.aspects.questions]
    assert asked == ["age", "side", "act", "matter"]
    support = Heads.load(tmp_path / "model" / "support.safetensors", 32)
    assert support.threshold is not None and 0 < support.threshold < 1
    values = json.loads((tmp_path / "model" / MANIFEST_FILE).read_text(encoding="utf-8"))
    assert {*values["provenance"]["shift"]} == {"transformer", "ngrams", "neighbours"}
