"""Our own posts: read, checked, counted, split by family.

The posts lie in the `*.jsonl` beside this file, the families in `families.toml`, one line each: the
split a family belongs to, and what its scenario is. A family is one scenario with its risky posts
and their benign twins; it lies in one split only, so that a figure never comes from a scenario that
was trained on.

``python -m training.posts.data`` prints the counts and fails when a rule is broken.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from riskclf.errors import FormatError
from riskclf.evaluation.intervals import wilson
from riskclf.files import write_text
from riskclf.labels import Label
from riskclf.tables.duplicates import near_duplicate_pairs
from riskclf.text import normalise
from training.command import run_command
from training.posts.corpora import Corpora
from training.posts.other_hand import (
    HASH,
    OtherHandPost,
    agreement,
    load_other_hand,
    too_few,
)

__all__ = [
    "CONTENT_RULES",
    "SPLITS",
    "Post",
    "broken_rules",
    "digest",
    "load_posts",
    "main",
    "near_duplicates",
    "other_hand_problems",
    "problems",
    "rows",
]

_HERE = Path(__file__).parent
POSTS = _HERE
FAMILIES = _HERE / "families.toml"
TEST_HASHES = _HERE / "test_split.sha256"

SPLITS = ("train", "dev", "calibration", "test", "transfer", "slang_learn", "slang_test")
"""`transfer` is the Korean and Chinese part of the test; the slang splits are for fine-tuning."""

MAX_RISKY_PER_LABEL = 250
"""The design's bound on posts per risky label, Korean, Chinese and invented slang apart."""

MAX_RISKY_SHARE = 0.25
"""Risky posts are the smaller part of what we write, unclear ones not counted."""

CONTENT_RULES: Mapping[str, re.Pattern[str]] = {
    "a link or a handle": re.compile(r"https?:|www\.|@\w"),
    "digits like a phone number": re.compile(r"\d[\d\- ]{7,}\d"),
    "a sexual word": re.compile(
        r"セックス|エッチ|えっち|性行為|ホ別|下着|パンツ|裸|\bsex|\bnude|naked|underwear|섹스|做爱",
        re.IGNORECASE,
    ),
    "小学生": re.compile("小学生|小[1-6１-６]|小学"),
    "an age under 13": re.compile(
        r"(?<![\d.,:])(?:[1-9]|1[0-2])\s?(?:歳|才|yo\b|y/o|years? old|살|岁)"
    ),
}
"""What no post of ours may hold. The last two bind risky posts only. Not a list of coded terms."""

_RISKY_ONLY = ("小学生", "an age under 13")


@dataclass(frozen=True, slots=True)
class Post:
    """One post of ours."""

    id: str
    lang: str
    target: Mapping[str, float]
    """Probability of each label that is not 0; one label of 1, or two of a half each."""
    family: str
    slice: str
    text: str = field(repr=False)
    twin_of: str | None
    note: str
    term: str | None
    """The invented slang term it is about (`t1` to `t6`), in the slang splits only."""
    split: str

    @property
    def kind(self) -> str:
        """The label, or for a soft target its two labels: `adult+benign`."""
        if len(self.target) == 1:
            return next(iter(self.target))
        return "+".join(name.split("_")[0] for name in self.target)

    @property
    def risky(self) -> bool:
        """A post with a risky label, soft ones not counted."""
        return len(self.target) == 1 and Label.BENIGN not in self.target


def load_posts(directory: Path = POSTS, families_file: Path = FAMILIES) -> list[Post]:
    """Read every post, in the order of the files.

    Raises:
        FormatError: a line is not a post, or its family has no split; names file and line.
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
                        "see training/posts/data.py for the fields"
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


def digest(posts: Iterable[Post | OtherHandPost]) -> str:
    """SHA-256 over ids, texts and targets, whatever their order: freezes a split."""
    lines = sorted(f"{post.id}\t{json.dumps(dict(post.target))}\t{post.text}" for post in posts)
    return hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()


def near_duplicates(
    texts: Mapping[str, str], others: Mapping[str, str] | None = None
) -> Iterator[tuple[str, str, float]]:
    """Pairs of keys whose texts are near-duplicates, with their similarity.

    Compared are the letters only: digits, symbols and blanks are left out
    (`riskclf.tables.duplicates.near_duplicate_pairs`).

    Args:
        texts: key to text.
        others: compared with each of `texts`; None compares `texts` among themselves.
    """
    keys = list(texts)
    other_keys = keys if others is None else list(others)
    letters = [_letters(text) for text in texts.values()]
    other_letters = None if others is None else [_letters(text) for text in others.values()]
    for one, other, similarity in near_duplicate_pairs(letters, other_letters):
        yield keys[one], other_keys[other], similarity


def broken_rules(text: str, *, risky: bool) -> Iterator[str]:
    """What a text holds that `CONTENT_RULES` forbid; two of them bind risky posts only."""
    read = unicodedata.normalize("NFKC", text)
    for what, pattern in CONTENT_RULES.items():
        if (risky or what not in _RISKY_ONLY) and pattern.search(read):
            yield what


def problems(posts: Sequence[Post]) -> list[str]:
    """Every rule that the posts break, one line each; ids only, never a text."""
    return [
        *_content_problems(posts),
        *_twin_problems(posts),
        *_family_problems(posts),
        *_balance_problems(posts),
        *_duplicate_problems(posts),
    ]


def _parse(row: Mapping[str, Any], families: Mapping[str, Mapping[str, str]]) -> Post:
    label = row["label"]
    target = {str(Label(label)): 1.0} if isinstance(label, str) else dict(label)
    if {Label(name) for name in target} and abs(sum(target.values()) - 1) > 1e-9:
        raise ValueError("the target does not add up to 1")
    split = families[row["family"]]["split"]
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}")
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
    )


def _content_problems(posts: Sequence[Post]) -> Iterator[str]:
    for post in posts:
        longest = 200 if post.lang == "en" else 140
        if not 3 <= len(post.text) <= longest:
            yield f"{post.id}: {len(post.text)} characters, 3 to {longest} are allowed"
        for what in broken_rules(post.text, risky=post.risky):
            yield f"{post.id}: holds {what}"


def _twin_problems(posts: Sequence[Post]) -> Iterator[str]:
    by_id = {post.id: post for post in posts}
    if len(by_id) != len(posts):
        yield "two posts have one id"
    twinned = {post.twin_of for post in posts}
    for post in posts:
        if post.risky and post.term is None and post.id not in twinned:
            yield f"{post.id}: a risky post without a benign twin"
        if post.twin_of is not None:
            twin = by_id.get(post.twin_of)
            if twin is None or not twin.risky or twin.family != post.family:
                yield f"{post.id}: twin_of must name a risky post of its own family"


def _family_problems(posts: Sequence[Post]) -> Iterator[str]:
    counts = Counter((post.family, post.kind) for post in posts if post.risky and not post.term)
    for (family, kind), count in counts.items():
        if count > 4:
            yield f"{family}: {count} posts of {kind}, at most 4 are allowed"


def _balance_problems(posts: Sequence[Post]) -> Iterator[str]:
    main = [post for post in posts if post.split in SPLITS[:4]]
    for label, count in Counter(post.kind for post in main if post.risky).items():
        if count > MAX_RISKY_PER_LABEL:
            yield f"{label}: {count} posts, at most {MAX_RISKY_PER_LABEL} are allowed"
    share = sum(post.risky for post in main) / len(main)
    if share > MAX_RISKY_SHARE:
        yield f"{share:.0%} of the posts are risky, at most {MAX_RISKY_SHARE:.0%} are allowed"
    for split in SPLITS[:5]:
        risky = sum(post.risky for post in posts if post.split == split)
        benign = sum(post.kind == Label.BENIGN for post in posts if post.split == split)
        if benign < risky:
            yield f"{split}: {benign} benign posts to {risky} risky ones"


def _duplicate_problems(posts: Sequence[Post]) -> Iterator[str]:
    bare = Counter(_letters(post.text) for post in posts)
    for post in posts:
        if bare[_letters(post.text)] > 1:
            yield f"{post.id}: the same as another post but for digits, emoji and blanks"
    by_id = {post.id: post for post in posts}
    for one, other, similarity in near_duplicates({post.id: post.text for post in posts}):
        # A twin is meant to differ as little as the language allows.
        if by_id[one].family != by_id[other].family:
            yield f"{one} and {other}: near-duplicates ({similarity:.2f}) in two families"


def _letters(text: str) -> str:
    return re.sub(r"[\W\d_]", "", normalise(text).text.lower())


def _print_counts(posts: Sequence[Post], console: Console) -> None:
    kinds = sorted({post.kind for post in posts}, key=lambda kind: ("+" in kind, kind))
    for title, name in (("split", "split"), ("language", "lang"), ("slice", "slice")):
        table = Table(title=f"posts by {title}", title_justify="left")
        table.add_column(title)
        for kind in (*kinds, "all", "families"):
            table.add_column(kind, justify="right")
        values = sorted({getattr(post, name) for post in posts})
        for value in (*values, None):
            chosen = [post for post in posts if value is None or getattr(post, name) == value]
            counts = Counter(post.kind for post in chosen)
            table.add_row(
                value or "all",
                *(str(counts[kind]) for kind in kinds),
                str(len(chosen)),
                str(len({post.family for post in chosen})),
            )
        console.print(table)


def other_hand_problems(posts: Sequence[Post], others: Sequence[OtherHandPost]) -> list[str]:
    """Every rule that the test set by other hands breaks, one line each; ids only, never a text."""
    found = [*too_few(others)]
    for post in others:
        found += [f"{post.id}: holds {x}" for x in broken_rules(post.text, risky=post.risky)]
    if digest(others) != HASH.read_text(encoding="utf-8").strip():
        found.append("the test set by other hands is not the one that was frozen")
    texts = {post.id: post.text for post in others}
    ours = {post.id: post.text for post in posts}
    for one, other, similarity in (*near_duplicates(texts), *near_duplicates(texts, ours)):
        found.append(f"{one} is a near-duplicate of {other} ({similarity:.2f})")
    return found


def _print_other_hand(others: Sequence[OtherHandPost], console: Console) -> None:
    languages = Counter(post.lang for post in others)
    console.print(
        f"by other hands: {len(others)} posts ("
        f"{', '.join(f'{count} {lang}' for lang, count in languages.most_common())}), "
        f"{sum(post.risky for post in others)} risky, {sum(post.unclear for post in others)} "
        f"unclear, {sum(post.support for post in others)} seek help"
    )
    table = Table(title="two labellers agree on", title_justify="left")
    for name in ("question", "posts", "of", "share, 95 % interval"):
        table.add_column(name, justify="left" if name == "question" else "right")
    for question, (alike, count) in agreement().items():
        low, high = wilson(alike, count)
        shown = f"{alike / count:.1%} ({low:.1%} to {high:.1%})"
        table.add_row(question, str(alike), str(count), shown)
    console.print(table)


def main(
    corpora: Annotated[
        Path | None, typer.Option(help="Also search the held-out files there for near-duplicates.")
    ] = None,
    freeze: Annotated[bool, typer.Option(help="Write the hash of the test split.")] = False,
    write: Annotated[
        str | None,
        typer.Option(metavar="SPLIT", help="Print the posts of a split as JSON Lines instead."),
    ] = None,
) -> None:
    """Count our posts and check every rule; the exit status is 1 when one is broken."""
    posts = load_posts()
    if write is not None:
        if write not in SPLITS:
            raise typer.BadParameter(f"there is no split {write!r}: {', '.join(SPLITS)}")
        for row in rows(post for post in posts if post.split == write):
            typer.echo(json.dumps(row, ensure_ascii=False))
        return
    console = Console(width=160)
    _print_counts(posts, console)
    found = problems(posts)
    test = digest(post for post in posts if post.split in ("test", "transfer"))
    if freeze:
        write_text(TEST_HASHES, test + "\n")
    elif TEST_HASHES.read_text(encoding="utf-8").strip() != test:
        found.append("the test split is not the one that was frozen")
    others = load_other_hand()
    found += other_hand_problems(posts, others)
    if corpora is not None:
        held_out = {
            f"{source.path.name}:{number}": line
            for source in Corpora.load(corpora).of("heldout")
            for number, line in enumerate(source.lines(), start=1)
        }
        ours = {post.id: post.text for post in posts} | {x.id: x.text for x in others}
        pairs = list(near_duplicates(ours, held_out))
        found += [f"{one} is a near-duplicate of {other}" for one, other, _ in pairs]
        console.print(f"compared with {len(held_out)} held-out lines")
    for problem in found:
        console.print(problem, style="red", highlight=False)
    _print_other_hand(others, console)
    console.print(f"{len(posts)} posts, {len(found)} broken rules")
    sys.exit(bool(found))


if __name__ == "__main__":
    run_command(main)
