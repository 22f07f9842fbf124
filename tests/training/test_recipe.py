"""The one command that makes the packaged model goes on where it was interrupted."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from riskclf import RiskClassifier, artifact, evaluate
from riskclf.errors import ArtifactMismatch, EvaluationError
from riskclf.evaluation.scored import ScoredRows
from riskclf.finetuning.trainer import Recipe
from tests.models import torch_model
from tests.tiny_base import benign_rows
from training.posts.data import load_posts
from training.recipe.train import trained_on

recipe = import_module("training.__main__")
bases = import_module("training.recipe.bases")
variants = import_module("training.recipe.variants")


def test_each_step_runs_once_and_an_interrupted_recipe_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_directory: Path
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps([]), encoding="utf-8")
    steps: list[str] = []
    teachers = [variant.directory for variant in variants.TEACHERS]

    def transplant(corpora: Any, base: Any, *, output: Path, **settings: Any) -> None:
        assert settings == {"layers": 6, "size": 50_000}
        steps.append("transplant")
        output.mkdir(parents=True)

    def adapt(student: Path, teacher: Any, corpora: Any, output: Path, *_: Any, **__: Any) -> None:
        steps.append("adapt")
        if steps.count("adapt") == 1:
            raise KeyboardInterrupt
        assert student.is_dir()
        output.mkdir()

    def build(
        base: Path, sources: Any, output: Path, work: Path, given: Recipe, **options: Any
    ) -> str:
        assert base.is_dir() and options["posts"] and options["natural"] == [["a line"]]
        student = output.name in ("6-layers", "6-layers-seed-1", "6-layers-seed-2")
        assert [x.name for x in options["teachers"]] == (teachers if student else [])
        assert all(teacher.is_dir() for teacher in options["teachers"])
        steps.append(output.name)
        if steps.count("6-layers-seed-1") == 1 and given.seed == 1 and student:
            raise KeyboardInterrupt
        loaded = artifact.load(model_directory, device="cpu", batch_size=8)
        posts = {"posts": {"sha256": trained_on(options["posts"])}}
        artifact.save(
            output,
            model=torch_model(loaded),
            tokenizer_directory=model_directory,
            manifest=replace(loaded.manifest, provenance=posts),
        )
        return f"{output} written"

    monkeypatch.setattr(bases, "load_base", lambda name: name)
    monkeypatch.setattr(variants, "natural_lines", lambda sources, draws: [["a line"]])
    for module, step in ((bases, transplant), (bases, adapt), (variants, build)):
        monkeypatch.setattr(module, step.__name__, step)
    monkeypatch.setattr(recipe, "labels_examples", lambda model: True)
    shares = {"found": {"hits": 20}, "alone": {"hits": 3}}
    monkeypatch.setattr(recipe, "measure_buried", lambda *_: {"200": shares})
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            recipe.main(tmp_path, work=tmp_path / "work", output=tmp_path / "model")
    assert not (tmp_path / "model").exists()
    for _ in range(2):
        recipe.main(tmp_path, work=tmp_path / "work", output=tmp_path / "model")
    assert steps == [
        *("transplant", "adapt", "adapt", *teachers),
        *("6-layers", "6-layers-seed-1", "6-layers-seed-1", "6-layers-seed-2"),
    ]
    made, packaged = (
        RiskClassifier.load(directory, device="cpu").fingerprint
        for directory in (tmp_path / "work" / "models" / "6-layers", tmp_path / "model")
    )
    assert packaged == made
    # A model of other posts is not taken for one of these.
    monkeypatch.setattr(recipe, "load_posts", lambda: load_posts()[1:])
    with pytest.raises(ArtifactMismatch, match="other posts: remove it"):
        recipe.main(tmp_path, work=tmp_path / "work", output=tmp_path / "model")


def _candidate(name: str, *right: float, examples_right: bool = True, buried: int = 20) -> Any:
    """A model that gives the right label of benign posts of two families these probabilities."""
    dev: ScoredRows = evaluate(None, benign_rows(right, "aabb")).rows
    return recipe.Candidate(name, None, dev, examples_right, buried)


def test_a_later_seed_is_packaged_only_if_it_is_better_by_more_than_chance() -> None:
    def chosen(*candidates: Any) -> str:
        return str(recipe.choose(candidates).name)

    first = _candidate("0", 0.6, 0.6, 0.6, 0.6)
    better = 0.8, 0.8, 0.7, 0.7
    assert chosen(first, _candidate("1", *better)) == "1"
    assert chosen(first, _candidate("1", *better), _candidate("2", 0.9, 0.9, 0.9, 0.9)) == "2"
    # One family is much better, the other worse: that may be chance.
    assert chosen(first, _candidate("1", 0.9, 0.9, 0.5, 0.5)) == "0"
    assert chosen(first, _candidate("1", *better, buried=18)) == "1"
    assert chosen(first, _candidate("1", *better, buried=17)) == "0"
    wrong = _candidate("1", *better, examples_right=False)
    assert chosen(first, wrong) == chosen(wrong, first) == "0"
    with pytest.raises(EvaluationError, match="none is kept"):
        recipe.choose([wrong])


def test_the_packaged_model_labels_its_examples_right() -> None:
    assert recipe.labels_examples(RiskClassifier.load(device="cpu"))
