"""The packaged model's engine files: fitted to open lines, compared on closed ones and posts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from riskclf.labels import LABELS, RISK_LABELS
from riskclf.optimization import Agreement
from tests.tiny_base import write_corpora
from training.posts.corpora import Corpora
from training.posts.post import Post, load_posts
from training.recipe.engine import build, calibration_texts, missed, posts_to_compare

SAME = Agreement(1000, 1.0, 1.0, 0.9, 0.9, 0.5, 0.5, 0.0, 0.0, 1.0, 1.0, 0.0)


@pytest.fixture
def lines(tmp_path: Path) -> Corpora:
    return Corpora.load(write_corpora(tmp_path / "corpora"))


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    """Some of ours, of every kind."""
    return load_posts()[::40]


def test_closed_lines_are_compared_and_shape_nothing(lines: Corpora, posts: list[Post]) -> None:
    assert "秘密の行です" not in calibration_texts(lines)
    assert posts_to_compare(lines, posts)["natural lines"] == ["秘密の行です"]


def test_each_post_is_compared_once_among_its_like(lines: Corpora, posts: list[Post]) -> None:
    found = posts_to_compare(lines, posts)
    risky, benign, unclear = (found[f"{x} posts"] for x in ("risky", "benign", "unclear"))
    assert sorted([*risky, *benign, *unclear]) == sorted(post.text for post in posts)
    assert {*risky} == {post.text for post in posts if post.kind in RISK_LABELS}
    assert {*benign} == {post.text for post in posts if post.kind == LABELS[-1]}
    assert min(map(len, (risky, benign, unclear))) > 0


@pytest.mark.parametrize(
    "change",
    [
        {"same_label": 0.9975},
        {"same_decision": 0.9945},
        {"shown": 0.897},
        {"shown": 0.903},
        {"flagged": 0.497},
    ],
)
def test_what_does_not_agree_is_named(change: dict[str, float]) -> None:
    assert [*missed({"natural lines": SAME})] == []
    (line,) = missed({"natural lines": SAME, "risky posts": replace(SAME, **change)})  # type: ignore[arg-type]
    assert line.startswith("risky posts: ")


def test_the_comparison_is_recorded_with_the_model(
    model_directory: Path, lines: Corpora, posts: list[Post], tmp_path: Path
) -> None:
    agreement = build(model_directory, lines, posts, tmp_path / "model", "f32")
    assert [*missed(agreement)] == []
    values = json.loads((tmp_path / "model" / "riskclf.json").read_text(encoding="utf-8"))
    recorded = values["engines"]["openvino"]["agreement"]
    assert recorded == {name: x.to_dict() for name, x in agreement.items()}
    assert recorded["natural lines"]["posts"] == 1
