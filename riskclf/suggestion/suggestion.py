"""`suggest`: which posts of a file are most worth a person's time to label.

::

    from riskclf import suggest

    result = suggest("posts.csv", n=50)
    result.save("to_label.csv")  # fill in its column label, then evaluate or fine-tune on it

It shows posts of a file that its user holds. It ranks no authors and looks nobody up.

**Uncertain.** A post's uncertainty is the mean of two numbers from 0 to 1: how near its risk lies
to the nearer of the two thresholds, exp(-d) with d the distance in log-odds; and the entropy of the
labels' probabilities over its greatest possible value. For a model without risk labels it is the
entropy alone.

**At random.** A fifth is drawn at random from all posts, whatever the model says of them: uncertain
posts never show what a model is wrongly sure about, and only the random ones tell how good it is on
the file as a whole. Each text has a fixed random number, a keyed hash, and the least are drawn
(bottom-k sampling: Cohen and Kelley 2007). Every different text has the same chance, in whatever
order they come.

**Different.** No two are near-duplicates (`riskclf.tables.duplicates`), and none is a near-duplicate of a
post that was labelled before. Among the most uncertain posts those are taken, one after the other,
whose uncertainty times distance to the nearest one taken is greatest: the farthest-point rule of
Gonzalez (1985), which Sener and Savarese (2018) use for active learning, on the encoder's vectors.

Posts are scored as a stream, and some thousand candidates are kept. From a file of more than 4,000
different posts, the choice may depend a little on the order of the rows.

Terms that have risen: `riskclf.suggestion.emerging`.
"""

from __future__ import annotations

import math
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.errors import InputError
from riskclf.evaluation.scored import Progress
from riskclf.suggestion.emerging import Term, risen_terms
from riskclf.tables import (
    Data,
    Reject,
    Row,
    UnlabelledPosts,
    create_table,
    is_blank,
    same_text,
    text_key,
)
from riskclf.tables.duplicates import near_duplicate_groups
from riskclf.tables.predictions import (
    PREFIX,
    free_columns,
    prediction_columns,
    prediction_values,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.classifier import RiskClassifier
    from riskclf.labels import Prediction

__all__ = ["Suggestions", "suggest"]

_RANDOM_SHARE = 0.2
_AT_RANDOM = "drawn at random"

_CANDIDATES = 2000
"""Uncertain posts that are kept to choose among, at least; up to twice as many while reading."""
_CANDIDATES_PER_POST = 4
_VECTORS_AT_ONCE = 512
_LEAST_SHARE = 1e-9  # so that a risk of 0 or 1 has log-odds


@dataclass(frozen=True)
class Suggestions:
    """What `suggest` found."""

    rows: Sequence[Mapping[str, Any]] = field(repr=False)
    """The chosen posts, random ones spread among them: all columns of the input, an empty `label`
    where it had none, the prediction's columns, and `suggested_because`."""

    terms: Sequence[Term] = field(repr=False)
    """The terms that have risen most surely, surest first; empty unless they were asked for."""

    rejects: Sequence[Reject] = field(repr=False)
    """The rows that could not be used, with the reason."""

    notes: Sequence[str]
    """What a user should know about the choice, one sentence each."""

    columns: Sequence[str]
    """The columns of the input."""

    added: Mapping[str, type] = field(repr=False)
    """The columns that were added, with their types; `suggested_because` is the last."""

    schema: Any = field(repr=False, default=None)
    """The Arrow schema of a Parquet input."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the rows to a table; its suffix says the format. It is written beside and renamed.

        Raises:
            InputError: the file cannot be written.
        """
        _write(path, self.columns, self.added, self.schema, self.rows)

    def save_terms(self, path: str | os.PathLike[str]) -> None:
        """Write the terms to a table, in the way of `save`."""
        kinds = {"posts": int, "of": int, "reference_posts": int, "reference_of": int}
        added = {**kinds, "times": float, "low": float, "high": float}
        rows = [{name: getattr(x, name) for name in ("term", *added)} for x in self.terms]
        _write(path, ["term"], added, None, rows)

    def reasons(self) -> dict[str, int]:
        """How many rows were chosen for which reason."""
        name = list(self.added)[-1]
        return dict(Counter(row[name] for row in self.rows).most_common())


def suggest(
    posts: Data,
    *,
    model: RiskClassifier | str | os.PathLike[str] | None = None,
    n: int = 50,
    text_column: str = "text",
    labelled: Data | None = None,
    terms: bool = False,
    reference: Data | None = None,
    device: str = "auto",
    batch_size: int = 64,
    progress: Progress | None = None,
) -> Suggestions:
    """The posts to label next: uncertain ones, all different, and a fifth drawn at random.

    Args:
        posts: a CSV, TSV, JSON Lines or Parquet file, a `datasets.Dataset`, or any rows as
            mappings. No labels are needed.
        model: a `RiskClassifier`, a model directory or a hub id; None is the packaged model.
        n: how many posts; fewer where there are not as many different ones.
        text_column: holds the text, in all data that are given.
        labelled: posts that were labelled before; kept in memory. What is the same or nearly the
            same as one of them is not suggested again.
        terms: also find terms whose use has risen; needs `reference`.
        reference: older posts.
        device: of a model that is loaded here, see `RiskClassifier.load`.
        batch_size: likewise.
        progress: is told how far the work at hand is, and where its end is (None: not known).

    Raises:
        ArtifactError: the model cannot be used.
        InputError: the data, a column or an option cannot be used.
    """
    if n < 1:
        raise InputError(f"n is {n}: ask for 1 post or more")
    if terms != (reference is not None):
        raise InputError("terms need a reference, and a reference is for terms: give both")
    is_stream = isinstance(posts, str | os.PathLike) and os.fspath(posts) == "-"
    if terms and (is_stream or isinstance(posts, Iterator)):
        raise InputError("terms need posts that can be read twice: name a file")
    # What can be wrong with the files is found before hours of scoring.
    known, unread = _texts_of(labelled, text_column, "labelled")
    notes = [unread] if unread else []
    risen: list[Term] = []
    if reference is not None:
        risen, unread = risen_terms(posts, reference, text_column, progress)
        notes += [unread] if unread else []
    if model is None or isinstance(model, str | os.PathLike):
        from riskclf.classifier import RiskClassifier  # takes seconds to import

        model = RiskClassifier.load(model, device=device, batch_size=batch_size)

    at_random = round(n * _RANDOM_SHARE)
    limit = max(_CANDIDATES, _CANDIDATES_PER_POST * n)
    uncertain = _Pool(limit, known, lambda post: (-round(post.uncertainty, 6), post.key))
    drawn = _Pool(max(_CANDIDATES // 10, 4 * at_random), known, lambda post: (0.0, post.key))
    judge = _Judge(model)
    blank = 0
    with ExitStack() as stack:
        source = UnlabelledPosts(posts, text_column, stack)
        if {"label", "decision", "risk"} <= set(source.columns):
            raise InputError(
                f"{source.name}: the column 'label' is a prediction, which would be taken for the "
                "right label later: give the file as it was before `riskclf predict`"
            )
        waiting: deque[tuple[Row, tuple[int, int | None]]] = deque()
        for done, prediction in enumerate(model.stream(source.texts(waiting))):
            row, place = waiting.popleft()
            text = row.values[text_column]
            post = _Post(row, text, text_key(text), prediction, *judge(prediction))
            if is_blank(text):
                blank += 1
            else:
                uncertain.add(post)
                drawn.add(post)
            if progress and done % 64 == 0:
                progress(*place)
        source.check_usable()
    random_posts = drawn.best()[:at_random]
    candidates = _different(uncertain.best(), [*known, *(post.text for post in random_posts)])
    count = n - at_random
    if len(candidates) > count:
        candidates = _spread_out(model, random_posts, candidates, count, progress)
    chosen = _mixed(candidates, random_posts)
    if blank:
        notes.append(f"{blank:,} posts are empty; they are not suggested")
    if len(chosen) < n:
        notes.append(f"there are only {len(chosen):,} different posts to choose, not {n:,}")
    added = _added_columns(model.labels, source.columns)
    names = [name for name in added if name != "label"]
    rows: list[dict[str, Any]] = []
    random_keys = {post.key for post in random_posts}
    risk_labels = model.info()["saved_as"]["risk_labels"]
    for post in chosen:
        because = _AT_RANDOM if post.key in random_keys else post.because
        values = [*prediction_values(post.prediction, risk_labels), because]
        given = post.row.values
        label = {"label": given.get("label", "")}
        rows.append({**given, **label, **dict(zip(names, values, strict=True))})
    columns = dict.fromkeys([*source.columns, *(name for row in rows for name in row)])
    kept = [name for name in columns if name not in added]
    return Suggestions(rows, risen, source.rejects, notes, kept, added, source.schema)


# Reading and writing ------------------------------------------------------------------------------


def _texts_of(data: Data | None, text_column: str, name: str) -> tuple[list[str], str]:
    """The different texts of small data, and a note on the rows that could not be read."""
    if data is None:
        return [], ""
    with ExitStack() as stack:
        source = UnlabelledPosts(data, text_column, stack)
        if source.name == "data":
            source.name = name
        texts = list({same_text(x := row.values[text_column]): x for row in source}.values())
        return texts, source.unread()


def _write(
    path: str | os.PathLike[str],
    columns: Sequence[str],
    added: Mapping[str, type],
    schema: Any,
    rows: Iterable[Mapping[str, Any]],
) -> None:
    with create_table(path, columns=columns, added=added, schema=schema) as table:
        try:
            table.write(rows)
            table.commit()
        except BaseException:
            Path(f"{os.fspath(path)}.partial").unlink(missing_ok=True)
            raise


def _added_columns(labels: Iterable[str], existing: Sequence[str]) -> dict[str, type]:
    """Names and types of the new columns: `label` stays free for a person."""
    columns = {f"{PREFIX}{name}": kind for name, kind in prediction_columns(labels).items()}
    columns = free_columns({**columns, "suggested_because": str}, existing)
    return columns if "label" in existing else {"label": str, **columns}


# Choosing -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Post:
    row: Row
    text: str
    key: int
    prediction: Prediction
    uncertainty: float
    because: str


class _Judge:
    """How uncertain a prediction is, from 0 to 1, and what makes it so."""

    def __init__(self, model: RiskClassifier) -> None:
        lines = model.info()["thresholds"]
        self._lines: list[tuple[float, str]] = []
        if lines is not None:  # a model without risk labels has none
            self._lines = [
                (_log_odds(lines["review"]), "near the line between review and clear"),
                (_log_odds(lines["flag"]), "near the line between flag and review"),
            ]

    def __call__(self, prediction: Prediction) -> tuple[float, str]:
        shares = list(prediction.scores.values())
        entropy = -sum(x * math.log(x) for x in shares if x > 0) / math.log(max(2, len(shares)))
        likeliest = sorted(prediction.scores, key=lambda x: -prediction.scores[x])[:2]
        unsure = f"unsure between {' and '.join(likeliest)}"
        if not self._lines:
            return entropy, unsure
        risk = _log_odds(prediction.risk)
        distance, line = min((abs(risk - place), line) for place, line in self._lines)
        closeness = math.exp(-distance)
        return (closeness + entropy) / 2, line if closeness >= entropy else unsure


def _log_odds(share: float) -> float:
    share = min(max(share, _LEAST_SHARE), 1 - _LEAST_SHARE)
    return math.log(share / (1 - share))


class _Pool:
    """The posts of lowest rank, no two nearly the same, and none nearly the same as a known one.

    Between `limit` and twice as many are kept while posts are added.
    """

    def __init__(
        self, limit: int, known: Sequence[str], rank: Callable[[_Post], tuple[float, int]]
    ) -> None:
        self._limit = limit
        self._known = known
        self._rank = rank
        self._known_keys = {text_key(text) for text in known}
        self._posts: dict[int, _Post] = {}
        self._bar: tuple[float, int] | None = None

    def add(self, post: _Post) -> None:
        if post.key in self._posts or post.key in self._known_keys:
            return
        if self._bar is None or self._rank(post) < self._bar:
            self._posts[post.key] = post
            if len(self._posts) >= 2 * self._limit:
                self._reduce()

    def best(self) -> list[_Post]:
        """What is left, lowest rank first, `limit` of them at most."""
        self._reduce()
        return list(self._posts.values())

    def _reduce(self) -> None:
        posts = _different(sorted(self._posts.values(), key=self._rank), self._known)
        if len(posts) > self._limit:
            posts = posts[: self._limit]
            self._bar = self._rank(posts[-1])
        self._posts = {post.key: post for post in posts}


def _different(posts: Sequence[_Post], known: Sequence[str]) -> list[_Post]:
    """The first post of each group of near-duplicates that holds no known text."""
    groups = near_duplicate_groups([*known, *(post.text for post in posts)]).tolist()
    taken = set(groups[: len(known)])
    result = []
    for post, group in zip(posts, groups[len(known) :], strict=True):
        if group not in taken:
            taken.add(group)
            result.append(post)
    return result


def _spread_out(
    model: RiskClassifier,
    taken: Sequence[_Post],
    candidates: Sequence[_Post],
    count: int,
    progress: Progress | None,
) -> list[_Post]:
    """Candidates that are uncertain and lie far from each other and from those taken."""
    vectors = _vectors(model, [post.text for post in (*taken, *candidates)], progress)
    # Sentence vectors share a large part, which would hide their differences.
    vectors -= vectors.mean(axis=0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    centres, points = vectors[: len(taken)], vectors[len(taken) :]
    uncertainty = np.array([post.uncertainty for post in candidates])
    distance = np.full(len(candidates), 2.0)
    for centre in centres:
        distance = np.minimum(distance, 1 - points @ centre)
    chosen: list[int] = []
    for _ in range(count):
        gain = uncertainty * np.maximum(distance, 0)
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        distance = np.minimum(distance, 1 - points @ points[best])
    return [candidates[index] for index in chosen]


def _vectors(
    model: RiskClassifier, texts: Sequence[str], progress: Progress | None
) -> NDArray[np.float32]:
    """The encoder's vector of each text (of a long one, of its head), shape (texts, width)."""
    loaded = model._artifact  # the model's own way from text to ids, and the one place that pads
    parts = []
    for start in range(0, len(texts), _VECTORS_AT_ONCE):
        encodings = loaded.tokenizer.encode_batch(texts[start : start + _VECTORS_AT_ONCE])
        parts.append(loaded.engine.compute([x.head.ids for x in encodings]).pooled)
        if progress:
            progress(min(start + _VECTORS_AT_ONCE, len(texts)), len(texts))
    return np.concatenate(parts)


def _mixed(uncertain: Sequence[_Post], at_random: Sequence[_Post]) -> list[_Post]:
    """Both in their order, evenly spread: whoever labels only the first ones has some of each."""
    total = len(uncertain) + len(at_random)
    left, right = iter(uncertain), iter(at_random)
    return [
        next(right)
        if (place + 1) * len(at_random) // total > place * len(at_random) // total
        else next(left)
        for place in range(total)
    ]
