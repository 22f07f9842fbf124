"""The one command that makes the packaged model goes on where it was interrupted."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from riskclf import RiskClassifier, artifact
from riskclf.errors import ArtifactMismatch
from training.dataset import load_posts
from training.train import trained_on

recipe = import_module("training.__main__")
bases = import_module("training.bases")
variants = import_module("training.variants")


def test_each_step_runs_once_and_an_interrupted_recipe_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_directory: Path
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps([]), encoding="utf-8")
    steps: list[str] = []

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

    def build(base: Path, sources: Any, output: Path, *_: Any, **options: Any) -> str:
        assert base.is_dir() and options["posts"] and options["natural"] == [["a line"]]
        steps.append("build")
        if steps.count("build") == 1:
            raise KeyboardInterrupt
        loaded = artifact.load(model_directory, device="cpu", batch_size=8)
        posts = {"posts": {"sha256": trained_on(options["posts"])}}
        artifact.save(
            output,
            model=loaded.encoder.model,
            tokenizer_directory=model_directory,
            card=replace(loaded.card, provenance=posts),
        )
        return f"{output} written"

    monkeypatch.setattr(bases, "load_base", lambda name: name)
    monkeypatch.setattr(variants, "natural_lines", lambda sources, draws: [["a line"]])
    for module, step in ((bases, transplant), (bases, adapt), (variants, build)):
        monkeypatch.setattr(module, step.__name__, step)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            recipe.main(tmp_path, work=tmp_path / "work", output=tmp_path / "model")
    assert not (tmp_path / "model").exists()
    for _ in range(2):
        recipe.main(tmp_path, work=tmp_path / "work", output=tmp_path / "model")
    assert steps == ["transplant", "adapt", "adapt", "build", "build"]
    made, packaged = (
        RiskClassifier.load(directory, device="cpu").fingerprint
        for directory in (tmp_path / "work" / "models" / "6-layers", tmp_path / "model")
    )
    assert packaged == made
    # A model of other posts is not taken for one of these.
    monkeypatch.setattr(recipe, "load_posts", lambda: load_posts()[1:])
    with pytest.raises(ArtifactMismatch, match="other posts: remove it"):
        recipe.main(tmp_path, work=tmp_path / "work", output=tmp_path / "model")
