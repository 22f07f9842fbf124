"""The second, blind answers stand beside the first ones, question by question."""

from __future__ import annotations

from dataclasses import replace

from training.posts.agreement import aspect_rows
from training.posts.post import load_posts


def test_300_posts_have_second_answers_to_every_question() -> None:
    rows = {question: figures for question, *figures in aspect_rows(load_posts())}
    assert {"label", "support", "age", "side", "act", "matter"} <= set(rows)
    assert {figures[0] for figures in rows.values()} == {"300"}


def test_another_first_answer_lowers_the_agreement() -> None:
    posts = load_posts()
    changed = [
        replace(post, aspects=replace(post.aspects, act="none")) if post.aspects else post
        for post in posts
    ]
    before = {question: float(alike) for question, _, alike, *_ in aspect_rows(posts)}
    after = {question: float(alike) for question, _, alike, *_ in aspect_rows(changed)}
    assert after["act"] < before["act"] - 0.2
    assert after["side"] == before["side"]
