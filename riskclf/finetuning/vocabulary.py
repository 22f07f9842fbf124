"""New words: entries of the vocabulary for words that WordPiece splits into pieces.

MeCab splits a post into words first; its dictionary cannot be extended here. A word that MeCab
keeps whole and WordPiece splits can become an entry of vocab.txt. Its vector starts as the mean of
its pieces' vectors (as Hewitt 2021, "Initializing New Word Embeddings for Pretrained Language
Models", does with all words), so the model starts close to what it read before. The result is a
plain model directory: transformers reads the same ids.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskclf.engines.pytorch import open_classifier, quietly
from riskclf.files import replacing_directory
from riskclf.mecab import mecab_options
from riskclf.text import normalise
from riskclf.tokens import Token, Tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MIN_POSTS", "content_words", "extend", "shattered_words"]

MIN_POSTS = 5
"""A word becomes a token only if it occurs in this many distinct posts."""

MAX_WORDS = 20
"""More words than this are left out, the rarest first."""

_CONTENT = ("名詞", "動詞", "形容詞", "形状詞", "副詞")


def shattered_words(
    texts: Sequence[str], groups: NDArray[np.int64], tokenizer: Tokenizer
) -> list[str]:
    """Words that MeCab keeps whole and WordPiece splits or cannot read; the most frequent first.

    Args:
        texts: the posts.
        groups: posts with the same number count once, shape (posts,).
        tokenizer: of the model.
    """
    where: dict[str, set[int]] = {}
    for text, group in zip(texts, groups.tolist(), strict=True):
        content = content_words(text)
        for word in _broken(tokenizer.tokens(text), tokenizer.unk_id):
            if word in content:
                where.setdefault(word, set()).add(group)
    frequent = {word: len(found) for word, found in where.items() if len(found) >= MIN_POSTS}
    return sorted(frequent, key=lambda word: (-frequent[word], word))[:MAX_WORDS]


def content_words(text: str) -> set[str]:
    """Nouns, verbs, adjectives and adverbs of a post, as MeCab splits them; no numbers."""
    return {
        word.surface
        for word in _tagger()(normalise(text).text)
        if word.feature.pos1 in _CONTENT
        and word.feature.pos2 != "数詞"
        and not re.fullmatch(r"[\W\d_]+", word.surface)
    }


@cache
def _tagger() -> Any:
    import fugashi
    from unidic_lite import DICDIR

    return fugashi.Tagger(mecab_options(DICDIR))


def _broken(tokens: Sequence[Token], unk_id: int) -> set[str]:
    """Words that are more than one token, or cannot be read at all."""
    words: list[list[Token]] = []
    for token in tokens:
        if token.piece.startswith("##") and words:
            words[-1].append(token)
        else:
            words.append([token])
    return {
        "".join(token.surface for token in word)
        for word in words
        if len(word) > 1 or word[0].id == unk_id
    }


def extend(base: Path, words: Sequence[str], target: Path) -> Path:
    """Write the base with entries for `words` to `target`, and return it.

    Args:
        base: directory of a BERT with a `BertJapaneseTokenizer`.
        words: MeCab words that are not in its vocabulary.
        target: directory to write; replaced if it exists.
    """
    import torch

    tokenizer = Tokenizer.load(base)
    model, _ = open_classifier(base)
    vectors = model.get_input_embeddings().weight.detach()
    new = torch.stack([vectors[_parts(word, tokenizer)].mean(dim=0) for word in words])
    size = len(vectors)
    model.resize_token_embeddings(size + len(words), mean_resizing=False)
    with torch.no_grad():
        model.get_input_embeddings().weight[size:] = new
    entries = (base / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    # The line of an entry is its id: where the matrix has more rows than entries, fill up.
    entries += [f"[unused-{number}]" for number in range(len(entries), size)]
    with replacing_directory(target) as staged:
        with quietly():
            model.save_pretrained(staged)
        shutil.copyfile(base / "tokenizer_config.json", staged / "tokenizer_config.json")
        (staged / "vocab.txt").write_text("\n".join([*entries, *words]) + "\n", encoding="utf-8")
    return target


def _parts(word: str, tokenizer: Tokenizer) -> list[int]:
    """Ids of a word's pieces, or of its characters where it cannot be read."""
    ids = [token.id for token in tokenizer.tokens(word)]
    if ids != [tokenizer.unk_id]:
        return ids
    return [token.id for character in word for token in tokenizer.tokens(character)]
