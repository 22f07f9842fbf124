"""README, MODEL_CARD and CHANGELOG say what is true."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

import riskclf
from riskclf import RiskClassifier
from riskclf.artifact import load
from training.cards.report import CARD, RESULTS, card_with
from training.experiments import slang, slang_report
from training.experiments.ablations import RESULTS as ABLATIONS
from training.posts.data import load_posts

ROOT = Path(__file__).parent.parent
TEXTS = [
    path
    for pattern in ("*.md", "riskclf/**/*.py", "training/**/*.py", "tests/**/*.py", ".ci/run")
    for path in sorted(ROOT.glob(pattern))
]


def test_the_model_card_holds_what_was_measured_of_this_model() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    card = CARD.read_text(encoding="utf-8")
    ablations = json.loads(ABLATIONS.read_text(encoding="utf-8"))
    assert card_with(card, results, ablations, load_posts()) == card
    saved = load(None, device="cpu", batch_size=8).raw
    weights = results["model"]["SHA-256 of model.safetensors"]
    assert weights == saved["files"]["model.safetensors"]


def test_the_figures_on_slang_are_those_that_were_measured() -> None:
    results = json.loads(slang.RESULTS.read_text(encoding="utf-8"))
    readme = slang_report.README.read_text(encoding="utf-8")
    for path, text in slang_report.documents(readme, results).items():
        assert path.read_text(encoding="utf-8") == text


def test_the_readme_has_the_two_commands_that_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for name in ("run", "test"):
        assert re.search(rf"<!-- ci: {name} -->\n```bash\n.+\n```", readme)
        assert f"readme_command {name}" in ci


def test_the_readme_reaches_a_result_early() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert next(i for i, line in enumerate(lines) if "riskclf predict --input" in line) < 25


def test_every_file_that_the_readme_names_exists() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:riskclf|training|tests)/[\w./]*)`", readme)
    named += re.findall(r"\]\((\w[\w./]*)\)", readme)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_changelog_knows_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog or f"## [{riskclf.__version__}]" in changelog


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_names_a_machine_path(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(?:work|opt|root|home)/\w", text.replace("work/train", ""))


def test_what_newspapers_printed_is_labelled_and_ordinary_life_is_not() -> None:
    with (ROOT / "riskclf" / "example_posts.csv").open(encoding="utf-8", newline="") as file:
        posts = list(csv.DictReader(file))
    expected = {"1": "minor", "2": "minor", "3": "adult", "4": "minor"}
    found = RiskClassifier.load(device="cpu").predict_many(post["text"] for post in posts)
    labels = {post["id"]: x.label.split("_")[0] for post, x in zip(posts, found, strict=True)}
    assert labels == {post["id"]: expected.get(post["id"], "benign") for post in posts}
