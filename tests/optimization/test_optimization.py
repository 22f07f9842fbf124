"""`optimize` adds the files of an engine to a model, and leaves the rest as it is."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from riskclf import RiskClassifier, artifact, optimize
from riskclf.artifact import Artifact
from riskclf.encoder import ENGINE_FILES
from riskclf.errors import ColumnNotFound, InputError, MissingExtra, RiskclfError
from riskclf.finetuning.replay import load_our_posts
from riskclf.manifest import digest, parse_manifest
from riskclf.optimization import Optimized
from riskclf.optimization.agreement import compare
from tests.conftest import MakeModel
from tests.experts import BREAD, RAIN, SNOW, with_experts


@pytest.fixture(scope="module")
def before(model_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A model with every expert."""
    return with_experts(model_directory, tmp_path_factory.mktemp("experts") / "model")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return [{"text": text} for text in (*RAIN, *SNOW, *BREAD)]


@pytest.fixture(scope="module")
def optimized(
    before: Artifact, rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Optimized:
    output = tmp_path_factory.mktemp("optimized") / "model"
    return optimize(before.directory, output=output, precision="int8", calibration=rows)


def manifest_of(directory: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((directory / "riskclf.json").read_text(encoding="utf-8"))
    return values


def test_the_rest_of_the_model_is_as_it_was(before: Artifact, optimized: Optimized) -> None:
    names = ENGINE_FILES["openvino"]
    assert {x.name for x in optimized.directory.iterdir()} == {
        *(x.name for x in before.directory.iterdir()),
        *names,
    }
    old, new = dict(before.raw), manifest_of(optimized.directory)
    for name in names:
        del new["files"][name], new["roles"][name]
    for values in (old, new):
        values.pop("engines", None)
        del values["digest"]
    assert new == old


def test_what_was_built_is_recorded(optimized: Optimized, rows: list[dict[str, str]]) -> None:
    built = manifest_of(optimized.directory)["engines"]["openvino"]
    assert built["precision"] == optimized.precision == "int8"
    assert built["versions"] == {x: metadata.version(x) for x in ("openvino", "nncf")}
    assert built["calibration"] == len(rows)
    assert built["agreement"] == {"calibration": optimized.agreement["calibration"].to_dict()}
    size = sum((optimized.directory / x).stat().st_size for x in ENGINE_FILES["openvino"])
    assert optimized.size == size


def test_every_expert_reads_what_the_engine_computes(
    before: Artifact, optimized: Optimized
) -> None:
    texts = [*RAIN, *SNOW, *BREAD]
    expected = RiskClassifier(before).predict_many(texts)
    found = RiskClassifier.load(optimized.directory, engine="openvino").predict_many(texts)
    assert [x.label for x in found] == [x.label for x in expected]
    assert max(abs(a.risk - b.risk) for a, b in zip(found, expected, strict=True)) < 0.2
    assert found != expected


def test_agreement_counts_what_differs(before: Artifact, make_model: MakeModel) -> None:
    texts = [*RAIN, *BREAD]
    same = compare(before, before, texts)
    assert (same.posts, same.same_label, same.same_decision) == (len(texts), 1, 1)
    assert same.suffices
    assert same.largest_difference == 0
    assert same.least_cosine == pytest.approx(1, abs=1e-5)
    assert same.alone < 1e-5
    other = artifact.load(make_model(seed=7), device="cpu", batch_size=8)
    differs = compare(before, other, texts)
    first, second = (RiskClassifier(x).predict_many(texts) for x in (before, other))
    assert differs.same_label == pytest.approx(
        sum(a.label == b.label for a, b in zip(first, second, strict=True)) / len(texts)
    )
    assert not differs.suffices
    assert differs.shown_by_pytorch == same.shown
    assert differs.shown == sum(x.decision != "clear" for x in second) / len(texts)
    assert differs.mean_cosine < 0.99


def test_posts_to_compare_may_be_given(
    before: Artifact, rows: list[dict[str, str]], tmp_path: Path
) -> None:
    result = optimize(
        before.directory,
        output=tmp_path / "model",
        precision="f32",
        calibration=rows,
        compared={"rain": RAIN, "bread": BREAD},
    )
    assert {name: x.posts for name, x in result.agreement.items()} == {
        "rain": len(RAIN),
        "bread": len(BREAD),
    }
    assert all(x.largest_difference < 1e-4 for x in result.agreement.values())
    built = manifest_of(tmp_path / "model")["engines"]["openvino"]
    assert (built["precision"], built["calibration"]) == ("f32", 0)


def test_a_model_may_be_optimized_in_its_place_and_again(
    make_model: MakeModel, rows: list[dict[str, str]]
) -> None:
    directory = make_model(seed=3, half_precision=True)
    for precision in ("f32", "bf16"):
        optimize(directory, output=directory, precision=precision, calibration=rows)
        engine = manifest_of(directory)["engines"]["openvino"]
        assert engine["precision"] == precision
        RiskClassifier.load(directory, engine="openvino").predict(RAIN[0])


@pytest.mark.parametrize("half", [False, True])
def test_weights_are_stored_once_and_nothing_is_lost(
    make_model: MakeModel, rows: list[dict[str, str]], tmp_path: Path, half: bool
) -> None:
    directory = make_model(seed=3, half_precision=half)
    result = optimize(directory, output=tmp_path / "model", calibration=rows)
    assert result.precision == "f32"
    assert result.agreement["calibration"].largest_difference < 1e-4
    weights = (result.directory / "model.safetensors").stat().st_size
    assert (result.directory / "openvino.bin").stat().st_size < 0.1 * weights


def test_posts_that_come_with_riskclf_are_the_default(
    make_model: MakeModel, tmp_path: Path
) -> None:
    result = optimize(make_model(seed=3), output=tmp_path / "model", precision="f32")
    assert result.agreement["calibration"].posts == len(load_our_posts())


def test_calibration_posts_are_read_like_any_table(make_model: MakeModel, tmp_path: Path) -> None:
    file = tmp_path / "posts.csv"
    file.write_text("post\n今日は雨\n明日は雪\n", encoding="utf-8")
    with pytest.raises(ColumnNotFound, match="text"):
        optimize(make_model(seed=3), output=tmp_path / "model", calibration=str(file))


def test_a_precision_that_there_is_not_is_refused(before: Artifact, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="f32, bf16, int8"):
        optimize(before.directory, output=tmp_path / "model", precision="int4")


def test_a_directory_that_is_no_model_is_not_replaced(before: Artifact, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RiskclfError, match="not a riskclf model"):
        optimize(before.directory, output=tmp_path, precision="f32")


@pytest.mark.parametrize(
    ("package", "extra"), [("openvino", r"riskclf\[fast\]"), ("nncf", r"riskclf\[optimize\]")]
)
def test_a_missing_package_is_named_before_any_work(
    before: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=f'pip install "{extra}"'):
        optimize(before.directory, output=tmp_path / "model", precision="int8")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"engines": {}},
        {"engines": {"openvino": {"precision": "int4", "probes": []}}},
        {"engines": {"openvino": {"precision": "int8", "probes": []}}},
        {"engines": {"openvino": {"precision": "int8"}}},
        {"engines": []},
        {"engines": {"abacus": {}}},
    ],
)
def test_a_manifest_that_says_too_little_of_an_engine_is_refused(
    optimized: Optimized, change: dict[str, Any]
) -> None:
    values = {**manifest_of(optimized.directory), **change}
    values["digest"] = digest(values)
    with pytest.raises(RiskclfError, match=r"riskclf\.json"):
        parse_manifest(values, optimized.directory)
