"""Three experts, one decision: each is real, and a model with them on disk is checked whole."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from riskclf import RiskClassifier
from riskclf.artifact import Artifact, load
from riskclf.aspects import Heads
from riskclf.calibration import choose_label_threshold, fit_stacker
from riskclf.decide import OperatingPoint, shifted
from riskclf.encoder import Outputs
from riskclf.errors import ArtifactCorrupt, OperatingPointError
from riskclf.features import FEATURES, counts
from riskclf.finetuning.ngrams import fit_ngrams
from riskclf.manifest import digest
from riskclf.neighbours import Neighbours
from riskclf.stacker import Stacker
from tests.experts import BREAD, QUESTIONS, RAIN, SNOW, with_experts

IS_RISK = np.array([True, True, False])
ALL = ("transformer", "ngrams", "neighbours")


@pytest.fixture(scope="module")
def directory(model_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("experts") / "model"
    with_experts(model_directory, output)
    return output


@pytest.fixture(scope="module")
def loaded(directory: Path) -> Artifact:
    return load(directory, device="cpu", batch_size=8)


@pytest.fixture
def copied(directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(directory, tmp_path / "model"))


# The stacker --------------------------------------------------------------------------------------


def random_outputs(rows: int = 400) -> tuple[Outputs, Any]:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (3, rows, 3)).astype(np.float32)
    vectors = np.zeros((rows, 2), dtype=np.float32)
    return Outputs(logits[0], vectors, vectors, logits[1], logits[2]), logits.astype(np.float64)


def test_the_risk_is_the_weighted_sum_of_what_the_experts_say() -> None:
    outputs, logits = random_outputs()
    stacker = Stacker(ALL, (0.5, 0.0, 2.0), (1.0, 0.0, 0.0), -1.0)
    found = stacker.probabilities(outputs, IS_RISK)
    odds = np.log(np.exp(logits[:, :, :2]).sum(axis=2)) - logits[:, :, 2]
    assert found.sum(axis=1) == pytest.approx(1)
    assert found[:, :2].sum(axis=1) == pytest.approx(expit(0.5 * odds[0] + 2 * odds[2] - 1))
    sides = found[:, :2] / found[:, :2].sum(axis=1, keepdims=True)
    assert sides == pytest.approx(softmax(logits[0, :, :2], axis=1))


def test_a_shift_moves_the_log_odds_of_the_risk_and_not_the_side() -> None:
    outputs, _ = random_outputs()
    stacker = Stacker(ALL, (0.5, 0.3, 1.0), (1.0, 0.2, 0.1), -1.0)
    before = stacker.probabilities(outputs, IS_RISK)
    after = shifted(before, IS_RISK, -2.0)
    risks = [x[:, :2].sum(axis=1) for x in (before, after)]
    logits = [np.log(risk / (1 - risk)) for risk in risks]
    assert logits[1] == pytest.approx(logits[0] - 2)
    assert after[:, 0] / after[:, 1] == pytest.approx(before[:, 0] / before[:, 1])


def test_a_stacker_finds_the_weights_that_explain_the_targets() -> None:
    outputs, logits = random_outputs(20_000)
    truth = Stacker(ALL, (0.5, 0.0, 1.5), (1.0, 0.3, 0.0), -1.0)
    targets = truth.probabilities(outputs, IS_RISK)
    found = fit_stacker(logits, targets, np.ones(len(targets)), IS_RISK, ALL)
    assert found.risk == pytest.approx(truth.risk, abs=0.01)
    assert found.side == pytest.approx(truth.side, abs=0.02)
    assert found.bias == pytest.approx(-1, abs=0.01)


@pytest.mark.parametrize("start", [None, Stacker(ALL, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), -1.0)])
def test_no_other_stacker_fits_better(start: Stacker | None) -> None:
    """Its loss is written out here: cross-entropy of weighted posts, and one for each change."""
    _, logits = random_outputs(30)
    rng = np.random.default_rng(1)
    targets, weights = rng.dirichlet([1, 1, 1], 30), rng.uniform(0.2, 3, 30)
    before = start or Stacker(ALL, (1 / 3,) * 3, (1 / 3,) * 3, 0.0)
    origin = np.array([*before.risk, before.bias, *before.side])
    odds = np.log(np.exp(logits[:, :, :2]).sum(axis=2)) - logits[:, :, 2]

    def loss(at: Any) -> float:
        risk = expit(at[:3] @ odds + at[3])
        wanted = targets[:, :2].sum(axis=1)
        of_risk = wanted * np.log(risk) + (1 - wanted) * np.log(1 - risk)
        side = softmax(np.tensordot(at[4:], logits, 1)[:, :2], axis=1)
        of_side = (targets[:, :2] * np.log(side)).sum(axis=1)
        return float(-(weights * (of_risk + of_side)).sum() + ((at - origin) ** 2).sum())

    found = fit_stacker(logits, targets, weights, IS_RISK, ALL, start=start)
    best = np.array([*found.risk, found.bias, *found.side])
    for index in range(len(best)):
        for step in (-0.02, 0.02):
            other = best.copy()
            other[index] = other[index] + step if index == 3 else max(0.0, other[index] + step)
            assert loss(other) >= loss(best) - 1e-6


def test_no_expert_gets_a_negative_weight() -> None:
    outputs, logits = random_outputs(5_000)
    against = Stacker(ALL, (1.0, 0.0, 0.0), (1.0, 0.0, 0.0), 0.0).probabilities(outputs, IS_RISK)
    logits[1] = -logits[0]  # an expert that says the contrary
    found = fit_stacker(logits, against, np.ones(len(against)), IS_RISK, ALL)
    assert min((*found.risk, *found.side)) >= 0


def test_a_few_posts_hardly_move_a_stacker_that_is_there() -> None:
    _, logits = random_outputs(2)
    start = Stacker(ALL, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), -1.0)
    targets = np.eye(3)[[0, 2]]
    found = fit_stacker(logits, targets, np.ones(2), IS_RISK, ALL, start=start)
    assert found.risk == pytest.approx(start.risk, abs=1.0)
    assert found != start


def test_the_label_threshold_is_the_best_one_from_review_on() -> None:
    risk = np.array([0.9, 0.7, 0.55, 0.45, 0.35, 0.1])
    gold = [0, 0, 0, 2, 2, 2]
    scores = np.stack([risk, np.zeros(6), 1 - risk], axis=1)
    point = OperatingPoint(flag=0.8, review=0.3)
    threshold = choose_label_threshold(scores, np.eye(3)[gold], np.ones(6), IS_RISK, point)
    assert 0.45 < threshold <= 0.55
    late = OperatingPoint(flag=0.8, review=0.6)
    assert choose_label_threshold(scores, np.eye(3)[gold], np.ones(6), IS_RISK, late) in (0.6, 0.7)


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_no_other_label_threshold_has_a_better_weighted_macro_f1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold, weights = rng.integers(0, 3, 40), rng.choice([0.2, 1.0, 7.0], 40)
    targets, scores = np.eye(3)[gold], rng.dirichlet([1, 1, 1], 40)
    targets[:5] = 0.5, 0.5, 0.0  # not counted, however they are scored
    risk = scores[:, :2].sum(axis=1)
    side = scores[:, :2].argmax(axis=1)

    def macro_f1(at: float) -> float:
        labels = np.where(risk >= at, side, 2)[5:]
        return float(
            f1_score(gold[5:], labels, labels=[0, 1, 2], average="macro",
                     sample_weight=weights[5:], zero_division=0)
        )  # fmt: skip

    point = OperatingPoint(flag=0.8, review=0.3)
    found = choose_label_threshold(scores, targets, weights, IS_RISK, point)
    assert found >= point.review
    best = max(macro_f1(x) for x in [point.review, *risk[5:][risk[5:] >= point.review]])
    assert macro_f1(found) == pytest.approx(best)


# N-grams ------------------------------------------------------------------------------------------


def test_the_ngrams_are_a_logistic_regression_on_tfidf(loaded: Artifact) -> None:
    posts = (*RAIN, *SNOW, *BREAD)
    labels = np.repeat([0, 1, 2], 6)
    windows = [encoding.head for encoding in loaded.tokenizer.encode_batch(posts)]
    ours = fit_ngrams(windows, np.eye(3)[labels], np.ones(len(posts)), strength=2.0)
    values, *columns = counts(windows)
    found = sparse.csr_matrix((values, *columns), shape=(len(windows), FEATURES))
    half = FEATURES // 2
    blocks = [
        TfidfTransformer(sublinear_tf=True).fit_transform(part)
        for part in (found[:, :half], found[:, half:])
    ]
    features = np.hstack([block.toarray() for block in blocks])
    theirs = LogisticRegression(C=2.0, tol=1e-8, max_iter=1000).fit(features, labels)
    expected = softmax(theirs.decision_function(features), axis=1)
    assert softmax(ours.logits(windows), axis=1) == pytest.approx(expected, abs=2e-3)


def test_ngrams_that_start_from_others_stay_near_them(loaded: Artifact) -> None:
    windows = [encoding.head for encoding in loaded.tokenizer.encode_batch((*RAIN, *BREAD))]
    before = loaded.experts.ngrams
    assert before is not None
    new = loaded.tokenizer.encode("新しい傘がほしい").head
    weak = fit_ngrams([new], np.eye(3)[[0]], np.ones(1), start=before, strength=0.01)
    strong = fit_ngrams([new], np.eye(3)[[0]], np.ones(1), start=before, strength=10.0)
    moved = [np.abs(x.logits(windows) - before.logits(windows)).max() for x in (weak, strong)]
    assert moved[0] < moved[1]
    assert strong.logits([new])[0].argmax() == 0
    assert np.array_equal(strong.idf, before.idf)


def test_no_window_gives_no_row(loaded: Artifact) -> None:
    assert loaded.experts.ngrams is not None
    assert loaded.experts.ngrams.logits([]).shape == (0, 3)


# Neighbours ---------------------------------------------------------------------------------------


def test_affinity_is_the_mean_cosine_to_the_nearest_known_posts() -> None:
    rng = np.random.default_rng(0)
    known, posts = (rng.normal(size=(n, 8)).astype(np.float32) for n in (60, 7))
    centre = np.full(8, 0.05, dtype=np.float32)
    labels = np.arange(60) % 3
    found = Neighbours.of(known, labels.tolist(), ["x"] * 60, centre).logits(posts, 3)

    def centred(vectors: Any) -> Any:
        moved = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) - centre
        return moved / np.linalg.norm(moved, axis=1, keepdims=True)

    cosines = centred(posts) @ centred(known).T
    for label in range(3):
        nearest = np.sort(cosines[:, labels == label], axis=1)[:, -10:].mean(axis=1)
        assert found[:, label] / 20 == pytest.approx(nearest, abs=2e-3)  # stored in half precision


def test_the_nearest_scenarios_are_named_from_near_to_far(loaded: Artifact) -> None:
    neighbours = loaded.experts.neighbours
    assert neighbours is not None
    window = loaded.tokenizer.encode(SNOW[0]).head
    sentence = loaded.engine.compute([window.ids]).sentence[0]
    names = {"snow": "white", "rain": "wet"}
    named = neighbours.nearest(sentence, names, 5)
    name, label, similarity = named[0]
    assert (name, label) == ("white", 1)
    assert similarity == pytest.approx(1, abs=1e-2)
    assert [name for name, *_ in named] == ["white", "wet"]  # a natural line has no scenario
    assert [name for name, *_ in neighbours.nearest(sentence, {"rain": "wet"}, 5)] == ["wet"]
    assert len(neighbours.nearest(sentence, names, 1)) == 1


# On disk ------------------------------------------------------------------------------------------


def test_a_model_with_experts_decides_as_its_stacker_says(loaded: Artifact) -> None:
    classifier = RiskClassifier(loaded)
    for posts, label in ((RAIN, "minor_solicitation"), (SNOW, "adult_solicitation")):
        assert {x.side for x in classifier.predict_many(posts)} == {label}
    stacker = loaded.manifest.stacker
    assert stacker is not None
    window = loaded.tokenizer.encode(RAIN[0]).head
    outputs = loaded.experts.complete([window], loaded.engine.compute([window.ids]))
    expected = stacker.probabilities(outputs, IS_RISK)[0]
    assert list(classifier.predict(RAIN[0]).scores.values()) == pytest.approx(expected)


def test_the_label_follows_the_stored_threshold(loaded: Artifact) -> None:
    post = RAIN[0]
    risk = RiskClassifier(loaded).predict(post).risk
    for threshold, risky in ((risk - 1e-6, True), (risk + 1e-6, False)):
        manifest = replace(loaded.manifest, label_threshold=threshold)
        wide = OperatingPoint(flag=1 - 1e-9, review=0.001)
        found = RiskClassifier(replace(loaded, manifest=manifest), wide).predict(post)
        assert (found.label in loaded.manifest.risk_labels) is risky
        assert found.risk == risk


@pytest.mark.parametrize(("flag", "review"), [(0.9999, 0.999), (0.002, 0.001)])
def test_label_and_decision_never_contradict_each_other(
    directory: Path, flag: float, review: float
) -> None:
    for prevalence in (None, 0.001):
        own = RiskClassifier.load(
            directory,
            device="cpu",
            prevalence=prevalence,
            thresholds={"flag": flag, "review": review},
        )
        for found in own.predict_many((*RAIN, *SNOW, *BREAD)):
            risky = found.label in own.risk_labels
            assert risky or found.decision != "flag"
            assert not risky or found.decision != "clear"


def test_saving_again_keeps_experts_heads_and_support(directory: Path, tmp_path: Path) -> None:
    classifier = RiskClassifier.load(directory, device="cpu")
    classifier.save(tmp_path / "again")
    for name in ("ngrams", "neighbours", "aspects", "support"):
        file = f"{name}.safetensors"
        assert (tmp_path / "again" / file).read_bytes() == (directory / file).read_bytes()
    again = RiskClassifier.load(tmp_path / "again", device="cpu")
    assert again.predict_many(RAIN) == classifier.predict_many(RAIN)


def test_no_text_is_stored_with_the_experts(directory: Path) -> None:
    for name in ("ngrams", "neighbours"):
        content = (directory / f"{name}.safetensors").read_bytes()
        assert not any(word.encode("utf-8") in content for word in ("雨", "パン", "雪"))


def test_heads_answer_their_questions(loaded: Artifact) -> None:
    assert loaded.aspects is not None
    pooled = np.random.default_rng(1).normal(size=(4, 32)).astype(np.float32)
    found = loaded.aspects.probabilities(pooled)
    assert {name: x.shape for name, x in found.items()} == {"weather": (4, 3), "thing": (4, 2)}
    assert found["weather"].sum(axis=1) == pytest.approx(1)
    assert loaded.aspects.questions == QUESTIONS[:2]


@pytest.mark.parametrize("name", ["weather", "thing"])
def test_some_heads_answer_as_they_do_among_all(loaded: Artifact, name: str) -> None:
    assert loaded.aspects is not None
    pooled = np.random.default_rng(1).normal(size=(4, 32)).astype(np.float32)
    some = loaded.aspects.of([name, "no such question"])
    assert [x.name for x in some.questions] == [name]
    expected = loaded.aspects.probabilities(pooled)[name]
    assert some.probabilities(pooled)[name] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"questions": [{"name": "a", "answers": [], "several": True}]}, "no heads of this model"),
        ({"questions": [{"name": "a", "answers": ["b"], "several": 1}]}, "no heads of this model"),
        ({"questions": [{"name": "a", "answers": ["b", "c"], "several": True}]}, "no heads of"),
        ({"questions": [{"name": "a", "answers": ["b"]}]}, "cannot be read"),
        ({}, "cannot be read"),
    ],
)
def test_heads_that_cannot_be_used_are_refused(
    told: dict[str, Any], message: str, tmp_path: Path
) -> None:
    answers = 0 if "[]" in json.dumps(told) else 1
    tensors = {
        "weights": np.ones((answers, 4), dtype=np.float32),
        "bias": np.ones(answers, dtype=np.float32),
    }
    metadata = {"heads": json.dumps({"threshold": None} | told)}
    save_file(tensors, tmp_path / "heads.safetensors", metadata=metadata)
    with pytest.raises(ArtifactCorrupt, match=message):
        Heads.load(tmp_path / "heads.safetensors", 4)


def test_the_support_head_is_a_file_of_its_own_that_loading_leaves_alone(copied: Path) -> None:
    assert Heads.load(copied / "support.safetensors", 32).threshold == 0.75
    (copied / "support.safetensors").unlink()
    found = load(copied, device="cpu", batch_size=8)
    assert found.aspects is not None
    assert [question.name for question in found.aspects.questions] == ["weather", "thing"]


@pytest.mark.parametrize("name", ["ngrams", "neighbours", "aspects"])
def test_a_missing_or_altered_expert_is_noticed(copied: Path, name: str) -> None:
    file = copied / f"{name}.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ArtifactCorrupt, match=name):
        load(copied, device="cpu", batch_size=8)
    file.unlink()
    with pytest.raises(ArtifactCorrupt, match=name):
        load(copied, device="cpu", batch_size=8)


@pytest.mark.parametrize(
    "change",
    [
        {"stacker": {"experts": ["oracle"], "risk": [1], "side": [1], "bias": 0}},
        {"stacker": {"experts": ["ngrams"], "risk": [-1], "side": [1], "bias": 0}},
        {"stacker": {"experts": ["ngrams"], "risk": [1, 1], "side": [1], "bias": 0}},
        {"stacker": {"experts": ["ngrams"], "risk": [1], "side": [1], "bias": float("nan")}},
        {"stacker": {"experts": []}},
        {"label_threshold": 1.5},
    ],
    ids=["unknown expert", "negative", "too many weights", "no number", "empty", "threshold"],
)
def test_a_stacker_that_cannot_be_used_is_refused(copied: Path, change: dict[str, Any]) -> None:
    file = copied / "riskclf.json"
    values = json.loads(file.read_text(encoding="utf-8")) | change
    file.write_text(json.dumps(values | {"digest": digest(values)}), encoding="utf-8")
    with pytest.raises(ArtifactCorrupt):
        load(copied, device="cpu", batch_size=8)


def test_a_stacker_without_its_expert_is_refused(copied: Path) -> None:
    file = copied / "riskclf.json"
    values = json.loads(file.read_text(encoding="utf-8"))
    del values["files"]["neighbours.safetensors"], values["roles"]["neighbours.safetensors"]
    (copied / "neighbours.safetensors").unlink()
    file.write_text(json.dumps(values | {"digest": digest(values)}), encoding="utf-8")
    with pytest.raises(ArtifactCorrupt, match="expert"):
        load(copied, device="cpu", batch_size=8)


# A user's own thresholds --------------------------------------------------------------------------


def test_saved_thresholds_are_used_unless_another_point_is_asked_for(
    directory: Path, tmp_path: Path
) -> None:
    classifier = RiskClassifier.load(directory, device="cpu")
    classifier.save(tmp_path / "own", thresholds={"flag": 0.95, "review": 0.9})
    own = RiskClassifier.load(tmp_path / "own", device="cpu")
    assert own.info()["thresholds"] == {"flag": 0.95, "review": 0.9}
    standard = RiskClassifier.load(tmp_path / "own", operating_point="standard", device="cpu")
    assert standard.info()["thresholds"] == classifier.info()["thresholds"]
    assert own.fingerprint != classifier.fingerprint


def test_thresholds_for_another_base_rate_are_stored_for_the_models_own(
    directory: Path, tmp_path: Path
) -> None:
    rare = RiskClassifier.load(directory, device="cpu", prevalence=0.001)
    rare.save(tmp_path / "own", thresholds={"flag": 0.5, "review": 0.1})
    again = RiskClassifier.load(tmp_path / "own", device="cpu", prevalence=0.001)
    assert again.info()["thresholds"] == pytest.approx({"flag": 0.5, "review": 0.1})


def test_thresholds_that_are_not_usable_are_not_saved(directory: Path, tmp_path: Path) -> None:
    classifier = RiskClassifier.load(directory, device="cpu")
    with pytest.raises(OperatingPointError):
        classifier.save(tmp_path / "own", thresholds={"flag": 0.1, "review": 0.5})
    assert not (tmp_path / "own").exists()
