"""`estimate_volume`: how many risky posts there were in a scored stream, month by month.

::

    from riskclf import estimate_volume

    volume = estimate_volume("scored.csv", "labelled.csv", collected="search for 12 words")
    volume.months[0].risky  # value, low, high
    volume.compare("2026-04", "2026-09").fell  # the probability that it fell
    volume.save("volume.xlsx")

It counts neither flagged posts nor posts that nobody collected. The classifier's error is measured
on labelled posts of the same kind of stream, which the same model scored at the same prevalence.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.errors import EvaluationError, InputError
from riskclf.evaluation.figures import Estimate, Figure, Proportion
from riskclf.evaluation.intervals import of_draws
from riskclf.files import write_bytes, write_text
from riskclf.inputs import zone_of
from riskclf.language import current
from riskclf.progress import Progress, following
from riskclf.tables import Columns, Data, Reject, Source, write_table
from riskclf.volume.comparison import Change, change_between
from riskclf.volume.labelled import Labelled, read_labelled_scores
from riskclf.volume.likeness import misfits, novelty
from riskclf.volume.notes import ADVICE, notes_on
from riskclf.volume.quantifiers import DEFAULT, check_method, estimate
from riskclf.volume.stream import Month, Stream, read_stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MonthlyVolume", "VolumeEstimate", "estimate_volume", "sides_of"]


@dataclass(frozen=True)
class MonthlyVolume(Figure):
    """One month of the stream."""

    month: str
    """Such as ``2026-04``."""
    posts: int
    """Posts that were scored."""
    days: int
    """Days of the month with a post."""
    flagged: int
    """Posts with the decision `flag`: naive counting."""
    risky: Estimate
    """Estimated number of risky posts; None without posts, or where the month was refused."""
    share: Estimate
    """The same as a share of the posts."""
    by_label: Mapping[str, Estimate]
    """The same by risk label; they add up to `risky`. Empty where the method gives none."""
    refused: str
    """Why there is no estimate: ``no posts``, ``unlike``, or empty."""


@dataclass(frozen=True)
class VolumeEstimate:
    """What `estimate_volume` found."""

    months: Sequence[MonthlyVolume]
    """All months from the first to the last."""
    method: str
    collected: str
    """How the stream was collected, in the words of who asked."""
    zone: str
    """The time zone of the months."""
    rates: Mapping[str, Proportion]
    """Shares of the labelled posts that are flagged: `risky` ones, and `benign` ones."""
    notes: Sequence[str]
    """What to know, one sentence each; without text of a post."""
    rejects: Sequence[Reject] = field(repr=False)
    """Rows of the stream that could not be used, such as posts without a time."""
    labelled_rejects: Sequence[Reject] = field(repr=False)
    """Rows of the labelled posts that could not be used."""
    draws: NDArray[np.float64] = field(repr=False)
    """Drawn numbers of risky posts, shape (draws, months); nan for a month without an estimate."""

    def compare(self, before: str, after: str) -> Change:
        """How the volume changed between two months, or ranges such as ``2026-01..2026-03``.

        Raises:
            InputError: a month is not there, has no estimate, or is in both.
        """
        return change_between(self.months, self.draws, before, after)

    def to_dict(self) -> dict[str, Any]:
        """All figures as plain JSON values."""
        return {
            "collected": self.collected,
            "method": self.method,
            "zone": self.zone,
            "flagged of labelled": {name: x.to_dict() for name, x in self.rates.items()},
            "months": [month.to_dict() for month in self.months],
            "notes": list(self.notes),
        }

    def save(self, path: str | os.PathLike[str], change: Change | None = None) -> None:
        """Write the months as a table, or everything as JSON; the suffix of `path` says which.

        Args:
            path: ``.json``, or what `riskclf.tables` writes, such as ``.csv`` and ``.xlsx``.
            change: goes into the JSON too.

        Raises:
            InputError: the file cannot be written.
        """
        if os.fspath(path).lower().endswith(".json"):
            found = self.to_dict() | ({} if change is None else {"change": change.to_dict()})
            write_text(Path(path), json.dumps(found, ensure_ascii=False, indent=1) + "\n")
            return
        rows = [_row(month, self) for month in self.months]
        names = {name: None for row in rows for name in row}
        kinds: dict[str, type] = {"posts": int, "days": int, "flagged": int}
        added = {name: kinds.get(name, float) for name in names if name not in _WORDS}
        write_table(path, rows, columns=[x for x in names if x in _WORDS], added=added)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Write a plot of the months as PNG, in the current language.

        Raises:
            InputError: the file cannot be written.
        """
        from riskclf.volume.plots import draw

        write_bytes(Path(path), draw(self, current()))


_WORDS = ("month", "refused", "method", "collected", "zone")


def _row(month: MonthlyVolume, found: VolumeEstimate) -> dict[str, Any]:
    row: dict[str, Any] = {
        "month": month.month,
        "refused": month.refused,
        "method": found.method,
        "collected": found.collected,
        "zone": found.zone,
        "posts": month.posts,
        "days": month.days,
        "flagged": month.flagged,
    }
    parts = {"risky": month.risky, "share": month.share, **month.by_label}
    for name, part in parts.items():
        row |= {name: part.value, f"{name}_low": part.low, f"{name}_high": part.high}
    return row


def estimate_volume(
    scored: Data,
    labelled: Data,
    *,
    collected: str,
    method: str = DEFAULT,
    zone: str = "Asia/Tokyo",
    time_column: str = "posted_at",
    columns: Columns | None = None,
    label_map: Mapping[str, str] | None = None,
    progress: Progress = None,
) -> VolumeEstimate:
    """Estimate how many risky posts a scored stream holds, in every month.

    Args:
        scored: the stream as `riskclf predict` wrote it, with a column of times: a table's path, a
            data frame or rows.
        labelled: posts of the same kind of stream with gold labels, scored by the same model at the
            same prevalence. A column ``family`` names posts that belong together, ``weight`` how
            many posts each stands for.
        collected: how the stream was collected; it is written with the result, for what was not
            collected is not counted.
        method: one of `riskclf.volume.quantifiers.METHODS`.
        zone: the time zone in which months begin, and of times without one.
        time_column: when each post was posted.
        columns: names of the columns of text, label, family and weight.
        label_map: your gold labels to the model's.
        progress: see `riskclf.progress`.

    Raises:
        InputError: a table or a value cannot be used.
        EvaluationError: there are too few labelled posts, they do not tell risky posts from others,
            or the stream is too unlike them; says what to label.
        MissingExtra: QuaPy is not installed.
    """
    if not collected.strip():
        raise InputError("say how the stream was collected, such as 'search for 12 words'")
    check_method(method)
    columns = columns or Columns()
    tz = zone_of(zone)
    if isinstance(labelled, Iterator):
        labelled = list(labelled)
    with following(progress) as tell:
        # The few first: what is wrong with them is found before a long stream is read.
        known = read_labelled_scores(
            labelled,
            columns=columns,
            label_map=label_map or {},
            keep_text=_has_texts(labelled, columns.text),
            tell=tell,
        )
        _check_labelled(known)
        stream = read_stream(scored, zone=tz, time_column=time_column, columns=columns, tell=tell)
    _check_labels(stream, known)
    return _estimated(stream, known, method, collected.strip(), zone)


def _has_texts(data: Data, column: str) -> bool:
    """Whether a table has this column; standard input is not looked at, for it is read once."""
    if isinstance(data, str | os.PathLike) and os.fspath(data) == "-":
        return False
    with ExitStack() as stack:
        return column in Source(data, stack).columns


def _check_labels(stream: Stream, known: Labelled) -> None:
    """Refuse scores of two models."""
    for ours, theirs in ((stream.labels, known.labels), (stream.risk_labels, known.risk_labels)):
        if ours != theirs:
            raise InputError(
                f"the stream has scores for {', '.join(ours)}, and the labelled posts for "
                f"{', '.join(theirs)}: score both with the same model"
            )


def _estimated(
    stream: Stream,
    known: Labelled,
    method: str,
    collected: str,
    zone: str,
) -> VolumeEstimate:
    filled = [month for month in stream.months if month.posts]
    found = estimate(known, filled, method)
    unlike = {
        month.name: misfit.unlike
        for month, misfit in zip(filled, misfits(known, filled), strict=True)
    }
    posts = np.array([month.posts for month in filled], dtype=float)
    _check_words(stream, known, float(found.shares[:, 1] @ posts / posts.sum()))
    if all(unlike.values()):
        raise EvaluationError(
            "the scores of every month are unlike those of the labelled posts, so that an estimate "
            f"would mean nothing: label {ADVICE} posts drawn at random from this stream, and "
            "measure with these"
        )
    draws = np.full((len(found.draws), len(stream.months)), np.nan)
    sides = sides_of(known, filled, method, found.shares[:, 1], found.draws[..., 1])
    result = []
    place = {month.name: index for index, month in enumerate(filled)}
    for number, month in enumerate(stream.months):
        refused = "no posts" if not month.posts else "unlike" if unlike[month.name] else ""
        risky = share = Estimate(None, None, None)
        by_label = {}
        if not refused:
            index = place[month.name]
            shares, drawn = found.shares[index, 1], found.draws[:, index, 1]
            draws[:, number] = drawn * month.posts
            share = of_draws(shares, drawn)
            risky = of_draws(shares * month.posts, draws[:, number])
            by_label = {
                name: of_draws(value[index] * month.posts, drawn_side[:, index] * month.posts)
                for name, (value, drawn_side) in sides.items()
            }
        result.append(
            MonthlyVolume(
                month.name,
                month.posts,
                len(month.days),
                month.flagged,
                risky,
                share,
                by_label,
                refused,
            )
        )
    return VolumeEstimate(
        result,
        method,
        collected,
        zone,
        known.rates(),
        notes_on(stream, known, result, method),
        stream.rejects,
        known.rejects,
        draws,
    )


def sides_of(
    known: Labelled,
    months: Sequence[Month],
    method: str,
    shares: NDArray[np.float64],
    draws: NDArray[np.float64],
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Shares by risk label, and their draws: in the proportions that solving for all labels gives.

    Args:
        known: the labelled posts.
        months: each with a post.
        method: one of `riskclf.volume.quantifiers.METHODS`.
        shares: of all risky posts, shape (months,).
        draws: of these, shape (draws, months).

    Returns:
        By label shares of shape (months,) and draws of shape (draws, months); empty for a method
        that has none, or where a label has too few posts.
    """
    risk = np.flatnonzero(known.is_risk)
    if method not in ("acc", "pacc") or len(risk) < 2 or not _has_every_label(known):
        return {}
    found = estimate(known, months, method, by_label=True, draws=len(draws))
    parts = found.shares[..., risk] / np.maximum(found.shares[..., risk].sum(-1), 1e-12)[..., None]
    drawn = found.draws[..., risk] / np.maximum(found.draws[..., risk].sum(-1), 1e-12)[..., None]
    return {
        known.labels[label]: (shares * parts[:, index], draws * drawn[..., index])
        for index, label in enumerate(risk)
    }


def _has_every_label(known: Labelled) -> bool:
    """Whether each label has ten posts, without which its rates cannot be measured."""
    return bool((known.target.sum(axis=0) >= 10).all())


def _check_labelled(known: Labelled) -> None:
    """Refuse too few posts, and scores that do not tell risky posts from others."""
    if not 0 < len(known.risk_labels) < len(known.labels):
        raise InputError("the scores name no risk label, or no other: use a model with both")
    known.check_size()
    risk = known.scores[:, known.is_risk].sum(axis=1)
    classes = np.stack([1 - known.risky, known.risky], axis=1)
    table = known.table(classes, risk[:, None])
    sums = np.tensordot(known.draw(500, np.random.default_rng(0)), table, axes=1)
    means = sums[..., 1] / sums[..., 0]
    if np.percentile(means[:, 1] - means[:, 0], 2.5) <= 0:
        raise EvaluationError(
            "the scores do not tell the labelled risky posts from the others: check that the gold "
            "labels belong to these scores, or use another model"
        )


def _check_words(stream: Stream, known: Labelled, share: float) -> None:
    found = novelty(known, stream.texts, share)
    if found is not None and found.unlike:
        raise EvaluationError(
            f"the words of the stream are unlike those of the labelled posts: "
            f"{100 * found.stream:.0f} % of its three-character pieces are new to half of these, "
            f"against {100 * found.labelled:.0f} % of the other half's: label {ADVICE} posts "
            "drawn at random from this stream, and measure with these"
        )
