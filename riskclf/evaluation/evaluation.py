"""`evaluate`: labelled posts in, figures and a report out.

::

    from riskclf import evaluate

    result = evaluate("labelled.csv", prevalence=0.001)  # of the packaged model
    result.figures.operating_points["flag"].precision.value
    result.save("report")                                      # report.html, report.json, ...

How each figure is computed is documented where it is: `riskclf.evaluation.scored` (rows),
`riskclf.evaluation.metrics`, `riskclf.evaluation.intervals`, `riskclf.evaluation.thresholds`,
`riskclf.evaluation.compare`.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import riskclf
from riskclf.errors import InputError
from riskclf.evaluation.baselines import open_baseline
from riskclf.evaluation.compare import compare
from riskclf.evaluation.figures import (
    DataFigures,
    Figures,
    ModelFigures,
    StreamFigures,
)
from riskclf.evaluation.metrics import figures_of
from riskclf.evaluation.notes import notes_on
from riskclf.evaluation.scored import Classifier, ScoredRows, read_rows
from riskclf.evaluation.thresholds import Rate, Stream, check_share, choose_thresholds, first_posts
from riskclf.labels import DECISIONS
from riskclf.language import language, speaking
from riskclf.progress import Progress, following
from riskclf.tables import Columns, Data, Key, Reject, TableFile, write_rejects, write_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Columns", "Evaluation", "evaluate"]

Model = str | os.PathLike[str] | Classifier


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found."""

    figures: Figures
    """Everything that was measured; it holds no text of a post."""

    rows: ScoredRows = field(repr=False)
    """The rows that the figures are made from, with their predictions."""

    rejects: Sequence[Reject] = field(repr=False)
    """The rows that could not be used, with the reason."""

    differing: Sequence[NDArray[np.int64]] = field(repr=False)
    """For each comparison, where in `rows` only one side raises an alarm."""

    def save(self, directory: str | os.PathLike[str], *, include_text: bool = False) -> None:
        """Write the report.

        report.html (one file that needs no network), report.md, report.json
        (`figures.to_dict()`), the plots as PNG, rejects.csv where rows were rejected, and for each
        comparison differences-N.csv: the rows where only one side raises an alarm.

        Args:
            directory: made if it is not there; files of an earlier report in it are replaced.
            include_text: put the posts into differences-N.csv. Nothing else ever holds them.

        Raises:
            InputError: the directory or a file in it cannot be written.
        """
        from riskclf.evaluation.report import write_report

        if include_text and self.differing and self.rows.text is None:
            raise InputError("the posts were not kept")
        place = Path(directory)
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{place} cannot be made: {error.strerror}") from None
        for old in place.glob("differences-*.csv"):
            if re.fullmatch(r"differences-\d+", old.stem):
                old.unlink()
        for number, differing in enumerate(self.differing, start=1):
            self._write_differences(place / f"differences-{number}.csv", differing, include_text)
        with speaking(self.figures.lang):
            write_rejects(place / "rejects.csv", self.rejects)
        write_report(self.figures, place)

    def _write_differences(
        self, path: Path, differing: NDArray[np.int64], include_text: bool
    ) -> None:
        rows = self.rows
        columns = ["row", "id", "label", "predicted", "decision", "risk", "other_alarm"]
        texts = rows.text if include_text else None
        if texts is not None:
            columns.append("text")

        def record(index: int) -> dict[str, Any]:
            gold = int(rows.gold[index])
            return {
                "row": int(rows.number[index]),
                "id": None if rows.id is None else rows.id[index],
                "label": rows.labels[gold] if gold >= 0 else "unclear",
                "predicted": rows.labels[int(rows.predicted[index])],
                "decision": DECISIONS[int(rows.decision[index])],
                "risk": float(rows.risk[index]),
                # They differ, so the other side does what ours does not.
                "other_alarm": DECISIONS[int(rows.decision[index])] == "clear",
                **({} if texts is None else {"text": texts[index]}),
            }

        write_table(path, map(record, differing.tolist()), columns=columns)


def evaluate(
    data: Data,
    *,
    model: Model | None = None,
    columns: Columns | None = None,
    key: str | os.PathLike[str] | None = None,
    label_map: Mapping[str, str] | None = None,
    prevalence: float | None = None,
    volume: str | None = None,
    capacity: str | None = None,
    min_precision: float | None = None,
    min_recall: float | None = None,
    same_rows: bool = False,
    against: Sequence[Model] = (),
    lang: str = "en",
    device: str = "auto",
    batch_size: int = 64,
    progress: Progress = None,
) -> Evaluation:
    """How good a model is on labelled posts, how sure that is, and what it means on your stream.

    Args:
        data: a CSV, TSV, JSON Lines, Excel or Parquet file, a data frame (pandas, polars, Arrow), a
            `datasets.Dataset`, or any rows as mappings. A row has a text (unless it has scores) and
            a label: one of the model's, `unclear`, or a soft target such as
            `{"minor_solicitation": 0.5, "benign": 0.5}`. Optional are id, slice, language, family
            (rows that belong together) and weight.
        model: a `RiskClassifier`, a model directory or a hub id. None takes the scores that
            `riskclf predict --output` has put into the data, and the packaged model if there are
            none.
        columns: names of the columns, where they are not these.
        key: the key that `suggest` wrote beside the posts to label. Its columns are joined by id:
            the scores of the model, and `suggested_because`, which may be a slice.
        label_map: your label to the model's (or to `unclear`).
        prevalence: share of risky posts in your stream, such as 0.001.
        volume: of your stream, such as "5000/hour".
        capacity: how many posts your team can look at, such as "20/hour": chooses a threshold.
        min_precision: chooses the lowest threshold that reaches it, at `prevalence` if given.
        min_recall: chooses the highest threshold that reaches it.
        same_rows: choose thresholds and measure them on the same rows (optimistic).
        against: other models, "keywords=FILE" or "tfidf=FILE", see `riskclf.evaluation.baselines`.
        lang: language of the report: "en" or "ja".
        device: of the models that are loaded here, see `RiskClassifier.load`.
        batch_size: likewise.
        progress: see `riskclf.progress`.

    Raises:
        ArtifactError: a model cannot be used.
        InputError: the data, a column or an option cannot be used.
        EvaluationError: the rows do not allow what was asked.
    """
    lang = language(lang)
    # All that can be wrong without the data is found before hours of scoring.
    check_share("the precision", min_precision)
    check_share("the recall", min_recall)
    stream = Stream(
        prevalence,
        None if volume is None else Rate.parse(volume),
        None if capacity is None else Rate.parse(capacity),
    )

    def load(path_or_id: str | os.PathLike[str] | None) -> Classifier:
        from riskclf.classifier import RiskClassifier  # takes seconds to import

        return RiskClassifier.load(path_or_id, device=device, batch_size=batch_size)

    columns = columns or Columns()
    label_map = dict(label_map or {})
    like = data if isinstance(data, TableFile) else TableFile("")
    baselines = [open_baseline(other, columns, label_map, load, like) for other in against]
    with following(progress) as tell, speaking(lang):
        rows, rejects, used = read_rows(
            data,
            load(model) if isinstance(model, str | os.PathLike) else model,
            lambda: load(None),
            columns=columns,
            label_map=label_map,
            key=None if key is None else Key(key, columns.optional("id")),
            keep_text=bool(against),
            progress=tell,
        )
        compared = [apply(rows, tell) for apply in baselines]
    name = None
    if isinstance(data, str | os.PathLike) and os.fspath(data) != "-":
        name = Path(data).name
    measured = figures_of(rows, prevalence)
    rejected = Counter(x.reason for x in rejects)
    first = first_posts(rows, stream)
    with speaking(lang):
        thresholds = choose_thresholds(
            rows, stream, min_precision=min_precision, min_recall=min_recall, same_rows=same_rows
        )
        reasons = {x.translated(): count for x, count in rejected.most_common()}
        notes = notes_on(rows, measured, rejected, stream)
    comparisons, differing = [], []
    for baseline in compared:
        comparison, where = compare(rows, baseline)
        comparisons.append(comparison)
        differing.append(where)
    figures = Figures(
        lang=lang,
        riskclf=riskclf.__version__,
        model=None if used is None else _described(used),
        data=DataFigures(name, len(rejects), reasons),
        stream=StreamFigures(prevalence, volume, capacity),
        **{item.name: getattr(measured, item.name) for item in fields(measured)},
        first=first,
        thresholds=thresholds,
        comparisons=comparisons,
        notes=notes,
    )
    return Evaluation(figures, rows, rejects, differing)


def _described(model: Classifier) -> ModelFigures:
    info = model.info()
    return ModelFigures(info.get("fingerprint"), info.get("thresholds"), info.get("versions"))
