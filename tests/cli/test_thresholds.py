"""`riskclf thresholds` saves a model with a user's own thresholds."""

from __future__ import annotations

from pathlib import Path

from riskclf import RiskClassifier
from tests.cli.helpers import command


def test_the_saved_model_decides_by_the_thresholds_that_were_given(
    model_directory: Path, tmp_path: Path, sentences: tuple[str, ...]
) -> None:
    output = tmp_path / "own"
    options = ["--model", str(model_directory), "--output", str(output)]
    done = command("thresholds", "--flag", "0.7", "--review", "0.2", *options)
    assert done.returncode == 0, done.stderr
    own = RiskClassifier.load(output, device="cpu")
    found = own.predict_many(sentences)
    assert found == RiskClassifier.load(
        model_directory, device="cpu", thresholds={"flag": 0.7, "review": 0.2}
    ).predict_many(sentences)
    assert len({x.decision for x in found}) > 1


def test_thresholds_that_cannot_be_used_are_refused_in_one_line(
    model_directory: Path, tmp_path: Path
) -> None:
    options = ["--model", str(model_directory), "--output", str(tmp_path / "own")]
    done = command("thresholds", "--flag", "0.2", "--review", "0.7", *options)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and "review" in line
    assert not (tmp_path / "own").exists()
