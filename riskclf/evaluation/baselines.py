"""Baselines that a model is compared with: another model, a keyword search, TF-IDF.

A baseline (`--against`) is one of

- **another model** (a directory or a hub id): its own `flag` and `review` posts;
- **keywords=FILE**, a keyword a line: every post that holds one of them. Post and keyword are
  normalised (`riskclf.text`) and compared in lower case;
- **tfidf=FILE**: character TF-IDF with logistic regression, trained on the labelled posts of FILE.
  Posts whose family or text is also evaluated are left out of the training. As it has no
  thresholds, as many posts count as alarms as the model raises.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.errors import EvaluationError, InputError
from riskclf.evaluation.scored import Classifier, LabelledRows, ScoredRows, read_labelled
from riskclf.labels import DECISIONS
from riskclf.language import gettext as _
from riskclf.language import ngettext
from riskclf.progress import Callback
from riskclf.tables import Columns, Reject, TableFile, open_table
from riskclf.text import normalise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

__all__ = ["Baseline", "FindBaseline", "open_baseline", "prepared", "tfidf"]


@dataclass(frozen=True)
class Baseline:
    """A baseline, applied to rows; all arrays have shape (rows,)."""

    name: str
    how: str
    """What counts as its alarm, in words."""
    alarm: Flags
    risk: Floats | None = None
    predicted: NDArray[np.int64] | None = None
    """Index into the rows' labels, where it gives the same labels."""


FindBaseline = Callable[[ScoredRows, Callback], Baseline]
"""Applies a baseline to rows."""


def open_baseline(
    against: str | os.PathLike[str] | Classifier,
    columns: Columns,
    label_map: Mapping[str, str],
    load: Callable[[str], Classifier],
    like: TableFile,
) -> FindBaseline:
    """What applies a baseline to rows that hold their text.

    Models and keywords are loaded now, so that what is wrong with them is known at once.

    Args:
        against: a model, or what the module's documentation says.
        columns: of the posts that TF-IDF trains on.
        label_map: of these posts.
        load: opens a model.
        like: a file; those of keywords and posts are read with its encoding and delimiter.

    Raises:
        ArtifactError: the model cannot be used.
        InputError: the file of keywords or of posts cannot be used.
    """
    if not isinstance(against, str | os.PathLike):
        return partial(_other_model, None, against)
    kind, has_file, name = os.fspath(against).partition("=")
    file = like.like(name)
    if has_file and kind == "keywords":
        return partial(_keyword_search, Path(name).name, _keywords(file))
    if has_file and kind == "tfidf":
        with open_table(file, text_columns=(columns.text,)):
            return partial(_tfidf_on, file, columns, label_map)
    return partial(_other_model, Path(against).name, load(os.fspath(against)))


def _other_model(
    name: str | None, model: Classifier, rows: ScoredRows, progress: Callback
) -> Baseline:
    texts = _texts(rows)
    predictions = []
    for done, prediction in enumerate(model.stream(texts)):
        predictions.append(prediction)
        if done % 64 == 0:
            progress(f"scoring posts with {name or 'another model'}", done, len(texts))
    predicted = None
    if set(model.labels) == set(rows.labels):
        predicted = np.array([rows.labels.index(x.label) for x in predictions], dtype=np.int64)
    return Baseline(
        name or _("another model"),
        _("what it marks flag or review"),
        np.array([x.decision != "clear" for x in predictions]),
        np.array([x.risk for x in predictions]),
        predicted,
    )


def _keywords(file: TableFile) -> list[str]:
    lines = []
    with open_table(file, format="lines", text_columns=("keyword",)) as table:
        for row in table:
            if isinstance(row, Reject):
                raise InputError(
                    f"{table.name} line {row.number}: {row.reason}; save the file as UTF-8, or "
                    "name its encoding with --encoding"
                )
            lines.append(row.values["keyword"])
    keywords = sorted({word for line in lines if (word := prepared(line))})
    if not keywords:
        raise InputError(f"{table.name} holds no keywords; write one a line")
    return keywords


def _keyword_search(
    name: str, keywords: Sequence[str], rows: ScoredRows, progress: Callback
) -> Baseline:
    pattern = re.compile("|".join(map(re.escape, keywords)))
    found = [pattern.search(prepared(text)) is not None for text in _texts(rows)]
    how = ngettext(
        "every post with the keyword", "every post with one of {count:,} keywords", len(keywords)
    )
    return Baseline(name, how.format(count=len(keywords)), np.array(found))


def _tfidf_on(
    file: TableFile,
    columns: Columns,
    label_map: Mapping[str, str],
    rows: ScoredRows,
    progress: Callback,
) -> Baseline:
    texts = _texts(rows)
    training, rejects = read_labelled(
        file,
        rows.labels,
        columns=replace(columns, id=None, slice=None, language=None, weight=None),
        label_map=label_map,
    )
    learnt = _texts(training)
    evaluated = {prepared(text) for text in texts}
    known = np.array([prepared(text) in evaluated for text in learnt])
    if training.family is not None and rows.family is not None:
        present = [rows.family.names[code] for code in np.unique(rows.family.codes) if code >= 0]
        names = np.array([*training.family.names, ""], dtype=object)[training.family.codes]
        known |= np.isin(names.astype(str), np.array(present, dtype=str))
    used = training.clearly & ~known
    if len(np.unique(training.gold[used])) < 2:
        raise EvaluationError(
            f"{file.path}: TF-IDF needs posts of two labels to train on; {int(used.sum()):,} posts "
            f"are left, {int(known.sum()):,} were left out since their family or text is evaluated "
            "too"
        )
    pipeline = tfidf(10.0)
    pipeline.fit([text for text, use in zip(learnt, used, strict=True) if use], training.gold[used])
    scores = pipeline.predict_proba(texts)
    classes: list[int] = pipeline.classes_.tolist()
    is_risk = [rows.labels[index] in rows.risk_labels for index in classes]
    risk: Floats = scores[:, is_risk].sum(axis=1)
    alarms = int((rows.decision >= DECISIONS.index("review")).sum())
    alarm = np.zeros(len(rows), dtype=bool)
    alarm[np.argsort(-risk, kind="stable")[:alarms]] = True
    how = _(
        "its riskiest posts, as many as the model raises alarms ({alarms:,}, unclear posts "
        "included); trained on {posts:,} posts, {known:,} left out because their family or text is "
        "evaluated too, {rejected:,} that could not be read"
    ).format(alarms=alarms, posts=int(used.sum()), known=int(known.sum()), rejected=len(rejects))
    predicted = np.array(classes, dtype=np.int64)[scores.argmax(axis=1)]
    name = _("TF-IDF on {name}").format(name=Path(file).name)
    return Baseline(name, how, alarm, risk, predicted)


def tfidf(strength: float) -> Any:
    """Character n-gram TF-IDF with logistic regression; `strength` is scikit-learn's C."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(
        TfidfVectorizer(
            analyzer="char", ngram_range=(1, 4), sublinear_tf=True, preprocessor=prepared
        ),
        LogisticRegression(C=strength, max_iter=2000, class_weight="balanced"),
    )


def _texts(rows: LabelledRows) -> list[str]:
    if rows.text is None:
        raise EvaluationError("a comparison needs the text of the posts; keep the text column")
    texts: list[str] = rows.text.tolist()
    return texts


def prepared(text: str) -> str:
    """As keywords and TF-IDF read a text: normalised, in lower case."""
    return normalise(text).text.lower().strip()
