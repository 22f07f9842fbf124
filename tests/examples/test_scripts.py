"""The scripts of docs/examples do what they say, on a small model."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest

import riskclf
from riskclf import RiskClassifier

EXAMPLES = Path(riskclf.__file__).parent.parent / "docs" / "examples"
POSTS = Path(riskclf.__file__).parent / "example_posts.csv"


def _script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name=name)


def _texts() -> list[str]:
    return list(pd.read_csv(POSTS, dtype=str)["text"])


def test_pandas_keeps_every_row_in_its_place(classifier: RiskClassifier) -> None:
    posts = pd.DataFrame({"text": [*_texts()[:3], None]}, index=[7, 7, 8, 9])
    labelled = _script("pandas_posts")["label"](posts, classifier)
    expected = classifier.predict_many(_texts()[:3])
    assert list(labelled.index) == [7, 7, 8, 9]
    assert list(labelled["label"][:3]) == [p.label for p in expected]
    assert list(labelled["risk"][:3]) == pytest.approx([p.risk for p in expected])
    assert labelled["decision"].isna().tolist() == [False, False, False, True]


def test_datasets_map_labels_and_leaves_no_cache(
    classifier: RiskClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    try:
        label = _script("datasets_map")["label"]
        labelled = label(datasets.Dataset.from_dict({"text": _texts()}), classifier)
    finally:
        datasets.enable_caching()
    expected = classifier.predict_many(_texts())
    assert list(labelled["label"]) == [p.label for p in expected]
    assert list(labelled["risk"]) == pytest.approx([p.risk for p in expected])
    assert not labelled.cache_files
    assert not list(tmp_path.iterdir())


def test_the_nightly_job_can_be_run_again(
    model_directory: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    label_all = _script("nightly")["label_all"]
    inbox, outbox = tmp_path / "inbox", tmp_path / "outbox"
    inbox.mkdir()
    shutil.copy(POSTS, inbox / "first.csv")
    (inbox / "notes.txt").write_text("not a table")
    options = ("--model", str(model_directory))
    assert label_all(inbox, outbox, *options) == 0
    assert [file.name for file in outbox.iterdir()] == ["first.csv"]
    first = (outbox / "first.csv").stat().st_mtime_ns
    (inbox / "second.csv").write_text("no,posts\n1,2\n")
    shutil.copy(POSTS, inbox / "third.csv")
    # One file fails; the others are labelled, and the first is not labelled again.
    assert label_all(inbox, outbox, *options) == 1
    assert sorted(file.name for file in outbox.iterdir()) == ["first.csv", "third.csv"]
    assert (outbox / "first.csv").stat().st_mtime_ns == first
    logged = "".join(capfd.readouterr())
    assert "second.csv: exit status 2" in logged
    assert not [text for text in _texts() if text in logged]
