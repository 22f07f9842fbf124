"""`suggest`: which posts of a file are most useful to label next.

::

    from riskclf import suggest

    result = suggest("posts.csv", n=50)
    result.save("to_label.csv")  # fill in the column label, then evaluate or fine-tune on it
    evaluate("to_label.csv", key="to_label.key.csv")  # what the model said of them

It chooses among posts that its user holds. It does not rank authors and looks nobody up. How posts
are chosen is described in `riskclf.suggestion.uncertainty`, and how emerging terms are found in
`riskclf.suggestion.emerging`.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from riskclf.errors import InputError
from riskclf.language import gettext as _
from riskclf.language import ngettext
from riskclf.progress import Progress, following
from riskclf.suggestion.blind import TO_LABEL, ids_of, key_columns, key_rows, rows_to_label
from riskclf.suggestion.emerging import EmergingTerm, emerging_terms
from riskclf.suggestion.uncertainty import Selection
from riskclf.tables import (
    Columns,
    Data,
    Dialect,
    Reject,
    Row,
    UnlabelledPosts,
    key_beside,
    same_text,
    write_table,
)
from riskclf.tables.predictions import (
    PREFIX,
    free_columns,
    prediction_columns,
    prediction_values,
)

if TYPE_CHECKING:
    from riskclf.classifier import RiskClassifier

__all__ = ["Suggestions", "suggest"]


@dataclass(frozen=True)
class Suggestions:
    """What `suggest` found."""

    rows: Sequence[Mapping[str, Any]] = field(repr=False)
    """The chosen posts, random ones spread among them: all columns of the input, an empty `label`
    if it has none, the columns of the prediction, and `suggested_because`."""

    terms: Sequence[EmergingTerm] = field(repr=False)
    """Emerging terms, the most certain first; empty unless they were asked for."""

    rejects: Sequence[Reject] = field(repr=False)
    """The rows that could not be used, with the reason."""

    notes: Sequence[str]
    """What to know about the choice, one sentence each; without text of a post."""

    columns: Sequence[str]
    """The columns of the input."""

    added: Mapping[str, type] = field(repr=False)
    """The columns that were added, with their types; `suggested_because` is the last."""

    schema: Any = field(repr=False, default=None)
    """The Arrow schema of a Parquet input."""

    dialect: Dialect = field(repr=False, default_factory=Dialect)
    """How a CSV input was written."""

    numbers: Sequence[int] = field(repr=False, default=())
    """The row number of each post in the input."""

    text_column: str = "text"
    """The column of the input that holds the posts."""

    id_column: str = "id"
    """The column of the input that holds their ids, if there is one."""

    def save(self, path: str | os.PathLike[str], *, with_scores: bool = False) -> None:
        """Write the posts to label; the suffix of `path` sets the format.

        The table has the columns `id`, `text` and `label`, so that whoever labels does not see what
        the model says. All else goes into a key beside it (to_label.key.csv for to_label.csv),
        which `evaluate` takes as `key`. Where the input has no id for each post, or one twice, the
        ids are row numbers.

        Args:
            path: of the table; the key replaces an older one.
            with_scores: write one table with all columns instead, and no key.

        Raises:
            InputError: a file cannot be written.
        """
        if with_scores:
            write_table(
                path,
                self.rows,
                columns=self.columns,
                added=self.added,
                schema=self.schema,
                dialect=self.dialect,
            )
            return
        ids, from_input = ids_of(self.rows, self.numbers, self.id_column)
        to_label = rows_to_label(self.rows, ids, self.text_column)
        names = key_columns(self.columns, self.text_column, self.id_column if from_input else None)
        added = {name: kind for name, kind in self.added.items() if name != "label"}
        key = key_rows(self.rows, ids, names, list(added))
        place = key_beside(path)
        columns = ["id", *names.values()]
        write_table(place, key, columns=columns, added=added, dialect=self.dialect)
        write_table(path, to_label, columns=TO_LABEL, dialect=self.dialect)

    def save_terms(self, path: str | os.PathLike[str]) -> None:
        """Write the emerging terms to a table, as `save` does.

        Raises:
            InputError: the file cannot be written.
        """
        kinds = {"posts": int, "of": int, "reference_posts": int, "reference_of": int}
        added = {**kinds, "ratio": float, "low": float, "high": float}
        rows = [{name: getattr(x, name) for name in ("term", *added)} for x in self.terms]
        write_table(path, rows, columns=["term"], added=added, dialect=self.dialect)

    def reasons(self) -> dict[str, int]:
        """How many rows were chosen for which reason."""
        name = list(self.added)[-1]
        return dict(Counter(row[name] for row in self.rows).most_common())


def suggest(
    data: Data,
    *,
    model: RiskClassifier | str | os.PathLike[str] | None = None,
    n: int = 50,
    columns: Columns | None = None,
    labelled: Data | None = None,
    terms: bool = False,
    reference: Data | None = None,
    device: str = "auto",
    batch_size: int = 64,
    progress: Progress = None,
) -> Suggestions:
    """Choose the posts to label next: uncertain ones, all different, and one in five at random.

    Args:
        data: a CSV, TSV, JSON Lines, Excel or Parquet file, a data frame (pandas, polars, Arrow), a
            `datasets.Dataset`, or any rows as mappings. No labels are needed.
        model: a `RiskClassifier`, a model directory or a hub id; None is the packaged model.
        n: how many posts; fewer if there are not that many different ones.
        columns: names the column that holds the text, in all data given, where it is not `text`,
            and the one that holds the ids of the posts, where it is not `id`.
        labelled: posts that are labelled already; kept in memory. They and their near-duplicates
            are not chosen.
        terms: also find emerging terms; requires `reference`.
        reference: older posts to compare with.
        device: see `RiskClassifier.load`; used if the model is loaded here.
        batch_size: likewise.
        progress: None, True, or a callback; see `riskclf.progress`.

    Returns:
        The chosen posts, with what else was found.

    Raises:
        ArtifactError: the model cannot be used.
        InputError: the data, a column or an option cannot be used.
    """
    columns = columns or Columns()
    text_column = columns.text
    if n < 1:
        raise InputError(f"n is {n}: ask for 1 post or more")
    if terms != (reference is not None):
        raise InputError("emerging terms need older posts: give both terms and reference")
    is_stream = isinstance(data, str | os.PathLike) and os.fspath(data) == "-"
    if terms and (is_stream or isinstance(data, Iterator)):
        raise InputError("emerging terms need posts that can be read twice: name a file")
    with following(progress) as tell, ExitStack() as stack:
        # What can be wrong with the files is found before hours of scoring.
        known, unread = _texts_of(labelled, text_column, "labelled")
        notes = [unread] if unread else []
        found: list[EmergingTerm] = []
        if reference is not None:
            found, unread = emerging_terms(data, reference, text_column, tell)
            notes += [unread] if unread else []
        if model is None or isinstance(model, str | os.PathLike):
            from riskclf.classifier import RiskClassifier  # takes seconds to import

            model = RiskClassifier.load(model, device=device, batch_size=batch_size)
        selection = Selection(n, known, model.info()["thresholds"])
        source = UnlabelledPosts(data, text_column, stack)
        source.require(columns.named(), if_there=["label", *columns.used()])
        if {"label", "decision", "risk"} <= set(source.columns):
            raise InputError(
                f"{source.name}: the column 'label' is a prediction, which would later be taken "
                "for the correct label: give the file as it was before `riskclf predict`"
            )
        waiting: deque[tuple[Row, tuple[int, int | None]]] = deque()
        scored = model.stream_with_vectors(source.texts(waiting))
        for done, (prediction, vector) in enumerate(scored):
            row, place = waiting.popleft()
            selection.add(row, row.values[text_column], prediction, vector)
            if done % 64 == 0:
                tell(_("scoring posts"), *place)
        tell(_("scoring posts"), *source.position())
        source.check_usable()
    chosen = selection.chosen()
    if selection.blank:
        empty = ngettext(
            "{count:,} post is empty; it is not suggested",
            "{count:,} posts are empty; they are not suggested",
            selection.blank,
        )
        notes.append(empty.format(count=selection.blank))
    if len(chosen) < n:
        few = _("there are only {count:,} different posts to choose, not {wanted:,}")
        notes.append(few.format(count=len(chosen), wanted=n))
    added = _added_columns(model.labels, source.columns)
    names = [name for name in added if name != "label"]
    rows: list[dict[str, Any]] = []
    risk_labels = model.risk_labels
    for post, because in chosen:
        values = [*prediction_values(post.prediction, risk_labels), because]
        label = {"label": post.row.values.get("label", "")}
        rows.append({**post.row.values, **label, **dict(zip(names, values, strict=True))})
    present = dict.fromkeys([*source.columns, *(name for row in rows for name in row)])
    kept = [name for name in present if name not in added]
    return Suggestions(
        rows,
        found,
        source.rejects,
        notes,
        kept,
        added,
        source.schema,
        source.dialect,
        [post.row.number for post, _because in chosen],
        text_column,
        columns.optional("id"),
    )


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


def _added_columns(labels: Iterable[str], existing: Sequence[str]) -> dict[str, type]:
    """Names and types of the new columns: `label` stays free for a person."""
    columns = {f"{PREFIX}{name}": kind for name, kind in prediction_columns(labels).items()}
    columns = free_columns({**columns, "suggested_because": str}, existing)
    return columns if "label" in existing else {"label": str, **columns}
