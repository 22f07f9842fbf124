"""The one command that makes the packaged model resumes where it was interrupted."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from riskclf import RiskClassifier, artifact
from riskclf.errors import ArtifactMismatch
from riskclf.finetuning import TrainingConfig
from tests.models import torch_model
from training.posts.post import load_posts
from training.recipe.train import trained_on

recipe = import_module("training.__main__")
encoders = import_module("training.recipe.encoders")
choosing = import_module("training.recipe.choose")
variants = import_module("training.recipe.variants")


def test_each_step_runs_once_and_an_interrupted_recipe_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_directory: Path
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps([]), encoding="utf-8")
    steps: list[str] = []
    teachers = [variant.directory for variant in variants.TEACHERS]

    def transplant(corpora: Any, base: Any, *, output: Path, **settings: Any) -> None:
        assert settings == {"layers": 6, "size": 50_000, "progress": True}
        steps.append("transplant")
        output.mkdir(parents=True)

    def adapt(student: Path, teacher: Any, corpora: Any, output: Path, *_: Any, **__: Any) -> None:
        steps.append("adapt")
        if steps.count("adapt") == 1:
            raise KeyboardInterrupt
        assert student.is_dir()
        output.mkdir()

    def build(
        base: Path, sources: Any, output: Path, work: Path, given: TrainingConfig, **options: Any
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

    monkeypatch.setattr(encoders, "load_base", lambda name: name)
    monkeypatch.setattr(variants, "natural_lines", lambda sources, draws: [["a line"]])
    for module, step in ((encoders, transplant), (encoders, adapt), (variants, build)):
        monkeypatch.setattr(module, step.__name__, step)
    monkeypatch.setattr(choosing, "labels_examples", lambda model: True)
    shares = {"found": {"hits": 20}, "alone": {"hits": 3}}
    monkeypatch.setattr(choosing, "measure_buried", lambda *_: {"200": shares})
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
    posts = load_posts()
    posts.remove(next(post for post in posts if post.split == "train"))
    monkeypatch.setattr(recipe, "load_posts", lambda: posts)
    with pytest.raises(ArtifactMismatch, match="other posts: remove it"):
        recipe.main(tmp_path, work=tmp_path / "work", output=tmp_path / "model")
