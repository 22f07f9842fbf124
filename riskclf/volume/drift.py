"""`compare_streams`: has a stream changed so that thresholds should be looked at again?

::

    from riskclf import compare_streams

    found = compare_streams("april.csv", "may.csv")
    found.reasons  # in words; empty where nothing calls for a look

It compares the scores, how many posts are flagged or reviewed, the tokens that the model does not
know, the scripts, and terms that are used more often. More flagged posts may mean more risky posts,
or other ones: `riskclf.estimate_volume` and a look at posts drawn at random tell these apart.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.errors import InputError
from riskclf.evaluation.figures import Estimate
from riskclf.hub import locate
from riskclf.labels import DECISIONS, UNREAD_CODES
from riskclf.language import gettext as _
from riskclf.progress import Callback, Progress, following
from riskclf.suggestion.emerging import EmergingTerm, emerging_terms
from riskclf.tables import Columns, Data, Reject, Row, Source, UnlabelledPosts, nothing_usable
from riskclf.tables.predictions import scored_prefix
from riskclf.tokens import Tokenizer
from riskclf.volume.shifts import (
    SCRIPTS,
    RateShift,
    ScoreShift,
    StreamFigures,
    mean_of,
    mean_shift,
    proportion_of,
    rate_shift,
    reasons_of,
    score_shift,
    script_of,
)
from riskclf.volume.stream import scores_of

if TYPE_CHECKING:
    from riskclf.classifier import RiskClassifier

__all__ = ["StreamComparison", "compare_streams"]

_TOKENIZER = ("vocab.txt", "tokenizer_config.json", "config.json")


@dataclass(frozen=True)
class StreamComparison:
    """What `compare_streams` found. No field holds text of a post, but for the terms."""

    old: StreamFigures
    new: StreamFigures
    flagged: RateShift
    shown: RateShift
    scores: ScoreShift
    unknown_tokens: Estimate
    """New less old; None without texts."""
    terms: Sequence[EmergingTerm] = field(repr=False)
    """See `riskclf.suggest`; leads for a person."""
    reasons: Sequence[str]
    """Why thresholds should be looked at again, one sentence each; empty if nothing says so."""
    notes: Sequence[str]
    rejects: Mapping[str, Sequence[Reject]] = field(repr=False)
    """Rows of `old` and of `new` that could not be used."""

    @property
    def look_again(self) -> bool:
        """Whether thresholds should be looked at again."""
        return bool(self.reasons)

    def advice(self) -> str:
        """What to do, in the current language."""
        if not self.reasons:
            return _("Nothing here calls for other thresholds.")
        return _(
            "Look at the thresholds again: draw 500 posts of the new stream at random, label them, "
            "and run `riskclf evaluate` and `riskclf thresholds` on them. `riskclf suggest` finds "
            "posts to fine-tune on; `riskclf volume` says whether there are more risky posts."
        )

    def to_dict(self) -> dict[str, Any]:
        """All figures as plain JSON values."""
        kinds = ("old", "new", "flagged", "shown", "scores", "unknown_tokens")
        return {
            **{name: getattr(self, name).to_dict() for name in kinds},
            "terms": [
                {name: getattr(x, name) for name in EmergingTerm.__dataclass_fields__}
                for x in self.terms
            ],
            "look_again": self.look_again,
            "reasons": list(self.reasons),
            "notes": list(self.notes),
        }


def compare_streams(
    old: Data,
    new: Data,
    *,
    model: RiskClassifier | str | os.PathLike[str] | None = None,
    columns: Columns | None = None,
    device: str = "auto",
    batch_size: int = 64,
    progress: Progress = None,
) -> StreamComparison:
    """Compare two streams of posts, such as those of two months.

    Args:
        old: the earlier one: a table's path, a data frame or rows. Where both hold the columns of
            `riskclf predict`, their scores are taken; if not, the model scores both.
        new: the later one.
        model: a `RiskClassifier`, a model directory or a hub id; None is the packaged model. With
            texts, its tokenizer is needed even where there are scores.
        columns: names the column that holds the text.
        device: see `RiskClassifier.load`.
        batch_size: likewise.
        progress: see `riskclf.progress`.

    Raises:
        InputError: a table cannot be used, or the two were scored by different models.
        ArtifactError: the model cannot be used.
    """
    text_column = (columns or Columns()).text
    sides = []
    for data in (old, new):
        if isinstance(data, str | os.PathLike) and os.fspath(data) == "-":
            raise InputError("both streams are read twice: name files")
        sides.append(list(data) if isinstance(data, Iterator) else data)
    scored, texts = zip(*(_holds(data, text_column) for data in sides), strict=True)
    if not all(scored) and not all(texts):
        raise InputError(
            f"both streams need scores (`riskclf predict`), or a column '{text_column}' with texts"
        )
    classifier = tokenizer = None
    if not all(scored):
        if model is None or isinstance(model, str | os.PathLike):
            from riskclf.classifier import RiskClassifier  # takes seconds to import

            model = RiskClassifier.load(model, device=device, batch_size=batch_size)
        classifier = model
    if all(texts):
        if model is None or isinstance(model, str | os.PathLike):
            tokenizer = Tokenizer.load(locate(model, _TOKENIZER))
        else:
            tokenizer = Tokenizer.load(model.info()["model"])
    notes: list[str] = []
    with following(progress) as tell:
        found = [_Counted.of(data, classifier, tokenizer, text_column, tell) for data in sides]
        terms: list[EmergingTerm] = []
        if all(texts):
            terms, unread = emerging_terms(sides[1], sides[0], text_column, tell)
            notes += [unread] if unread else []
        else:
            notes.append(
                _(
                    "There are no texts in both streams: tokens, scripts and terms were not "
                    "compared."
                )
            )
    if found[0].risk_labels != found[1].risk_labels:
        raise InputError("the two streams were scored by different models: score both with one")
    if not found[0].risk_labels:
        raise InputError("the model has no risk labels, so that it flags nothing: name another")
    return _compared(found[0], found[1], terms, notes)


def _holds(data: Data, text_column: str) -> tuple[bool, bool]:
    """Whether a table has scores, and texts."""
    with ExitStack() as stack:
        names = Source(data, stack).columns
    return scored_prefix(names) is not None, text_column in names


@dataclass
class _Counted:
    """One stream as it is read."""

    risk: list[float] = field(default_factory=list)
    decisions: Counter[str] = field(default_factory=Counter)
    unread: int = 0
    unknown: list[float] = field(default_factory=list)
    scripts: Counter[str] = field(default_factory=Counter)
    risk_labels: tuple[str, ...] = ()
    rejects: list[Reject] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        data: Data,
        classifier: RiskClassifier | None,
        tokenizer: Tokenizer | None,
        text_column: str,
        tell: Callback,
    ) -> _Counted:
        self = cls()
        with ExitStack() as stack:
            if classifier is None:
                source = Source(data, stack)
                recorded, rows = scores_of(source, self.rejects)
                prefix = scored_prefix(source.columns) or ""
                risk = None
                for done, (row, scores, _flagged) in enumerate(rows):
                    if risk is None:
                        self.risk_labels = recorded.risk_labels or ()
                        risk = np.isin(recorded.labels, self.risk_labels)
                    reasons = str(row.values.get(f"{prefix}reasons") or "").split()
                    decision = row.values[f"{prefix}decision"]
                    self._add(float(np.array(scores)[risk].sum()), decision, reasons)
                    self._read(row.values.get(text_column), tokenizer)
                    if done % 256 == 0:
                        tell(_("reading scores"), *source.position())
                if not self.risk:
                    raise InputError(nothing_usable(source.name, self.rejects, "compare"))
                return self
            self.risk_labels = classifier.risk_labels
            posts = UnlabelledPosts(data, text_column, stack)
            waiting: deque[tuple[Row, tuple[int, int | None]]] = deque()
            for done, prediction in enumerate(classifier.stream(posts.texts(waiting))):
                row, place = waiting.popleft()
                self._add(prediction.risk, prediction.decision, prediction.reason_codes)
                self._read(row.values[text_column], tokenizer)
                if done % 64 == 0:
                    tell(_("scoring posts"), *place)
            posts.check_usable()
            self.rejects = posts.rejects
        return self

    def _add(self, risk: float, decision: str, reasons: Sequence[str]) -> None:
        self.risk.append(risk)
        self.decisions[decision] += 1
        self.unread += bool(set(reasons) & UNREAD_CODES)

    def _read(self, text: Any, tokenizer: Tokenizer | None) -> None:
        if isinstance(text, str) and tokenizer is not None:
            self.unknown.append(tokenizer.encode(text).unknown_share)
            self.scripts[script_of(text)] += 1

    def figures(self) -> StreamFigures:
        posts = len(self.risk)
        texts = sum(self.scripts.values())
        shown = posts - self.decisions[DECISIONS[0]]
        return StreamFigures(
            posts,
            proportion_of(self.decisions["flag"], posts),
            proportion_of(shown, posts),
            proportion_of(self.unread, posts),
            mean_of(self.unknown),
            {name: proportion_of(self.scripts[name], texts) for name in SCRIPTS if texts},
        )


def _compared(
    old: _Counted, new: _Counted, terms: Sequence[EmergingTerm], notes: list[str]
) -> StreamComparison:
    first, second = old.figures(), new.figures()
    scores = score_shift(old.risk, new.risk)
    flagged = rate_shift(first.flagged, second.flagged)
    shown = rate_shift(first.shown, second.shown)
    unknown = mean_shift(old.unknown, new.unknown)
    return StreamComparison(
        first,
        second,
        flagged,
        shown,
        scores,
        unknown,
        terms,
        reasons_of(first, second, {"flag": flagged, "shown": shown}, scores, unknown),
        notes,
        {"old": old.rejects, "new": new.rejects},
    )
