"""`triage`: the posts of a shift that are most worth a person's time.

Posts are read in the order of the model's decision, then of the risk. So a post that could not be
read comes after all that were flagged, and before those at `clear`. Near-duplicates are one case,
if the model gives them the same label and they hold the same numbers: 16 and 26 are not the same.
A short reply to a post that the model does not find clear is shown after that post: alone it says
nothing. Authors are neither read nor ranked.

For a case store, posts in which an apparent child may ask for help are a list of their own, which
takes nothing from the capacity. A file has no such list: no file says which posts are on it.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from riskclf.casework.drawing import chance_priority, drawn_from, places_for
from riskclf.casework.expectation import Expectation, expectation_of
from riskclf.casework.intake import DeskColumns, DeskPost, Known, read_posts
from riskclf.casework.triage_notes import notes_on, notes_on_drawn
from riskclf.errors import InputError
from riskclf.explanation.wording import sentence
from riskclf.labels import DECISIONS, Explanation, Prediction
from riskclf.language import gettext as _
from riskclf.progress import Progress, following
from riskclf.tables import Data, Dialect, Reject, same_text, write_table
from riskclf.tables.duplicates import near_duplicate_groups
from riskclf.tables.predictions import prediction_columns, prediction_values
from riskclf.text import normalise

if TYPE_CHECKING:
    from riskclf.casework.store import Store
    from riskclf.casework.support import SupportHead
    from riskclf.classifier import RiskClassifier

__all__ = ["Because", "NewCase", "Triage", "triage"]

_SHORT_REPLY = 30
"""Characters; a longer reply has words of its own to be judged by."""

_REPLIES = 10
"""Replies to one text that are shown at most."""


class Because(StrEnum):
    """Why a post is shown."""

    RISK = "risk"
    REPLY = "reply"
    """It is a short reply to a post that the model does not find clear."""
    NEAR_DUPLICATE = "near_duplicate"
    """It says the same as the first post of the case."""
    SUPPORT = "support"
    DRAWN = "drawn"
    """It was drawn from the posts that would not be shown, see `riskclf.casework.blind`."""


@dataclass(frozen=True)
class NewCase:
    """Posts that are read as one."""

    posts: Sequence[DeskPost]
    """The first one is read, the others say the same."""
    prediction: Prediction
    """Of the first one."""
    because: Because
    priority: float
    """Cases with a higher one are read first."""
    support: bool = False
    explanation: Explanation | None = None
    """Of the first one; None on the support list."""
    drawn: float | None = None
    """The probability with which it was drawn from the posts that are not listed; None where it is
    listed."""


@dataclass(frozen=True)
class Triage:
    """What `triage` found."""

    cases: Sequence[NewCase]
    """The cases to read, the first one first; with `drawn`, no more than the capacity."""
    support: Sequence[NewCase] = field(repr=False)
    """Posts in which an apparent child may ask for help; empty unless asked for."""
    expected: Expectation | None
    """What to expect; None without a stated prevalence."""
    rejects: Sequence[Reject] = field(repr=False)
    """The rows that could not be used."""
    notes: Sequence[str]
    """What else to know, one sentence each; without text of a post."""
    drawn: Sequence[NewCase] = field(repr=False, default=())
    """Cases drawn from the posts that are not shown, for blind decisions."""
    rest: Mapping[str, int] = field(default_factory=dict)
    """Posts neither shown nor on the support list, those in `drawn` among them; by the model's
    decision."""
    thresholds: Mapping[str, float] | None = None
    """On the risk, that the decisions were made with."""
    labels: Sequence[str] = ()
    risk_labels: Sequence[str] = ()
    has_reference: bool = False
    has_context: bool = False
    dialect: Dialect = field(repr=False, default_factory=Dialect)
    explanations: Sequence[Sequence[Explanation]] = field(repr=False, default=())
    """Of every post of every case; for a store, of the first one only."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the cases as a table, one row a post; the suffix of `path` sets the format.

        The columns are ``case`` (a number from 1; posts that say the same share one), ``row`` (of
        the input), ``reference``, ``posted_at``, ``context``, ``text``, ``because`` (see
        `Because`), ``side``, those of a prediction (`riskclf.tables.predictions`), ``aspects`` (the
        answers behind the label in words, in the current language) and ``spans`` (phrases that
        count: offsets into ``text``, as JSON).

        Raises:
            InputError: the file cannot be written.
        """
        added: dict[str, type] = {"case": int, "row": int}
        if self.has_reference:
            added["reference"] = str
        added["posted_at"] = str
        if self.has_context:
            added["context"] = str
        added |= {"text": str, "because": str, "side": str, **prediction_columns(self.labels)}
        added |= {"aspects": str, "spans": str}
        rows = ({name: row[name] for name in added} for row in self._rows())
        write_table(path, rows, columns=(), added=added, dialect=self.dialect)

    def open_in(self, store: Store, *, model: str, officer: str) -> list[int]:
        """Open the cases in a store, the support list last.

        Args:
            store: where to.
            model: fingerprint of the model.
            officer: who opens them.

        Returns:
            The numbers of the cases.

        Raises:
            CaseError: see `Store.add`.
        """
        return store.add(
            [*self.cases, *self.drawn, *self.support],
            model=model,
            officer=officer,
            thresholds=self.thresholds,
            rest=self.rest,
        )

    def _rows(self) -> Iterator[dict[str, Any]]:
        names = prediction_columns(self.labels)
        for number, (case, found) in enumerate(
            zip(self.cases, self.explanations, strict=True), start=1
        ):
            for place, (post, explanation) in enumerate(zip(case.posts, found, strict=True)):
                prediction = explanation.prediction
                values = prediction_values(prediction, self.risk_labels)
                yield {
                    "case": number,
                    "row": post.number,
                    "reference": post.reference,
                    "posted_at": post.posted_at.isoformat() if post.posted_at else None,
                    "context": post.context,
                    "text": post.text,
                    "because": str(Because.NEAR_DUPLICATE if place else case.because),
                    "side": prediction.side,
                    **dict(zip(names, values, strict=True)),
                    "aspects": sentence(explanation.aspects),
                    "spans": json.dumps([span.to_dict() for span in explanation.spans]),
                }


@dataclass(frozen=True, slots=True)
class _Scored:
    post: DeskPost
    prediction: Prediction
    because: Because = Because.RISK
    priority: float = 0.0


def triage(
    data: Data,
    classifier: RiskClassifier,
    capacity: int,
    *,
    columns: DeskColumns | None = None,
    prevalence: float | None = None,
    known: Known | None = None,
    for_store: bool = False,
    drawn_share: float = 0.0,
    progress: Progress = None,
) -> Triage:
    """Choose the posts to read.

    Args:
        data: a CSV, TSV, JSON Lines, Excel or Parquet file, a data frame, or rows as mappings. All
            posts are kept in memory.
        classifier: scores them; loaded with the same `prevalence`.
        capacity: how many cases a person can read.
        columns: names of columns.
        prevalence: share of risky posts in the data; with it, `Triage.expected` is computed.
        known: gives those of many references that are not to be shown again, `Store.known`.
        for_store: every post must have a reference, and there is a support list.
        drawn_share: share of the capacity that posts drawn for blind decisions may take, see
            `riskclf.casework.blind`; `share_of` gives that of a store.
        progress: None, True, or a callback; see `riskclf.progress`.

    Raises:
        InputError: the data, a column or a value cannot be used.
    """
    if capacity < 1:
        raise InputError(f"the capacity is {capacity} posts: it must be 1 or more")
    columns = columns or DeskColumns()
    read = read_posts(data, columns, known=known, needs_reference=for_store)
    with following(progress) as tell:
        scored: list[_Scored] = []
        support: list[_Scored] = []
        head: SupportHead | None = None
        found = classifier.stream_with_vectors(post.text for post in read.posts)
        for done, (post, (prediction, vector)) in enumerate(zip(read.posts, found, strict=True)):
            if for_store and not done:
                from riskclf.casework.support import SupportHead

                head = SupportHead.of(classifier.info(), len(vector))
            priority = _priority(prediction)
            if head is not None and head.found(vector):
                support.append(_Scored(post, prediction, Because.SUPPORT, priority))
            else:
                scored.append(_Scored(post, prediction, Because.RISK, priority))
            if done % 64 == 0:
                tell(_("scoring posts"), done, len(read.posts))
        tell(_("scoring posts"), len(read.posts), len(read.posts))
        scored, left_out = _with_replies(scored, classifier)
        scored.sort(key=lambda x: (-x.priority, x.because is Because.REPLY, x.post.number))
        groups = _grouped(scored, capacity)
        rest = _not_in(groups, scored)
        drawn: list[_Scored] = []
        if rest and drawn_share:
            places = places_for([group[0].priority for group in groups], capacity, drawn_share)
            groups = groups[: capacity - places]
            rest = _not_in(groups, scored)
            drawn = drawn_from(rest, places)
        explanations = []
        for done, group in enumerate(groups):
            tell(_("explaining posts"), done, len(groups))
            explanations.append(_explained(group[:1] if for_store else group, classifier))
        of_drawn = _explained(drawn, classifier)
    expected = None
    if prevalence is not None:
        expected = expectation_of(
            [x.prediction.risk for x in [*(group[0] for group in groups), *drawn]],
            [x.prediction.risk for group in [*groups, support, drawn] for x in group],
            [x.prediction.risk for x in _not_in([*groups, drawn], scored)],
            prevalence,
        )
    return Triage(
        cases=[
            replace(_case(group), explanation=explained[0])
            for group, explained in zip(groups, explanations, strict=True)
        ],
        support=[_case([x]) for x in sorted(support, key=lambda x: -x.priority)],
        drawn=[
            NewCase(
                [x.post],
                x.prediction,
                Because.DRAWN,
                chance_priority(x.priority),
                explanation=explanation,
                drawn=len(drawn) / len(rest),
            )
            for x, explanation in zip(drawn, of_drawn, strict=True)
        ],
        rest=Counter(x.prediction.decision for x in rest),
        expected=expected,
        rejects=read.rejects,
        notes=[
            *notes_on(read, left_out, head is None and for_store),
            *(notes_on_drawn(len(drawn), len(rest)) if drawn_share and rest else ()),
        ],
        thresholds=classifier.info().get("thresholds"),
        labels=classifier.labels,
        risk_labels=classifier.risk_labels,
        has_reference=read.has_reference,
        has_context=columns.context is not None,
        dialect=read.dialect,
        explanations=explanations,
    )


def _priority(prediction: Prediction) -> float:
    return DECISIONS.index(prediction.decision) + prediction.risk


def _case(group: Sequence[_Scored]) -> NewCase:
    first = group[0]
    return NewCase(
        [x.post for x in group],
        first.prediction,
        first.because,
        first.priority,
        first.because is Because.SUPPORT,
    )


def _explained(group: Sequence[_Scored], classifier: RiskClassifier) -> list[Explanation]:
    """Explanations of posts, those that repeat explained once; with the predictions as scored."""
    texts = list(dict.fromkeys(x.post.text for x in group))
    found = dict(zip(texts, classifier.explain_many(texts), strict=True))
    return [replace(found[x.post.text], prediction=x.prediction) for x in group]


def _with_replies(
    scored: Sequence[_Scored], classifier: RiskClassifier
) -> tuple[list[_Scored], int]:
    """The posts, short replies moved up to what they answer; and how many replies were not."""
    replies = [
        x
        for x in scored
        if x.post.context is not None
        and x.prediction.decision == "clear"
        and len(same_text(x.post.text)) <= _SHORT_REPLY
    ]
    contexts = list(dict.fromkeys(str(x.post.context) for x in replies))
    answered = dict(zip(contexts, classifier.predict_many(contexts), strict=True))
    moved: Counter[str] = Counter()
    left_out = 0
    up: dict[int, float] = {}
    for reply in sorted(replies, key=lambda x: (-x.prediction.risk, x.post.number)):
        context = str(reply.post.context)
        if answered[context].decision == "clear":
            continue
        moved[context] += 1
        if moved[context] > _REPLIES:
            left_out += 1
        else:
            up[reply.post.number] = _priority(answered[context])
    return [
        _Scored(x.post, x.prediction, Because.REPLY, up[x.post.number])
        if x.post.number in up
        else x
        for x in scored
    ], left_out


def _grouped(ranked: Sequence[_Scored], capacity: int) -> list[list[_Scored]]:
    """The first cases of the ranked posts, near-duplicates together."""
    size = 2 * capacity
    while True:
        part = ranked[:size]
        same = near_duplicate_groups([x.post.text for x in part]).tolist()
        groups: dict[tuple[Any, ...], list[_Scored]] = {}
        for group, x in zip(same, part, strict=True):
            # Without its context a reply says nothing, so that no two of them say the same.
            alone = x.post.number if x.because is Because.REPLY else None
            numbers = tuple(re.findall(r"\d+", normalise(x.post.text).text))
            groups.setdefault((group, x.prediction.label, numbers, alone), []).append(x)
        if len(groups) >= capacity or size >= len(ranked):
            return list(groups.values())[:capacity]
        size *= 2


def _not_in(groups: Sequence[Sequence[_Scored]], scored: Sequence[_Scored]) -> list[_Scored]:
    """The posts that are in none of the groups."""
    numbers = {x.post.number for group in groups for x in group}
    return [x for x in scored if x.post.number not in numbers]
