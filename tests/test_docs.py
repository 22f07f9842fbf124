"""The documents say what is true, and the same in both languages."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

import riskclf
import riskclf.errors
from riskclf import RiskClassifier
from riskclf.artifact import load
from training.cards.documents import documents
from training.cards.report import RESULTS, load_experiments
from training.experiments.slang import report as slang
from training.experiments.slang.results import RESULTS as SLANG
from training.posts.post import load_posts

ROOT = Path(__file__).parent.parent
TEXTS = [
    path
    for pattern in (
        "*.md",
        "docs/*.md",
        "riskclf/**/*.py",
        "training/**/*.py",
        "tests/**/*.py",
        ".ci/run",
    )
    for path in sorted(ROOT.glob(pattern))
]


def test_the_documents_hold_what_was_measured_of_this_model() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    for path, text in documents(results, load_experiments(), load_posts()).items():
        assert path.read_text(encoding="utf-8") == text, (
            f"run python -m training.cards.report: {path}"
        )
    saved = load(None, device="cpu", batch_size=8).raw
    weights = results["model"]["SHA-256 of model.safetensors"]
    assert weights == saved["files"]["model.safetensors"]


def test_the_figures_on_slang_are_those_that_were_measured() -> None:
    results = json.loads(SLANG.read_text(encoding="utf-8"))
    page = slang.PAGE.read_text(encoding="utf-8")
    for path, text in slang.documents(page, results).items():
        assert path.read_text(encoding="utf-8") == text


def test_the_readme_has_the_two_commands_that_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for name in ("run", "test"):
        assert re.search(rf"<!-- ci: {name} -->\n```bash\n.+\n```", readme)
        assert f"readme_command {name}" in ci


@pytest.mark.parametrize("name", ["README.md", "README.ja.md"])
def test_the_first_screen_shows_command_result_figures_and_what_clear_means(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 160
    marks = ("riskclf predict --input", "<!-- examples", "<!-- figures", "**`clear`")
    places = [next(i for i, line in enumerate(lines) if mark in line) for mark in marks]
    assert places == sorted(places)
    assert places[0] < 25 and places[-1] < 50


def test_the_model_card_is_short_and_hugging_face_can_read_its_front_matter() -> None:
    card = ROOT / "MODEL_CARD.md"
    assert len(card.read_text(encoding="utf-8").splitlines()) <= 170
    data = ModelCard.load(card).data
    assert (data.license, data.pipeline_tag) == ("apache-2.0", "text-classification")
    assert data.language == ["ja", "en", "ko", "zh"]
    assert data.base_model == "intfloat/multilingual-e5-small"


def _code_lines(name: str) -> list[str]:
    """The lines of all code blocks, without comments, which are in the document's language."""
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line.partition("#")[0].rstrip() for block in blocks for line in block.splitlines()]


def _section(name: str, section: str) -> str:
    text = (ROOT / name).read_text(encoding="utf-8")
    return text.split(f"<!-- {section} -->\n")[1].split(f"<!-- /{section} -->")[0]


def test_both_readmes_have_the_same_commands_links_and_extras() -> None:
    english, japanese = "README.md", "README.ja.md"
    assert _code_lines(english) == _code_lines(japanese)
    links = [
        set(re.findall(r"\]\((?!README)([^)]+)\)", (ROOT / name).read_text(encoding="utf-8")))
        for name in (english, japanese)
    ]
    assert links[0] == links[1]
    extras = [
        re.findall(r"^\| `[\w-]+`", _section(x, "extras"), re.MULTILINE)
        for x in (english, japanese)
    ]
    assert extras[0] == extras[1]


def test_both_readmes_have_the_same_figures_and_examples() -> None:
    figures = [_section("README.md", "figures"), _section("README.ja.md", "figures_ja")]
    cells = [[row.split(" | ")[-1] for row in part.splitlines()[2:]] for part in figures]
    for one, other in zip(*cells, strict=True):
        assert sorted(re.findall(r"\d[\d,.]*", one)) == sorted(re.findall(r"\d[\d,.]*", other))
    rows = [_section("README.md", "examples"), _section("README.ja.md", "examples_ja")]
    assert rows[0].splitlines()[2:] == rows[1].splitlines()[2:]


@pytest.mark.parametrize(
    "document",
    ["README.md", "README.ja.md", "CONTRIBUTING.md", "MODEL_CARD.md", "docs/architecture.md"],
)
def test_every_file_that_a_document_names_exists(document: str) -> None:
    file = ROOT / document
    text = file.read_text(encoding="utf-8")
    named = [ROOT / x for x in re.findall(r"`((?:riskclf|training|tests)/[\w./]*)`", text)]
    named += [file.parent / x for x in re.findall(r"\]\(([\w.][\w./]*)\)", text)]
    assert len(named) > 5
    assert [path for path in named if not path.exists()] == []


def test_the_file_map_names_every_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    modules = (ROOT / "riskclf").rglob("*.py")
    names = {str(x.relative_to(ROOT)) for x in modules if x.name != "__init__.py"}
    assert sorted(name for name in names if f"`{name}`" not in text) == []


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


def test_the_api_page_has_every_public_name() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for name in riskclf.__all__:
        by_module = name in riskclf.errors.__all__
        assert by_module or re.search(rf"riskclf\.{name}\b", page), name


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
    said = {post["text"]: (x.label, x.decision) for post, x in zip(posts, found, strict=True)}
    stored = json.loads(RESULTS.read_text(encoding="utf-8"))["examples"]
    assert {x["text"]: (x["label"], x["decision"]) for x in stored} == said
    assert labels == {post["id"]: expected.get(post["id"], "benign") for post in posts}
