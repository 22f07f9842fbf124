"""The hashed n-grams against those of scikit-learn."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from riskclf.features import FEATURES, counts, weighted
from riskclf.tokens import Tokenizer, Window
from training.posts.post import load_posts

_BLOCK = FEATURES // 2


@pytest.fixture(scope="module")
def windows(tokenizer: Tokenizer, sentences: tuple[str, ...]) -> list[Window]:
    """Of all our posts, of long texts, and of text that has no words or strange ones."""
    posts = [*dict.fromkeys(post.text for post in load_posts())]
    long = ["。".join(sentences), "x" * 700, "é" * 300 + " z", "😀" * 150, "İΣß ǅ"]
    chosen = random.Random(0)
    junk = [
        "".join(chr(chosen.choice((0x20, 0x41, 0x3042, 0x1F600)) + i % 40) for i in range(n))
        for n in range(200)
    ]
    found = [
        x for e in tokenizer.encode_batch([*posts, *long, *junk]) for x in (e.head, *e.windows)
    ]
    odd = [Window([], x, x) for x in ("", " ", "a", "a\u2003b\x1cc", "長" * 3000, "")]
    return [odd[0], *found, *odd]


def test_they_are_those_of_scikit_learn(windows: list[Window]) -> None:
    assert len(windows) > 2000
    vectorizers = [
        HashingVectorizer(n_features=_BLOCK, alternate_sign=False, norm=None, **settings)
        for settings in (
            {"analyzer": "char_wb", "ngram_range": (1, 4)},
            {"tokenizer": str.split, "token_pattern": None, "ngram_range": (1, 3)},
        )
    ]
    texts = ([x.text for x in windows], [x.words for x in windows])
    blocks = [x.transform(part) for x, part in zip(vectorizers, texts, strict=True)]
    expected = sparse.hstack(blocks, format="csr")
    found = counts(windows)
    assert np.array_equal(found.starts, expected.indptr)
    assert np.array_equal(found.features, expected.indices)
    assert np.array_equal(found.values, expected.data)

    idf = np.random.default_rng(0).uniform(0.5, 9, FEATURES).astype(np.float32)
    expected.data = (1 + np.log(expected.data)) * idf[expected.indices]
    scaled = sparse.hstack(
        [normalize(expected[:, :_BLOCK]), normalize(expected[:, _BLOCK:])], format="csr"
    )
    tfidf = weighted(found, idf)
    np.testing.assert_allclose(tfidf.values, scaled.data, rtol=1e-5)
    weights = np.random.default_rng(1).normal(size=(FEATURES, 3)).astype(np.float32)
    np.testing.assert_allclose(tfidf.times(weights), scaled @ weights, atol=1e-4)


def test_a_window_has_the_same_features_whatever_it_is_computed_beside(
    windows: list[Window],
) -> None:
    idf = np.ones(FEATURES, dtype=np.float32)
    weights = np.random.default_rng(2).normal(size=(FEATURES, 3)).astype(np.float32)
    together = weighted(counts(windows[:300]), idf).times(weights)
    for row in (0, 1, 150, 299):
        alone = weighted(counts([windows[row]]), idf).times(weights)[0]
        assert np.array_equal(alone, together[row])
