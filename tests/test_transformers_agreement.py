"""A model directory is a plain Hugging Face one: a pipeline opens it and computes the same.

With a tokenizer in Python, such as BertJapaneseTokenizer, no setting in the directory makes a
pipeline of transformers 5 cut a long post: its user says `truncation=True`, the directory where.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from riskclf import artifact
from riskclf.artifact import load
from riskclf.decide import probabilities
from riskclf.text import normalise
from riskclf.tokens import Tokenizer

# float32, padded and not padded, in another order.
TOLERANCE = 1e-5

OTHERS = (
    "",
    "[SEP] は括弧と文字",
    "[CLS][MASK][PAD][UNK]",
    "<s>図書館</s>",
    "ＡＢＣ㈱ﾃﾚﾋﾞ",
    "😀📚✨",
    "鑫淼",
    "a" * 101,
)


@pytest.fixture(scope="module")
def posts(sentences: tuple[str, ...]) -> list[str]:
    """Posts that normalising changes by no more than NFKC, long ones among them."""
    made = [*sentences, *OTHERS, " ".join(sentences), " ".join(sentences * 20)]
    return [post for post in made if normalise(post).text == unicodedata.normalize("NFKC", post)]


def open_pipeline(directory: Path) -> Any:
    from transformers import pipeline

    return pipeline("text-classification", model=str(directory), top_k=None, device="cpu")


def assert_agreement(directory: Path, posts: list[str], tolerance: float) -> None:
    ours = load(directory, device="cpu", batch_size=8)
    theirs = open_pipeline(directory)
    windows = [ours.tokenizer.encode(post).head.ids for post in posts]
    expected = probabilities(ours.engine.compute(windows).logits, 1)
    for post, row, scored in zip(posts, expected, theirs(posts, truncation=True), strict=True):
        found = {entry["label"]: entry["score"] for entry in scored}
        assert sorted(found) == sorted(ours.manifest.labels)
        difference = np.abs(row - [found[label] for label in ours.manifest.labels]).max()
        assert difference <= tolerance, post[:40]


def test_the_posts_are_short_and_long(posts: list[str], tokenizer: Tokenizer) -> None:
    encodings = tokenizer.encode_batch(posts)
    assert sum(encoding.head_cut for encoding in encodings) >= 2
    assert sum(not encoding.head_cut for encoding in encodings) >= 30


def test_a_pipeline_gives_the_same_probabilities(model_directory: Path, posts: list[str]) -> None:
    assert_agreement(model_directory, posts, TOLERANCE)


def test_a_pipeline_needs_no_option_for_short_posts(
    model_directory: Path, posts: list[str], tokenizer: Tokenizer
) -> None:
    short = [post for post in posts if not tokenizer.encode(post).head_cut]
    theirs = open_pipeline(model_directory)
    assert theirs(short) == theirs(short, truncation=True)


def test_a_pipeline_on_half_precision_weights_gives_the_same_probabilities(
    make_model: Callable[..., Path], posts: list[str]
) -> None:
    assert_agreement(make_model(half_precision=True), posts, TOLERANCE)


def test_a_pipeline_on_a_lower_cased_model_gives_the_same_probabilities(
    make_model: Callable[..., Path], posts: list[str]
) -> None:
    assert_agreement(make_model(do_lower_case=True), posts, TOLERANCE)


@pytest.mark.parametrize("labels", [("ordinary", "spam"), tuple("abcdefg")], ids=["two", "seven"])
def test_a_pipeline_on_other_labels_gives_the_same_probabilities(
    make_model: Callable[..., Path], posts: list[str], labels: tuple[str, ...]
) -> None:
    assert_agreement(make_model(labels=labels, risk_labels=labels[1:2]), posts, TOLERANCE)


def test_a_pipeline_agrees_although_the_tokenizer_came_without_two_settings(
    make_model: Callable[..., Path], posts: list[str]
) -> None:
    # As in tohoku-nlp/bert-base-japanese-v3; without them a pipeline fails on a long post and takes
    # "[SEP]" in a post for a command, so saving has to see to them.
    directory = make_model(split_special_tokens=None, model_max_length=None)
    config = json.loads((directory / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert config.get("split_special_tokens") is True
    assert_agreement(directory, posts, TOLERANCE)


def test_a_pipeline_on_the_packaged_model_gives_the_same_probabilities(posts: list[str]) -> None:
    # More layers, hence a little more rounding.
    assert_agreement(Path(artifact.__file__).parent / "default_model", posts, 1e-4)
