"""Label a Hugging Face dataset with `map`: ``python datasets_map.py posts.csv labelled.jsonl``."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import datasets

from riskclf import RiskClassifier

# Else `map` would keep the posts in a cache on the disk.
datasets.disable_caching()


def label(posts: datasets.Dataset, classifier: RiskClassifier) -> datasets.Dataset:
    """The posts (column `text`) with the columns `label`, `decision` and `risk`."""

    def columns(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        predictions = classifier.predict_many(batch["text"])
        return {
            "label": [p.label for p in predictions],
            "decision": [p.decision for p in predictions],
            "risk": [p.risk for p in predictions],
        }

    # One process: the model computes on all cores by itself.
    return posts.map(columns, batched=True, batch_size=1024)


if __name__ == "__main__":
    with Path(sys.argv[1]).open(encoding="utf-8-sig", newline="") as file:
        rows = datasets.Dataset.from_list(list(csv.DictReader(file)))
    label(rows, RiskClassifier.load()).to_json(sys.argv[2], force_ascii=False)
