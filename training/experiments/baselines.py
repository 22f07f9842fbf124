"""What a keyword search and a linear model reach on the same posts: the bar for the packaged model.

``python -m training.experiments.baselines`` prints it. As for the packaged model's own figures,
each fold is labelled by what was trained on the other four. The best of the settings is chosen on
the same figures, which flatters it. The keywords are those that tell the training posts apart; no
list is shipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.feature_extraction.text import CountVectorizer

from riskclf.evaluation.baselines import prepared, tfidf
from riskclf.evaluation.figures import Estimate
from riskclf.evaluation.intervals import Intervals
from riskclf.evaluation.metrics import label_figures
from riskclf.labels import LABELS, RISK_LABELS
from training.command import run_command
from training.experiments.ranking import average_precision
from training.posts.post import FOLDS, Post, load_posts

__all__ = ["COLUMNS", "Keywords", "Setting", "baseline_rows", "best", "main", "out_of_fold"]

COLUMNS = ("baseline", "setting", "macro-F1", "average precision")

_KEYWORDS = (20, 50, 100)
_STRENGTHS = (1.0, 10.0, 100.0)

Found = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Labels and risks of texts."""


@dataclass(frozen=True)
class Setting:
    """One baseline in one setting, and what it says about posts that it was not trained on."""

    baseline: str
    """`keywords` or `TF-IDF`."""
    setting: str
    labels: NDArray[np.int64]
    """Index into `LABELS` of each post, shape (posts,)."""
    risk: NDArray[np.float64]
    """Of each post, from 0 to 1, shape (posts,). For keywords: n / (n + 1) for n hits."""
    macro_f1: Estimate
    average_precision: Estimate


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
        self._chosen: dict[str, NDArray[np.int64]] = {}
        for label in LABELS[:2]:
            inside = np.asarray(present[kinds == label].sum(axis=0)).ravel() + 0.5
            outside = np.asarray(present[kinds == LABELS[2]].sum(axis=0)).ravel() + 0.5
            odds = np.log(inside / (kinds == label).sum()) - np.log(
                outside / (kinds == LABELS[2]).sum()
            )
            self._chosen[label] = np.argsort(-odds, kind="stable")[: self._count]
        return self

    def hits(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """How many keywords of each risky label a text holds, shape (texts, risky labels)."""
        present = self._grams.transform(texts)
        columns = [present[:, chosen].sum(axis=1) for chosen in self._chosen.values()]
        return np.stack([np.asarray(x).ravel() for x in columns], axis=1).astype(np.int64)

    def judge(self, texts: Sequence[str]) -> Found:
        """Label and risk of each text."""
        hits = self.hits(texts)
        total = hits.sum(axis=1)
        labels = np.where(total > 0, hits.argmax(axis=1), LABELS.index(LABELS[-1]))
        return labels.astype(np.int64), total / (total + 1)


def out_of_fold(posts: Sequence[Post]) -> list[Setting]:
    """Every setting that is tried, applied to each fold by what was trained on the other four.

    Args:
        posts: of the folds. Trained on are those with one clear label. Posts that are there for
            their answers get a label and a risk too, but are not counted.

    Returns:
        With labels and risks in the order of the posts.
    """
    fold = np.array([post.fold for post in posts])
    assert set(fold) <= {*FOLDS}
    parts: dict[tuple[str, str], dict[str, Found]] = {}
    for name in FOLDS:
        texts = [post.text for post in posts if post.fold == name]
        clear = [x for x in posts if x.fold != name and x.labelled and len(x.target) == 1]
        for key, judge in _fitted([x.text for x in clear], [x.kind for x in clear]):
            parts.setdefault(key, {})[name] = judge(texts) if texts else _NOTHING
    result = []
    for key, by_fold in parts.items():
        labels, risk = np.zeros(len(posts), dtype=np.int64), np.zeros(len(posts))
        for name, found in by_fold.items():
            labels[fold == name], risk[fold == name] = found
        result.append(Setting(*key, labels, risk, *_figures(posts, labels, risk)))
    return result


def best(settings: Iterable[Setting], baseline: str = "TF-IDF") -> Setting:
    """That of the baseline with the highest macro-F1."""
    found = [setting for setting in settings if setting.baseline == baseline]
    return max(found, key=lambda setting: setting.macro_f1.value or 0.0)


def baseline_rows(settings: Iterable[Setting]) -> list[tuple[str, ...]]:
    """The columns `COLUMNS` of every setting that was tried, as text."""
    return [
        (x.baseline, x.setting, _shown(x.macro_f1), _shown(x.average_precision)) for x in settings
    ]


_NOTHING: Found = np.zeros(0, dtype=np.int64), np.zeros(0)


def _fitted(
    texts: Sequence[str], labels: Sequence[str]
) -> Iterator[tuple[tuple[str, str], Callable[[Sequence[str]], Found]]]:
    """Baseline and setting, and what was trained on these texts."""
    for count in _KEYWORDS:
        yield ("keywords", f"{count} a label"), Keywords(count).fit(texts, labels).judge
    features = tfidf(1.0)[0]
    known = features.fit_transform(texts)
    for strength in _STRENGTHS:
        linear = tfidf(strength)[-1].fit(known, labels)
        yield ("TF-IDF", f"C = {strength:g}"), partial(_linear, features, linear)


def _linear(features: Any, model: Any, texts: Sequence[str]) -> Found:
    found = model.predict_proba(features.transform(texts))
    order = [list(model.classes_).index(label) for label in LABELS]
    scores: NDArray[np.float64] = found[:, order]
    return scores.argmax(axis=1), scores[:, np.isin(LABELS, RISK_LABELS)].sum(axis=1)


def _figures(
    posts: Sequence[Post], labels: NDArray[np.int64], risk: NDArray[np.float64]
) -> tuple[Estimate, Estimate]:
    """Macro-F1 and average precision on the posts with one clear label."""
    counted = np.array([post.labelled and len(post.target) == 1 for post in posts])
    gold = np.array(
        [LABELS.index(x.kind) if y else -1 for x, y in zip(posts, counted, strict=True)]
    )
    family = np.unique([post.family for post in posts], return_inverse=True)[1]
    intervals = Intervals(len(posts), None, family)
    f1 = label_figures(LABELS, gold, labels, None, intervals).macro.f1
    risky = np.array([post.risky for post in posts])
    return f1, average_precision(risk, risky, counted, intervals)


def _shown(figure: Estimate) -> str:
    if figure.value is None:
        return "–"
    return f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f})"


def main() -> None:
    """Print macro-F1 and average precision out of fold for every setting."""
    posts = [post for post in load_posts() if post.fold in FOLDS]
    table = Table(*COLUMNS, title="out of fold, 95 % intervals", title_justify="left")
    for row in baseline_rows(out_of_fold(posts)):
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    run_command(main)
