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
from training.cards.report import CARD, RESULTS, load_rungs
from training.cards.tables import card_with
from training.experiments.slang import report as slang
from training.experiments.slang.results import RESULTS as SLANG
from training.posts.post import load_posts

ROOT = Path(__file__).parent.parent
TEXTS = [
    path
    for pattern in ("*.md", "riskclf/**/*.py", "training/**/*.py", "tests/**/*.py", ".ci/run")
    for path in sorted(ROOT.glob(pattern))
]


def test_the_model_card_holds_what_was_measured_of_this_model() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    card = CARD.read_text(encoding="utf-8")
    assert card_with(card, results, load_rungs(), load_posts()) == card
    saved = load(None, device="cpu", batch_size=8).raw
    weights = results["model"]["SHA-256 of model.safetensors"]
    assert weights == saved["files"]["model.safetensors"]


def test_the_figures_on_slang_are_those_that_were_measured() -> None:
    results = json.loads(SLANG.read_text(encoding="utf-8"))
    readme = slang.README.read_text(encoding="utf-8")
    for path, text in slang.documents(readme, results).items():
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


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_every_file_that_a_document_names_exists(document: str) -> None:
    file = ROOT / document
    text = file.read_text(encoding="utf-8")
    named = [ROOT / x for x in re.findall(r"`((?:riskclf|training|tests)/[\w./]*)`", text)]
    named += [file.parent / x for x in re.findall(r"\]\(([\w.][\w./]*)\)", text)]
    assert len(named) > 5
    assert [path for path in named if not path.exists()] == []


def test_the_readme_names_every_module() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    modules = (ROOT / "riskclf").rglob("*.py")
    names = {str(x.relative_to(ROOT)) for x in modules if x.name != "__init__.py"}
    assert sorted(name for name in names if f"`{name}`" not in readme) == []


def test_every_command_that_contributing_names_is_one() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"python -m (training[\w.]*)", text))
    for name in named:
        file = ROOT / Path(*name.split("."))
        main = file / "__main__.py" if file.is_dir() else file.with_suffix(".py")
        assert 'if __name__ == "__main__":' in main.read_text(encoding="utf-8"), name
    commands = {
        str(x) for x in (ROOT / "training").rglob("*.py") if "run_command(" in x.read_text("utf-8")
    }
    assert len(named) == len(commands) - 1  # training/command.py defines it


def test_the_changelog_knows_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog or f"## [{riskclf.__version__}]" in changelog


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_names_a_machine_path(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(?:work|opt|root|home)/\w", text.replace("work/train", ""))


def test_the_plain_example_posts_are_labelled_and_ordinary_life_is_not() -> None:
    with (ROOT / "riskclf" / "example_posts.csv").open(encoding="utf-8", newline="") as file:
        posts = list(csv.DictReader(file))
    expected = {"1": "minor", "2": "minor", "3": "adult", "4": "minor"}
    found = RiskClassifier.load(device="cpu").predict_many(post["text"] for post in posts)
    labels = {post["id"]: x.label.split("_")[0] for post, x in zip(posts, found, strict=True)}
    assert labels == {post["id"]: expected.get(post["id"], "benign") for post in posts}
