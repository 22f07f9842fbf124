"""The fake classifier stands in for the model, in every test of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.helpers import Fake


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    classifier = Fake()
    monkeypatch.setattr("riskclf.cli.options.load_classifier", lambda *_: classifier)
    return classifier


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """2,500 rows of different posts, that is three batches, two of them bad."""
    path = tmp_path / "posts.csv"
    rows = [f'{n},"{"散歩した。" * (n % 19)}{n:04}"' for n in range(2500)]
    rows[700] = "700"
    rows[1800] = "1800,a,b"
    path.write_text("id,text\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path
