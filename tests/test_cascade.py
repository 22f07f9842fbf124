"""The first stage of a cascade: what it clears, and what it must leave to the transformer."""

from __future__ import annotations

import csv
import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import riskclf
from riskclf import RiskClassifier
from riskclf.artifact import Artifact
from riskclf.cascade import FirstStage
from riskclf.decide import OperatingPoint
from riskclf.encoder import Outputs
from riskclf.errors import ArtifactCorrupt, InputError
from riskclf.manifest import digest
from riskclf.stacker import Cascade, Stacker
from tests.experts import BREAD, RAIN, SNOW, with_experts

_CASCADE = Cascade(Stacker(("ngrams",), (1.0,), (1.0,), 0.0), 0.2)
_THRESHOLDS = {"flag": 0.9, "review": 0.5}


@pytest.fixture(scope="module")
def directory(model_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("cascade") / "model"
    with_experts(model_directory, output)
    return changed(output, cascade=as_json(_CASCADE))


def as_json(cascade: Cascade) -> dict[str, Any]:
    stacker = cascade.stacker
    return {
        "stacker": {
            "experts": [*stacker.experts],
            "risk": [*stacker.risk],
            "side": [*stacker.side],
            "bias": stacker.bias,
        },
        "threshold": cascade.threshold,
    }


def changed(directory: Path, **values: Any) -> Path:
    file = directory / "riskclf.json"
    content = {**json.loads(file.read_text(encoding="utf-8")), **values}
    file.write_text(json.dumps(content | {"digest": digest(content)}), encoding="utf-8")
    return directory


def test_clears_what_ngrams_clear_and_leaves_the_rest_as_it_is(directory: Path) -> None:
    posts = [x for three in zip(RAIN, BREAD, SNOW, strict=True) for x in three]
    in_full = RiskClassifier.load(directory, thresholds=_THRESHOLDS)
    in_stages = RiskClassifier.load(directory, thresholds=_THRESHOLDS, cascade=True)
    cleared = 0
    for post, expected, found in zip(posts, in_full(posts), in_stages(posts), strict=True):
        if "ngrams_only" in found.reason_codes:
            cleared += 1
            assert post in BREAD
            assert (found.label, found.decision) == ("benign", "clear")
            assert found.risk < _CASCADE.threshold
        else:
            assert found.scores == pytest.approx(expected.scores, abs=1e-6)
            assert found.decision == expected.decision
    assert cleared == len(BREAD)


def test_the_transformer_reads_only_what_is_not_cleared(loaded: Artifact) -> None:
    asked: list[int] = []

    class Counting:
        """The engine of the model, which says how much it was asked."""

        batch_size, parameters, where = 8, loaded.engine.parameters, "cpu"

        def compute(self, windows: Any) -> Any:
            asked.append(len(windows))
            return loaded.engine.compute(windows)

    counting = replace(loaded, engine=Counting())
    RiskClassifier(counting, cascade=True).predict_many([*BREAD, RAIN[0]])
    assert asked == [1]
    assert len(RiskClassifier(counting, cascade=True)(BREAD)) == len(BREAD)
    assert asked == [1, 0]


def test_of_a_long_post_the_transformer_reads_the_windows_that_are_not_cleared(
    loaded: Artifact,
) -> None:
    post = "".join(f"{x}。" for x in BREAD * 3) + RAIN[0]
    windows = loaded.tokenizer.encode_batch([post])[0].windows
    in_stages = RiskClassifier(loaded, cascade=True)
    assert in_stages._first_stage is not None
    left = in_stages._first_stage.read(loaded.tokenizer.encode_batch([post]), None, 0.0)[1]
    assert 0 < len(left[0].windows) < len(windows)
    assert in_stages(post).risk == pytest.approx(RiskClassifier(loaded)(post).risk, abs=1e-6)


def test_the_packaged_model_labels_its_example_posts_the_same_in_stages() -> None:
    with Path(riskclf.__file__).with_name("example_posts.csv").open(encoding="utf-8") as file:
        posts = [row["text"] for row in csv.DictReader(file)]
    posts.append("今日は図書館で本を三冊借りました")
    in_full, in_stages = (RiskClassifier.load(cascade=x)(posts) for x in (False, True))
    assert [x.label for x in in_stages] == [x.label for x in in_full]
    assert [x.decision for x in in_stages] == [x.decision for x in in_full]
    assert "ngrams_only" in in_stages[-1].reason_codes


@pytest.fixture(scope="module")
def loaded(directory: Path) -> Artifact:
    return RiskClassifier.load(directory)._artifact


@pytest.mark.parametrize("post", ["", "????????????"])
def test_a_post_that_could_not_be_read_is_never_cleared(loaded: Artifact, post: str) -> None:
    found = RiskClassifier(loaded, cascade=True).predict(post)
    assert found.decision != "clear"
    assert "ngrams_only" not in found.reason_codes


def test_a_post_that_ngrams_would_show_is_read_in_full(loaded: Artifact) -> None:
    high = Cascade(_CASCADE.stacker, 0.999999)
    manifest = replace(loaded.manifest, cascade=high)
    found = RiskClassifier(replace(loaded, manifest=manifest), cascade=True).predict_many(RAIN)
    assert not any("ngrams_only" in x.reason_codes for x in found)


def first_stage(loaded: Artifact, threshold: float = _CASCADE.threshold) -> FirstStage:
    cascade = Cascade(_CASCADE.stacker, threshold)
    return FirstStage(replace(loaded, manifest=replace(loaded.manifest, cascade=cascade)))


def test_a_post_that_the_users_thresholds_show_is_read_in_full(loaded: Artifact) -> None:
    encodings = loaded.tokenizer.encode_batch([*BREAD])
    ordinary, low = OperatingPoint(flag=0.9, review=0.5), OperatingPoint(flag=0.9, review=1e-9)
    stage = first_stage(loaded)
    assert len(stage.read(encodings, ordinary, 0.0)[0]) == len(BREAD)
    assert not stage.read(encodings, low, 0.0)[0]
    assert not stage.read(encodings, ordinary, 30.0)[0]  # where risky posts are frequent


def test_a_risk_at_the_threshold_is_not_cleared(loaded: Artifact) -> None:
    encodings = loaded.tokenizer.encode_batch([BREAD[0]])
    logits = loaded.experts.ngrams.logits([*encodings[0].windows])  # type: ignore[union-attr]
    nothing = np.zeros((len(logits), 0), dtype=np.float32)
    outputs = Outputs(logits, nothing, nothing, ngrams=logits)
    is_risk = loaded.manifest.is_risk
    (risk,) = _CASCADE.stacker.probabilities(outputs, is_risk)[:, is_risk].sum(axis=1).tolist()
    point = OperatingPoint(flag=0.9999, review=0.999)
    assert not first_stage(loaded, risk).read(encodings, point, 0.0)[0]
    assert first_stage(loaded, risk * 1.0001).read(encodings, point, 0.0)[0]


def test_the_same_posts_are_cleared_at_any_prevalence(directory: Path) -> None:
    posts = [*RAIN, *BREAD, *SNOW]
    rare = RiskClassifier.load(directory, cascade=True, prevalence=0.0001)(posts)
    frequent = RiskClassifier.load(directory, cascade=True, prevalence=0.5)(posts)
    assert [x.reason_codes for x in rare] == [x.reason_codes for x in frequent]


def test_vectors_are_those_of_the_transformer(loaded: Artifact) -> None:
    pairs = [*RiskClassifier(loaded, cascade=True).stream_with_vectors(BREAD)]
    assert all(np.abs(vector).sum() > 0 for _, vector in pairs)
    assert not any("ngrams_only" in prediction.reason_codes for prediction, _ in pairs)


def test_another_process_gets_it_with_the_cascade(directory: Path) -> None:
    classifier = RiskClassifier.load(directory, cascade=True)
    again = pickle.loads(pickle.dumps(classifier))
    assert again(BREAD) == classifier(BREAD)
    assert "ngrams_only" in again(BREAD[0]).reason_codes


def test_a_model_without_a_first_stage_says_so(loaded: Artifact) -> None:
    without = replace(loaded, manifest=replace(loaded.manifest, cascade=None))
    with pytest.raises(
        InputError, match=r"no first stage for a cascade .*: load it without cascade"
    ):
        RiskClassifier(without, cascade=True)


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 0},
        {"threshold": 1},
        {"threshold": float("nan")},
        {"threshold": None},
        {"stacker": None},
        {"stacker": as_json(Cascade(Stacker(("transformer",), (1,), (1,), 0), 0.5))["stacker"]},
        {"stacker": as_json(Cascade(Stacker(("ngrams",), (-1,), (1,), 0), 0.5))["stacker"]},
    ],
)
def test_one_that_cannot_be_used_is_refused(
    directory: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    copied = Path(shutil.copytree(directory, tmp_path / "model"))
    changed(copied, cascade=as_json(_CASCADE) | change)
    with pytest.raises(ArtifactCorrupt):
        RiskClassifier.load(copied)
