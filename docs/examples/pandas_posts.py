"""Label a pandas DataFrame: ``python pandas_posts.py posts.csv labelled.csv``."""

from __future__ import annotations

import sys

import pandas as pd

from riskclf import RiskClassifier


def label(posts: pd.DataFrame, classifier: RiskClassifier, column: str = "text") -> pd.DataFrame:
    """The posts with the columns `label`, `decision` and `risk`; empty where there is no text."""
    texts = posts[column]
    found = classifier.stream(text for text in texts if isinstance(text, str))
    predictions = [next(found) if isinstance(text, str) else None for text in texts]
    return posts.assign(
        label=[p and p.label for p in predictions],
        decision=[p and p.decision for p in predictions],
        risk=[p and p.risk for p in predictions],
    )


if __name__ == "__main__":
    # As text: an id keeps its zeros in front, and a post that says NA is a post.
    table = pd.read_csv(sys.argv[1], dtype=str, keep_default_na=False)
    label(table, RiskClassifier.load()).to_csv(sys.argv[2], index=False)
