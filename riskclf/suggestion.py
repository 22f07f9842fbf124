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

**Different.** No two are near-duplicates (`riskclf.duplicates`), and none is a near-duplicate of a
post that was labelled before. Among the most uncertain posts those are taken, one after the other,
whose uncertainty times distance to the nearest one taken is greatest: the farthest-point rule of
Gonzalez (1985), which Sener and Savarese (2018) use for active learning, on the encoder's vectors.

Posts are scored as a stream, and some thousand candidates are kept. From a file of more than 4,000
different posts, the choice may depend a little on the order of the rows.

**Terms.** Words whose use has risen against older posts, as a lead for a person who then reads how
they are used. A candidate is a run of one to three content words as MeCab (unidic-lite) sees them,
or of Latin or Hangul words. Particles, symbols, numbers and what belongs to them (ages), names of
persons, handles and links are left out. Texts that are the same count once, and so do
near-duplicates among the posts that hold a term; a term needs five posts. Its rise is the ratio of
its share of the posts here to that of the reference, with the exact conditional interval for two
Poisson rates (Przyborowski and Wilenski 1940; Clopper and Pearson 1934), and terms are ranked by
its lower end. Of thousands of terms some rise by chance.
"""

from __future__ import annotations

import heapq
import math
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.duplicates import near_duplicate_groups, same_text
from riskclf.errors import InputError
from riskclf.labels import prediction_columns, prediction_values
from riskclf.scored import Data, Progress, Source
from riskclf.tables import Reject, Row, create_table, open_table
from riskclf.text import normalise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.classifier import RiskClassifier
    from riskclf.labels import Prediction

__all__ = ["Suggestions", "Term", "suggest"]

_RANDOM_SHARE = 0.2
_AT_RANDOM = "drawn at random"

_CANDIDATES = 2000
"""Uncertain posts that are kept to choose among, at least; up to twice as many while reading."""
_CANDIDATES_PER_POST = 4
_VECTORS_AT_ONCE = 512
_LEAST_SHARE = 1e-9  # so that a risk of 0 or 1 has log-odds

_MAX_TERMS = 20
_MIN_POSTS = 5
_MAX_WORDS = 3
_COUNTED_TERMS = 1_000_000
"""Terms that are counted at once; beyond, the rarest are forgotten."""
_CHECKED_TERMS = 200
_CHECKED_POSTS = 500
"""Posts that hold a term and are compared with each other, at most."""
_SAME_POSTS = 0.9
_READ_CHARACTERS = 8192  # of a post for its terms: MeCab is quadratic in a run of Latin letters


@dataclass(frozen=True, slots=True)
class Term:
    """A term whose share of the posts has risen."""

    term: str
    posts: int
    """Posts here that hold it; near-duplicates count once."""
    of: int
    """Different posts here."""
    reference_posts: int
    reference_of: int
    times: float | None
    """How many times as frequent as in the reference; None where the reference lacks it."""
    low: float
    """Lower end of the 95 % interval of `times`."""
    high: float | None
    """Upper end; None where there is none, as the reference lacks the term."""


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
        risen, unread = _risen_terms(posts, reference, text_column, progress)
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
        source = _Posts(posts, text_column, stack)
        if {"label", "decision", "risk"} <= set(source.columns):
            raise InputError(
                f"{source.name}: the column 'label' is a prediction, which would be taken for the "
                "right label later: give the file as it was before `riskclf predict`"
            )
        waiting: deque[tuple[Row, tuple[int, int | None]]] = deque()
        for done, prediction in enumerate(model.stream(source.texts(waiting))):
            row, place = waiting.popleft()
            text = row.values[text_column]
            post = _Post(row, text, _key(text), prediction, *judge(prediction))
            if same_text(text):
                uncertain.add(post)
                drawn.add(post)
            else:
                blank += 1
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
    for post in chosen:
        because = _AT_RANDOM if post.key in random_keys else post.because
        values = [*prediction_values(post.prediction), because]
        given = post.row.values
        label = {"label": given.get("label", "")}
        rows.append({**given, **label, **dict(zip(names, values, strict=True))})
    columns = dict.fromkeys([*source.columns, *(name for row in rows for name in row)])
    kept = [name for name in columns if name not in added]
    return Suggestions(rows, risen, source.rejects, notes, kept, added, source.schema)


# Reading and writing ------------------------------------------------------------------------------


class _Posts:
    """The rows of the input that have a text."""

    def __init__(self, data: Data, text_column: str, stack: ExitStack) -> None:
        self.rejects: list[Reject] = []
        self.schema: Any = None
        self._good = 0
        self._text_column = text_column
        self._rows: Iterable[Row | Reject]
        if isinstance(data, str | os.PathLike):
            table = stack.enter_context(open_table(data, text_columns=(text_column,)))
            self._rows, self.schema = table, table.schema
            self.name, self.columns = table.name, table.columns
            self.position: Callable[[], tuple[int, int | None]] = lambda: (
                table.position,
                table.size,
            )
        else:
            source = Source(data, stack)
            source.require([text_column])
            self._rows, self.position = source, source.position
            self.name, self.columns = source.name, source.columns

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            if isinstance(row, Row):
                text = row.values.get(self._text_column)
                if isinstance(text, str):
                    self._good += 1
                    yield row
                    continue
                reason = "it is missing" if text is None else "it is not text"
                row = Reject(row.number, self._text_column, reason)
            self.rejects.append(row)

    def texts(self, waiting: deque[tuple[Row, tuple[int, int | None]]]) -> Iterator[str]:
        """The texts; the row of each, and where it stood, is put into `waiting`."""
        for row in self:
            waiting.append((row, self.position()))
            yield row.values[self._text_column]

    def check_usable(self) -> None:
        """Refuse data of which no row can be used."""
        if self._good:
            return
        if not self.rejects:
            raise InputError(f"{self.name} has no rows; there is nothing to choose from")
        first = self.rejects[0]
        where = f"row {first.number}" + (f", column {first.column}" if first.column else "")
        raise InputError(
            f"{self.name}: none of the {len(self.rejects):,} rows can be used; {where}: "
            f"{first.reason}"
        )

    def unread(self) -> str:
        """A note on rows of a file that only serves for comparison."""
        if not self.rejects:
            return ""
        first = self.rejects[0]
        were = "row was" if len(self.rejects) == 1 else "rows were"
        return (
            f"{self.name}: {len(self.rejects):,} {were} left out; row {first.number}: "
            f"{first.reason}"
        )


def _texts_of(data: Data | None, text_column: str, name: str) -> tuple[list[str], str]:
    """The different texts of small data, and a note on the rows that could not be read."""
    if data is None:
        return [], ""
    with ExitStack() as stack:
        source = _Posts(data, text_column, stack)
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
    columns = {f"riskclf_{name}": kind for name, kind in prediction_columns(labels).items()}
    columns["suggested_because"] = str
    while not columns.keys().isdisjoint(existing):  # the input may be an output of ours
        columns = {f"riskclf_{name}": kind for name, kind in columns.items()}
    return columns if "label" in existing else {"label": str, **columns}


def _key(text: str) -> int:
    """The random number of a text, 64 bits; the same for texts that are the same."""
    content = same_text(text).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=8, key=b"riskclf suggest").digest(), "big")


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
        self._known_keys = {_key(text) for text in known}
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
        parts.append(loaded.encoder.vectors([x.windows[0] for x in encodings]))
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


# Terms --------------------------------------------------------------------------------------------

# On normalised text in lower case. What may not stand before a match keeps the search linear.
_LEFT_OUT = re.compile(
    r"""
    (?:https?://|www\.)[!-~]*  # links
    | (?<![\w.+-])[\w.+-]*@[\w.+-]+  # handles and mail addresses
    | (?<![a-z0-9.-])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?![a-z0-9])(?:[/:?][!-~]*)?  # domains
    | (?<![a-z])id\s*[:=は]\s*[a-z0-9][a-z0-9._-]*  # account names
    | (?<![a-z0-9._-])(?=[a-z.-]*[0-9_])(?=[0-9_.-]*[a-z])[a-z0-9._-]+  # letters with digits, a_b
    | (?<!\d)[+(]?\d[\d\s()-]{5,}\d  # like a phone number
    | \d+\s*(?:歳|才|さい|代|年生|years?\s?old|yo\b|y/o|살|岁)  # ages
    """,
    re.VERBOSE | re.ASCII,
)
_LETTERS = re.compile(r"[a-z\u00c0-\u024f][a-z\u00c0-\u024f'’-]*|[\uac00-\ud7a3]+")
_SKIPPED = ("助詞", "助動詞", "記号", "補助記号", "空白", "接続詞", "連体詞", "代名詞")
_AFFIXES = ("接頭辞", "接尾辞")


def _risen_terms(
    posts: Data, reference: Data, text_column: str, progress: Progress | None
) -> tuple[list[Term], str]:
    """The terms, and a note on the rows of the reference that could not be read."""
    find = _TermFinder()
    with ExitStack() as stack:
        older = _Posts(reference, text_column, stack)
        counts: Counter[str] = Counter()
        forgotten = of = reference_of = 0
        here = _Posts(posts, text_column, stack)
        for _, text in _distinct_texts(here, text_column, progress):
            of += 1
            counts.update(find(text).keys())
            while len(counts) > _COUNTED_TERMS:
                # Lossy counting (Manku and Motwani 2002): what has risen most is far from rare.
                forgotten += 1
                counts = Counter({term: x for term, x in counts.items() if x > forgotten})
        here.check_usable()
        candidates = {term for term, count in counts.items() if count >= _MIN_POSTS}
        in_reference: Counter[str] = Counter()
        for _, text in _distinct_texts(older, text_column, progress):
            reference_of += 1
            in_reference.update(find(text).keys() & candidates)
        older.check_usable()
        unread = older.unread()
    # The same order whatever the order of the rows.
    names = sorted(candidates)
    rises = _rises(
        np.array([counts[term] for term in names]),
        of,
        np.array([in_reference[term] for term in names]),
        reference_of,
    )
    order = np.argsort(-rises[1], kind="stable")[:_CHECKED_TERMS]
    checked = {names[index]: _Holders() for index in order.tolist() if rises[1][index] > 1}
    with ExitStack() as stack:
        here = _Posts(posts, text_column, stack)
        for key, text in _distinct_texts(here, text_column, progress):
            found = find(text)
            for term in found.keys() & checked.keys():
                checked[term].add(key, text, found[term])
    result = []
    for term, holders in checked.items():
        count = holders.different()
        if count >= _MIN_POSTS:
            older_count = in_reference[term]
            value, low, high = (
                float(x[0])
                for x in _rises(np.array([count]), of, np.array([older_count]), reference_of)
            )
            if low > 1:
                times, above = (value, high) if older_count else (None, None)
                found_term = Term(term, count, of, older_count, reference_of, times, low, above)
                result.append((found_term, holders))
    result.sort(key=lambda pair: (-pair[0].low, -len(pair[1].words), pair[0].term))
    kept = [term for term, holders in result if not _explained(term, holders, result)]
    return kept[:_MAX_TERMS], unread


class _TermFinder:
    """The terms of a post, with the words of each."""

    def __init__(self) -> None:
        import fugashi
        from unidic_lite import DICDIR

        from riskclf.tokens import mecab_options

        # With features: a model's tokenizer lets MeCab write the words only.
        self._mecab = fugashi.GenericTagger(mecab_options(DICDIR))

    def __call__(self, text: str) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        readable = normalise(text).text.lower()[:_READ_CHARACTERS]
        for part in _LEFT_OUT.split(readable):
            for run in self._runs(part):
                for start in range(len(run)):
                    for end in range(start + 1, min(start + _MAX_WORDS, len(run)) + 1):
                        words = run[start:end]
                        forms = [x.blank + x.surface for x in words[:-1]]
                        term = "".join([*forms, words[-1].blank + words[-1].base]).strip()
                        if any(x.is_full for x in words) and _is_word(term):
                            found[term] = tuple(x.surface for x in words)
        return found

    def _runs(self, text: str) -> Iterator[list[_Word]]:
        """Content words that stand side by side; blanks part them, but not Latin and Hangul."""
        run: list[_Word] = []
        was_left_out = False
        for node in self._mecab(text):
            # さん behind a name and 人 behind a number go with it.
            belongs = was_left_out and node.feature[0] == "接尾辞"
            word = None if belongs else _content_word(node)
            apart = word is not None and word.blank and not (run and run[-1].spaced and word.spaced)
            if (word is None or apart) and run:
                yield run
                run = []
            if word is not None:
                run.append(word)
            was_left_out = word is None
        if run:
            yield run


def _is_word(term: str) -> bool:
    """Not a single character, and not one that is held down."""
    return len(term) == 2 or len(set(term)) > 1


@dataclass(frozen=True, slots=True)
class _Word:
    surface: str
    base: str
    """The form that a dictionary lists: the endings of verbs and adjectives do not make terms."""
    blank: str
    """What stands before it: a space, or nothing."""
    is_full: bool
    """It is not an affix."""
    spaced: bool
    """It is of a script that parts its words with spaces."""


def _content_word(node: Any) -> _Word | None:
    surface, blank, pos = node.surface, " " * bool(node.white_space), node.feature
    if _LETTERS.fullmatch(surface):
        return _Word(surface, surface, blank, True, True)
    left_out = (
        pos[0] in _SKIPPED
        or pos[1] in ("数詞", "非自立可能", "助動詞語幹", "フィラー")
        or pos[2] in ("人名", "助数詞")
        or any(character.isdigit() for character in surface)
    )
    if left_out:
        return None
    inflected = pos[0] in ("動詞", "形容詞") and len(pos) > 10
    base = pos[10] if inflected else surface
    return _Word(surface, base, blank, pos[0] not in _AFFIXES, False)


class _Holders:
    """The posts that hold a term: how many, and some of them drawn by their keys."""

    def __init__(self) -> None:
        self.words: tuple[str, ...] = ()
        self.count = 0
        self._some: list[tuple[int, str]] = []  # a heap of the least keys, negated

    def add(self, key: int, text: str, words: tuple[str, ...]) -> None:
        self.count += 1
        self.words = max(self.words, words, key=len)
        if len(self._some) < _CHECKED_POSTS:
            heapq.heappush(self._some, (-key, text))
        else:
            heapq.heappushpop(self._some, (-key, text))

    def different(self) -> int:
        """How many they are when near-duplicates count once; beyond the limit, by their share."""
        groups = near_duplicate_groups([text for _, text in sorted(self._some)])
        return int(self.count * (groups.max() + 1) / len(groups))

    def overlap(self, other: _Holders) -> float:
        """The share of the posts of either that hold both, by their least keys."""
        ours, theirs = ({-key for key, _ in x._some} for x in (self, other))
        least = heapq.nsmallest(_CHECKED_POSTS, ours | theirs)
        return sum(key in ours and key in theirs for key in least) / len(least)


def _explained(term: Term, holders: _Holders, terms: Sequence[tuple[Term, _Holders]]) -> bool:
    """Is there a longer term that shares words and stands in (nearly) the same posts?

    Of runs of like length through one phrase, which do that for each other, the first is kept.
    """

    def size(one: Term, words: tuple[str, ...]) -> tuple[int, int]:
        return len(words), len(one.term)

    own = size(term, holders.words)
    is_later = False
    for other, others in terms:
        if other is term:
            is_later = True
        elif not set(holders.words).isdisjoint(others.words):
            longer = size(other, others.words)
            if (longer > own or (longer == own and not is_later)) and (
                holders.overlap(others) >= _SAME_POSTS
            ):
                return True
    return False


def _distinct_texts(
    source: _Posts, text_column: str, progress: Progress | None
) -> Iterator[tuple[int, str]]:
    """Key and text of every post, reposts left out."""
    seen: set[int] = set()
    for done, row in enumerate(source):
        text = row.values[text_column]
        key = _key(text)
        if key not in seen:
            seen.add(key)
            yield key, text
        if progress and done % 256 == 0:
            progress(*source.position())


def _rises(
    here: NDArray[np.int64], of: int, there: NDArray[np.int64], reference_of: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Ratio of two shares with the ends of its 95 % interval; infinite where `there` is 0."""
    from statsmodels.stats.proportion import proportion_confint

    # Given the sum of both counts, one of them is binomial.
    low, high = proportion_confint(here, here + there, alpha=0.05, method="beta")
    scale = reference_of / of
    with np.errstate(divide="ignore"):
        value, low, high = (
            scale * np.asarray(x) / (1 - np.asarray(x)) for x in (here / (here + there), low, high)
        )
    return value, low, high
