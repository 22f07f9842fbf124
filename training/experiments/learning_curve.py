"""Are more risky posts worth writing? Recall on unseen families by the number trained on.

``python -m training.experiments.learning_curve --base DIR`` trains on more and more of the train
families that hold risky posts (with their twins, and always with every benign-only family) and
measures how many risky posts of the dev and calibration families are found. The classifier is a
logistic regression on the vectors of the adapted encoder in DIR, whose weights are frozen: the
whole curve takes a minute, where fine-tuning would take hours. TF-IDF is measured for comparison.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from riskclf.engines.pytorch import PytorchEngine, open_classifier
from riskclf.evaluation.baselines import tfidf
from riskclf.labels import Label
from riskclf.tokens import Tokenizer
from training.command import run_command
from training.posts.post import Post, load_posts

__all__ = ["curve", "main", "subset", "vectors"]

_STEP = 50
_ORDERS = 5
"""Orders in which families are added; the figure is the mean over them."""


def vectors(base: Path, texts: Sequence[str]) -> Any:
    """Pooler output and mean token vector of each text, float32 of shape (texts, 2 * width)."""
    model, _ = open_classifier(base)  # its head is random, and not used
    tokenizer = Tokenizer.load(base)
    engine = PytorchEngine(model, pad_id=tokenizer.pad_id, device="cpu", batch_size=64)
    outputs = engine.compute([x.head.ids for x in tokenizer.encode_batch(texts)])
    return np.concatenate([outputs.pooled, outputs.sentence], axis=1)


def subset(posts: Sequence[Post], count: int, order: int) -> list[Post]:
    """The benign-only families, and families with risky posts until these are about `count`."""
    risky = {post.family: 0 for post in posts if post.risky}
    for post in posts:
        risky[post.family] = risky.get(post.family, 0) + post.risky
    families = sorted(family for family, number in risky.items() if number)
    random.Random(order).shuffle(families)
    chosen = {family for family, number in risky.items() if not number}
    total = 0
    for family in families:
        if total + risky[family] > count:
            break
        total += risky[family]
        chosen.add(family)
    return [post for post in posts if post.family in chosen]


def curve(
    posts: Sequence[Post], fit: Callable[[], Any], features: Callable[[Sequence[Post]], Any]
) -> Iterator[tuple[int, float, float, float]]:
    """Risky posts trained on, mean recall, its standard deviation over orders, false positives.

    Args:
        posts: ours; those of dev and calibration families are measured on.
        fit: makes an untrained classifier.
        features: what the classifier reads of posts.
    """
    hard = [post for post in posts if len(post.target) == 1]
    train = [post for post in hard if post.split == "train"]
    unseen = [post for post in hard if post.split in ("dev", "calibration")]
    is_risky = np.array([post.risky for post in unseen])
    read = features(unseen)
    total = sum(post.risky for post in train)
    for count in (*range(_STEP, total, _STEP), total):
        recalls, false = [], []
        for order in range(_ORDERS if count < total else 1):
            chosen = subset(train, count, order)
            model = fit().fit(features(chosen), [post.kind for post in chosen])
            found = model.predict(read) != Label.BENIGN
            recalls.append(found[is_risky].mean())
            false.append(found[~is_risky].mean())
        yield count, float(np.mean(recalls)), float(np.std(recalls)), float(np.mean(false))


def main(base: Annotated[Path, typer.Option(help="Directory of the adapted encoder.")]) -> None:
    """Print the curve."""
    posts = [post for post in load_posts() if post.split in ("train", "dev", "calibration")]
    unseen = sum(post.risky for post in posts if post.split != "train")
    rows = dict(
        zip([x.id for x in posts], vectors(base, [post.text for post in posts]), strict=True)
    )
    table = Table(title=f"{unseen} risky posts of unseen families", title_justify="left")
    for column in ("classifier", "risky posts trained on", "found", "sd", "benign taken for risky"):
        table.add_column(column, justify="right")

    def logistic() -> Any:
        return make_pipeline(
            StandardScaler(), LogisticRegression(C=0.01, max_iter=3000, class_weight="balanced")
        )

    for name, fit, features in (
        ("encoder", logistic, lambda chosen: np.stack([rows[post.id] for post in chosen])),
        ("TF-IDF", lambda: tfidf(10.0), lambda chosen: [post.text for post in chosen]),
    ):
        for count, recall, deviation, false in curve(posts, fit, features):
            table.add_row(name, str(count), f"{recall:.3f}", f"{deviation:.3f}", f"{false:.3f}")
    Console().print(table)


if __name__ == "__main__":
    run_command(main)
