"""New words become tokens that transformers reads too, and start from their pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from riskclf.finetuning.vocabulary import MIN_POSTS, content_words, extend, shattered_words
from riskclf.tokens import Tokenizer

POSTS = [f"図書を{place}で読んだ" for place in ("駅", "店", "海", "山", "川", "学校")]


def test_a_word_counts_that_enough_different_posts_hold(tokenizer: Tokenizer) -> None:
    different = np.arange(len(POSTS))
    assert "図書" in shattered_words(POSTS, different, tokenizer)
    assert "図書" not in shattered_words(
        POSTS[: MIN_POSTS - 1], different[: MIN_POSTS - 1], tokenizer
    )
    # Posts that are nearly the same are one post.
    assert "図書" not in shattered_words(POSTS, different // 2, tokenizer)


def test_what_is_whole_already_or_says_nothing_is_no_new_word(tokenizer: Tokenizer) -> None:
    posts = [f"{post}、動物です" for post in POSTS]
    found = shattered_words(posts, np.arange(len(posts)), tokenizer)
    whole = set(tokenizer.encode("動物").head.ids)
    assert len(whole) == 3 and "動物" not in found
    assert content_words("１２３ と 図書、です！") == {"図書"}


def test_an_extended_base_reads_the_word_as_one_token_like_transformers(
    model_directory: Path, tmp_path: Path
) -> None:
    before = Tokenizer.load(model_directory)
    target = extend(model_directory, ["図書"], tmp_path / "base")
    after = Tokenizer.load(target)
    theirs = AutoTokenizer.from_pretrained(target)
    for text in (*POSTS, "図書", "図 書", "としょ"):
        assert after.encode(text).head.ids == theirs(text)["input_ids"]
    assert next(token.piece for token in after.tokens("図書だ")) == "図書"
    pieces = [token.id for token in before.tokens("図書")]
    assert len(pieces) > 1
    old = AutoModelForSequenceClassification.from_pretrained(model_directory)
    new = AutoModelForSequenceClassification.from_pretrained(target)
    vectors = old.get_input_embeddings().weight
    expected = vectors[pieces].mean(dim=0)
    found = new.get_input_embeddings().weight[after.tokens("図書")[0].id]
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    assert new.get_input_embeddings().weight[: len(vectors)].equal(vectors)


def test_a_word_that_cannot_be_read_starts_from_its_characters(
    model_directory: Path, tmp_path: Path
) -> None:
    before = Tokenizer.load(model_directory)
    word = "羊羹"  # no piece of it is in the vocabulary
    assert [token.id for token in before.tokens(word)] == [before.unk_id]
    posts = [f"{word}を{place}で食べた" for place in ("駅", "店", "海", "山", "川")]
    assert word in shattered_words(posts, np.arange(5), before)
    after = Tokenizer.load(extend(model_directory, [word], tmp_path / "base"))
    assert after.encode(posts[0]).unknown_share < before.encode(posts[0]).unknown_share
