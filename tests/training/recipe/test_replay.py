"""The posts that come with the package are drawn from the right folds, and are few."""

from __future__ import annotations

import json
from collections import Counter

from riskclf.finetuning.replay import load_our_posts
from riskclf.labels import LABELS, RISK_LABELS
from training.posts.post import FOLDS, GATE, load_posts
from training.recipe.replay import OUTPUT, as_examples, our_posts, replay_set


def test_the_packaged_file_is_what_the_command_writes() -> None:
    lines = OUTPUT.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == list(our_posts(load_posts()))


def test_no_family_is_both_replayed_and_measured() -> None:
    by_text = {post.text: post for post in load_posts()}
    families: dict[str, set[str]] = {"replay": set(), "old": set()}
    for post in load_our_posts():
        ours = by_text[post.text]
        assert ours.labelled
        assert ours.fold in {"replay": FOLDS, "old": (GATE,)}[post.part]
        families[post.part].add(post.family)
    assert families["replay"].isdisjoint(families["old"])


def test_no_more_than_a_hundred_risky_posts_of_a_label_are_packaged() -> None:
    kinds = Counter("+".join(post.target) for post in load_our_posts())
    assert all(0 < kinds[label] <= 100 for label in RISK_LABELS)
    assert kinds["benign"] > sum(kinds[label] for label in RISK_LABELS)


def test_the_replay_set_is_spread_over_families_folds_and_languages() -> None:
    found = replay_set(load_posts(), risky=20, benign=60)
    risky = [post for post in found if post.risky]
    assert len(risky) == len({(post.family, post.kind) for post in risky}) == 40
    assert {post.fold for post in risky} == set(FOLDS)
    assert {post.lang for post in found} == {"ja", "en", "ko", "zh"}
    ids = {post.id for post in risky}
    assert sum(post.twin_of in ids for post in found) >= 40


def test_the_same_post_is_trained_on_alike_from_the_package_and_from_our_files() -> None:
    packaged = load_our_posts()[:40]
    by_text = {post.text: post for post in load_posts()}
    assert as_examples(packaged) == as_examples(by_text[post.text] for post in packaged)
    assert {len(example.target or ()) for example in as_examples(packaged)} == {len(LABELS)}
