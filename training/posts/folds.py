"""Five folds of our posts, and the families that are set aside for the fine-tuning gate.

``python -m training.posts.folds`` deals the families and writes the fold of each into
`families.toml`. Families that share near-duplicates form a group; a group lies in one fold, so that
no figure comes from a post of which a near copy was trained on. Folds are alike in language and
label. Natural lines are dealt too, by a hash of their letters.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import typer

from riskclf.files import write_text
from riskclf.tables.duplicates import near_duplicate_pairs
from training.command import run_command
from training.posts.post import FAMILIES, FOLDS, GATE, OUTSIDE, Post, load_posts
from training.posts.rules import letters

__all__ = ["RESERVED", "deal", "family_groups", "fold_of_line", "main", "with_folds"]

SIMILARITY = 0.45
"""Families with two posts as alike as this are one group. Lower than what is forbidden between
families (0.6): read by eye, pairs below 0.45 share an opening, not a scenario."""

RESERVED = "reserved"
"""The share of natural lines that no model is trained on, fold models included."""

_GATE_RISKY, _GATE_BENIGN = 22, 4
"""Groups of the gate that hold risky posts, and groups that hold none."""

_LINES_IN_RESERVED = 8
"""One natural line in so many is reserved."""

_SEED = 20261127


def family_groups(posts: Sequence[Post]) -> list[list[str]]:
    """Families, joined where a post of one is a near-duplicate of a post of the other."""
    parent = {post.family: post.family for post in posts}

    def root(family: str) -> str:
        while parent[family] != family:
            family = parent[family]
        return family

    texts = [letters(post.text) for post in posts]
    for one, other, _ in near_duplicate_pairs(texts, similarity=SIMILARITY):
        parent[root(posts[other].family)] = root(posts[one].family)
    groups: dict[str, list[str]] = {}
    for family in parent:
        groups.setdefault(root(family), []).append(family)
    return list(groups.values())


def deal(posts: Sequence[Post]) -> dict[str, str]:
    """The fold of each family: one of `FOLDS`, or `GATE`.

    Groups are dealt from the largest to the smallest, each to the fold that lacks most of what it
    holds: posts of each language by label, and of each kind that has a head of its own.

    Args:
        posts: all that are dealt; those of the splits `OUTSIDE` are not.
    """
    inside = [post for post in posts if post.split not in OUTSIDE]
    members = {group[0]: group for group in family_groups(inside)}
    strata = {
        first: Counter(x for post in inside if post.family in group for x in _strata(post))
        for first, group in members.items()
    }
    gate = _gate(inside, members)
    result = {family: GATE for first in gate for family in members[first]}
    total: Counter[str] = Counter()
    for first in members.keys() - gate:
        total += strata[first]
    filled: dict[str, Counter[str]] = {fold: Counter() for fold in FOLDS}

    def missed(fold: str, added: Counter[str]) -> float:
        """By how much the fold departs less from its share once the group is added."""
        before = after = 0.0
        for stratum, count in added.items():
            share = total[stratum] / len(FOLDS)
            before += (filled[fold][stratum] - share) ** 2 / share
            after += (filled[fold][stratum] + count - share) ** 2 / share
        return after - before

    order = sorted(members.keys() - gate, key=lambda x: (-strata[x].total(), x))
    for first in order:
        fold = min(FOLDS, key=lambda fold: missed(fold, strata[first]))
        filled[fold] += strata[first]
        result |= dict.fromkeys(members[first], fold)
    return result


def fold_of_line(line: str) -> str:
    """The fold of a natural line: one of `FOLDS`, or `RESERVED`; equal letters, equal fold."""
    number = int.from_bytes(hashlib.sha256(letters(line).encode("utf-8")).digest()[:8], "big")
    if number % _LINES_IN_RESERVED == 0:
        return RESERVED
    return FOLDS[number // _LINES_IN_RESERVED % len(FOLDS)]


def _gate(posts: Sequence[Post], members: Mapping[str, Sequence[str]]) -> set[str]:
    """Groups that are set aside, drawn at random; the languages take part by their size."""
    risky = {post.family for post in posts if post.risky}
    taught = {post.family for post in posts if post.split in ("aspects", "support")}
    with_risk = [x for x, group in members.items() if risky & {*group}]
    without = [x for x, group in members.items() if not (risky | taught) & {*group}]
    rng = random.Random(_SEED)
    return {*rng.sample(with_risk, _GATE_RISKY), *rng.sample(without, _GATE_BENIGN)}


def _strata(post: Post) -> list[str]:
    found = [f"{post.lang} {'unclear' if '+' in post.kind else post.kind}"]
    if post.split in ("aspects", "support"):
        found.append(post.split)
    if post.aspects is not None and post.aspects.support:
        found.append("seeks help")
    return found


def with_folds(families: str, folds: Mapping[str, str]) -> str:
    """The text of `families.toml` with these folds; families without one lie outside."""
    lines = []
    for line in families.split("\n"):
        found = re.match(r"(\w+) = \{ (.*)", line)
        if found is not None:
            rest = re.sub(r'fold = "\w+", ', "", found[2])
            fold = folds.get(found[1])
            rest = rest if fold is None else f'fold = "{fold}", {rest}'
            line = f"{found[1]} = {{ {rest}"
        lines.append(line)
    return "\n".join(lines)


def main() -> None:
    """Deal the families into folds and write them to families.toml."""
    posts = load_posts()
    text = with_folds(FAMILIES.read_text(encoding="utf-8"), deal(posts))
    write_text(FAMILIES, text)
    typer.echo(f"{FAMILIES}: {_counted(load_posts())}")


def _counted(posts: Iterable[Post]) -> str:
    counts = Counter(post.fold for post in posts if post.fold)
    return ", ".join(f"{fold} {count} posts" for fold, count in sorted(counts.items()))


if __name__ == "__main__":
    run_command(main)
