"""Our own posts: read from their files, as dataclasses, in columns, and hashed.

The posts lie in the `*.jsonl` beside this file, the families in `families.toml`, one line each: the
fold a family lies in (`training.posts.folds`), its split if it has one, and what its scenario is. A
family is one scenario with its risky posts and their benign twins; it lies in one fold only, so
that a figure never comes from a scenario that was trained on.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from riskclf.errors import FormatError
from riskclf.labels import Label

__all__ = [
    "ASPECTS",
    "FAMILIES",
    "FOLDS",
    "GATE",
    "OUTSIDE",
    "POSTS",
    "SPLITS",
    "Aspects",
    "Post",
    "answer_counts",
    "digest",
    "load_posts",
    "parse_target",
    "rows",
]

_HERE = Path(__file__).parent
POSTS = _HERE
FAMILIES = _HERE / "families.toml"

SPLITS = ("support", "aspects", "transfer", "slang_learn", "slang_test")
"""What some posts are for; most have no split. `support` has posts of apparent children who seek
help, and their look-alikes; `aspects` has harmless posts that teach who asks whom, and whose label
is neither learned nor measured; `transfer` is Korean and Chinese for testing; the slang splits are
for fine-tuning."""

OUTSIDE = ("transfer", "slang_learn", "slang_test")
"""The splits that are in no fold: nothing of the recipe is trained or chosen on them."""

FOLDS = ("1", "2", "3", "4", "5")
"""Models are trained on four of them and measured on the fifth; what ships learns from all five."""

GATE = "gate"
"""The fold of the families that are set aside for the gate of fine-tuning."""

_CLOSE_TWIN_WEIGHT = 0.25

ASPECTS: Mapping[str, tuple[str, ...]] = {
    "age": ("under_18", "not_stated", "adult", "none"),
    "side": ("child", "seeker", "not_stated", "other"),
    "act": ("asks_or_offers", "refuses_or_reports", "none"),
    "matter": ("company", "lodging", "images", "money_or_goods", "work", "threat"),
}
"""The questions of docs/labelling-guide.md with their answers; of `matter` several are possible."""


@dataclass(frozen=True, slots=True)
class Aspects:
    """The answers for one post, see `ASPECTS`."""

    age: str
    side: str
    act: str
    matter: tuple[str, ...]
    support: bool
    """An apparent child tells of a threat, pressure, being with a stranger, or wanting to die."""


@dataclass(frozen=True, slots=True)
class Post:
    """One post of ours."""

    id: str
    lang: str
    target: Mapping[str, float]
    """Probability of each label that is not 0; two labels for a post that is unclear."""
    family: str
    slice: str
    text: str = field(repr=False)
    twin_of: str | None
    note: str
    term: str | None
    """The invented slang term it is about (`t1` to `t6`), in the slang splits only."""
    split: str
    """One of `SPLITS`, or empty."""
    fold: str = ""
    """One of `FOLDS`, `GATE`, or empty for the splits `OUTSIDE`."""
    aspects: Aspects | None = None
    """None where they have not been judged."""

    @property
    def kind(self) -> str:
        """The label, or for a soft target its two labels: `adult+benign`."""
        if len(self.target) == 1:
            return next(iter(self.target))
        return "+".join(name.split("_")[0] for name in self.target)

    @property
    def weight(self) -> float:
        """How much its label counts in training and for thresholds.

        Close twins repeat the words of a risky post in an innocent one. There are far more of them
        beside each risky post than where people post: counted whole, they would make a risky word
        a sign of innocence, and thresholds too high.
        """
        return _CLOSE_TWIN_WEIGHT if self.slice.startswith("close_") else 1.0

    @property
    def risky(self) -> bool:
        """A post with a risky label, soft ones not counted."""
        return len(self.target) == 1 and Label.BENIGN not in self.target

    @property
    def labelled(self) -> bool:
        """Whether its label is learned and measured; False where only its answers are."""
        return self.split != "aspects"


class _Frozen(Protocol):
    """What is hashed of a post."""

    @property
    def id(self) -> str: ...

    @property
    def target(self) -> Mapping[str, float]: ...

    @property
    def text(self) -> str: ...


def load_posts(directory: Path = POSTS, families_file: Path = FAMILIES) -> list[Post]:
    """Read every post, in the order of the files.

    Raises:
        FormatError: a line is not a post, or its family is not known; names file and line.
    """
    families = tomllib.loads(families_file.read_text(encoding="utf-8"))
    posts = []
    for file in sorted(directory.glob("*.jsonl")):
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), start=1):
            if line:
                try:
                    posts.append(_parse(json.loads(line), families))
                except (KeyError, TypeError, ValueError) as error:
                    raise FormatError(
                        f"{file} line {number} is not a post ({type(error).__name__}: {error}): "
                        "see training/posts/post.py for the fields"
                    ) from None
    return posts


def rows(posts: Iterable[Post]) -> Iterator[dict[str, Any]]:
    """Posts in the columns that `riskclf.evaluate` reads."""
    for post in posts:
        yield {
            "id": post.id,
            "text": post.text,
            "label": dict(post.target) if len(post.target) > 1 else post.kind,
            "slice": post.slice,
            "language": post.lang,
            "family": post.family,
        }


def answer_counts(posts: Iterable[Post]) -> dict[str, Counter[str]]:
    """How many posts have each answer, by question; a post may have several of `matter`."""
    counts: dict[str, Counter[str]] = {question: Counter() for question in (*ASPECTS, "support")}
    for post in posts:
        if post.aspects is not None:
            for question in ("age", "side", "act"):
                counts[question][getattr(post.aspects, question)] += 1
            counts["matter"].update(post.aspects.matter)
            counts["support"][str(post.aspects.support).lower()] += 1
    return counts


def digest(posts: Iterable[_Frozen]) -> str:
    """SHA-256 over ids, texts and targets, whatever their order: freezes a test set."""
    lines = sorted(f"{post.id}\t{json.dumps(dict(post.target))}\t{post.text}" for post in posts)
    return hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()


def parse_target(label: Any) -> dict[str, float]:
    """The probability of each label that is not 0, from a label or a mapping.

    Raises:
        ValueError: a label is unknown, or the probabilities do not add up to 1.
    """
    target = {str(Label(label)): 1.0} if isinstance(label, str) else dict(label)
    if not {Label(name) for name in target} or abs(sum(target.values()) - 1) > 1e-9:
        raise ValueError("the target does not add up to 1")
    return target


def _parse(row: Mapping[str, Any], families: Mapping[str, Mapping[str, str]]) -> Post:
    target = parse_target(row["label"])
    family = families[row["family"]]
    split, fold = family.get("split", ""), family.get("fold", "")
    if split not in (*SPLITS, ""):
        raise ValueError(f"unknown split {split!r}")
    if fold not in (*FOLDS, GATE, ""):
        raise ValueError(f"unknown fold {fold!r}")
    return Post(
        id=row["id"],
        lang=row["lang"],
        target=target,
        family=row["family"],
        slice=row["slice"],
        text=row["text"],
        twin_of=row["twin_of"],
        note=row["note"],
        term=row.get("term"),
        split=split,
        fold=fold,
        aspects=_aspects(row) if "age" in row else None,
    )


def _aspects(row: Mapping[str, Any]) -> Aspects:
    for name, values in ASPECTS.items():
        answers = row[name] if name == "matter" else [row[name]]
        if not set(answers) <= set(values):
            raise ValueError(f"{name} has an answer that is not in the guide")
    if not isinstance(row["support"], bool):
        raise TypeError("support is not true or false")
    return Aspects(row["age"], row["side"], row["act"], tuple(row["matter"]), row["support"])
