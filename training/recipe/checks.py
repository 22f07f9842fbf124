"""What a model must do before it is packaged: label the package's own examples right."""

from __future__ import annotations

import csv
from importlib.resources import files

from riskclf import Label, RiskClassifier

__all__ = ["labels_examples"]

_RISKY_EXAMPLES = {
    "1": Label.MINOR_SOLICITATION,
    "2": Label.MINOR_SOLICITATION,
    "3": Label.ADULT_SOLICITATION,
    "4": Label.MINOR_SOLICITATION,
}
"""Of the package's example posts; the others are benign."""


def labels_examples(model: RiskClassifier) -> bool:
    """Whether the model labels all of the package's example posts right."""
    text = files("riskclf").joinpath("example_posts.csv").read_text(encoding="utf-8")
    posts = list(csv.DictReader(text.splitlines()))
    found = model.predict_many(post["text"] for post in posts)
    return all(
        x.label == _RISKY_EXAMPLES.get(post["id"], Label.BENIGN)
        for post, x in zip(posts, found, strict=True)
    )
