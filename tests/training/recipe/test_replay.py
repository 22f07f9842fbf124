"""The posts that come with the package are drawn from the right splits, and are few."""

from __future__ import annotations

import json
from collections import Counter

from riskclf.finetuning.replay import load_our_posts
from riskclf.labels import RISK_LABELS
from training.posts.post import load_posts
from training.recipe.replay import OUTPUT, our_posts


def test_the_packaged_file_is_what_the_command_writes() -> None:
    lines = OUTPUT.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == list(our_posts(load_posts()))


def test_no_family_is_both_replayed_and_measured() -> None:
    split = {post.text: post.split for post in load_posts()}
    families: dict[str, set[str]] = {"replay": set(), "old": set()}
    for post in load_our_posts():
        assert split[post.text] == {"replay": "train", "old": "dev"}[post.part]
        families[post.part].add(post.family)
    assert families["replay"].isdisjoint(families["old"])


def test_no_more_than_a_hundred_risky_posts_of_a_label_are_packaged() -> None:
    kinds = Counter("+".join(post.target) for post in load_our_posts())
    assert all(0 < kinds[label] <= 100 for label in RISK_LABELS)
    assert kinds["benign"] > sum(kinds[label] for label in RISK_LABELS)
