"""What a keyword search and a linear model reach on the same posts: the bar for the transformer.

``python -m training.experiments.baselines`` trains on the train split, chooses on the dev split and
prints both for the dev split. The keywords are those that tell the train posts apart; no list is
shipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.feature_extraction.text import CountVectorizer

from riskclf.evaluation.baselines import prepared, tfidf
from riskclf.evaluation.metrics import label_figures
from riskclf.labels import LABELS
from training.command import run_command
from training.posts.post import Post, load_posts

__all__ = ["Keywords", "baseline_rows", "fitted", "macro_f1", "main", "predictions"]


class Keywords:
    """Labels a post by its character n-grams that most favour one risky label in training.

    As an officer's search would: any hit is a risk, and the label with more hits wins.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> Keywords:
        """Choose the `count` n-grams of each risky label with the highest log-odds ratio."""
        self._grams = CountVectorizer(
            analyzer="char", ngram_range=(2, 5), binary=True, min_df=3, preprocessor=prepared
        )
        present = self._grams.fit_transform(texts)
        kinds = np.array(labels)
        self._chosen = {}
        for label in LABELS[:2]:
            inside = np.asarray(present[kinds == label].sum(axis=0)).ravel() + 0.5
            outside = np.asarray(present[kinds == LABELS[2]].sum(axis=0)).ravel() + 0.5
            odds = np.log(inside / (kinds == label).sum()) - np.log(
                outside / (kinds == LABELS[2]).sum()
            )
            self._chosen[label] = np.argsort(-odds, kind="stable")[: self._count]
        return self

    def predict(self, texts: Sequence[str]) -> list[str]:
        """One label a text."""
        present = self._grams.transform(texts)
        hits = np.stack(
            [np.asarray(present[:, chosen].sum(axis=1)).ravel() for chosen in self._chosen.values()]
        )
        return [
            LABELS[column.argmax()] if column.any() else LABELS[2] for column in hits.transpose()
        ]


def macro_f1(model: Any, posts: Sequence[Post]) -> float:
    """Macro-F1 over the three labels; soft posts are left out."""
    hard = [post for post in posts if len(post.target) == 1]
    right = np.array([LABELS.index(post.kind) for post in hard])
    given = np.array([LABELS.index(x) for x in model.predict([post.text for post in hard])])
    return label_figures(LABELS, right, given).macro.f1.value or 0.0


def fitted(posts: Sequence[Post]) -> Iterator[tuple[str, str, Any, float]]:
    """Baseline, setting, the model trained on the train split, and its macro-F1 on dev."""
    train = [post for post in posts if post.split == "train" and len(post.target) == 1]
    dev = [post for post in posts if post.split == "dev"]
    texts, labels = [post.text for post in train], [post.kind for post in train]
    for count in (20, 50, 100):
        model = Keywords(count).fit(texts, labels)
        yield "keywords", f"{count} a label", model, macro_f1(model, dev)
    for strength in (1.0, 10.0, 100.0):
        model = tfidf(strength).fit(texts, labels)
        yield "TF-IDF", f"C = {strength:g}", model, macro_f1(model, dev)


def baseline_rows(posts: Sequence[Post]) -> list[tuple[str, str, str]]:
    """Baseline, setting and macro-F1 on the dev split, for every setting that was tried."""
    return [(name, setting, f"{score:.3f}") for name, setting, _, score in fitted(posts)]


def predictions(posts: Sequence[Post], split: str = "dev") -> dict[str, list[str]]:
    """Labels of all posts of a split by each baseline, in the setting that is best on dev."""
    best: dict[str, tuple[float, Any]] = {}
    for name, _, model, score in fitted(posts):
        if name not in best or score > best[name][0]:
            best[name] = score, model
    texts = [post.text for post in posts if post.split == split]
    return {name: list(model.predict(texts)) for name, (_, model) in best.items()}


def main() -> None:
    """Print macro-F1 on the dev split for every setting."""
    table = Table("baseline", "setting", "macro-F1 on dev")
    for row in baseline_rows(load_posts()):
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    run_command(main)
