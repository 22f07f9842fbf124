"""Label the posts of a table: read, score, record, write. The work behind `riskclf predict`.

Rows are scored in batches. From a file to a file the batches are always the same, and their results
are recorded in a journal: a run that was stopped is continued by the same call, with the same
bytes as if it had never been stopped. From a pipe, what has been read is scored before more is
waited for, so that no row waits for the next one.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import riskclf
from riskclf.cli.console import ShownPost
from riskclf.cli.explained import explanation_json
from riskclf.cli.options import check_outputs
from riskclf.errors import InputError
from riskclf.files import beside, locked_all
from riskclf.language import gettext as _
from riskclf.language import listed
from riskclf.reading import read
from riskclf.repeats import Recent, key_of, key_of_raw
from riskclf.tables import (
    Journal,
    RejectsFile,
    Row,
    TableFile,
    TableReader,
    create_table,
    format_of,
    open_table,
)
from riskclf.tables.formats import NAMES, SEPARATORS
from riskclf.tables.predictions import free_columns, prediction_columns, prediction_values
from riskclf.tables.reading import LOOK_AHEAD

if TYPE_CHECKING:
    from riskclf.classifier import RiskClassifier

__all__ = ["Labelled", "TableJob", "Tally", "label_table"]

_SHOWN_ROWS = 50

# What is scored, recorded and written at a time. Part of what the result depends on (posts that are
# computed together may differ in the last digit), so an unbroken and a continued run must agree.
_BATCH_ROWS = 1024
_BATCH_CHARACTERS = 1 << 22


@dataclass(frozen=True)
class TableJob:
    """What to label, and where the result goes."""

    input: str
    """A file, or ``-`` for standard input."""
    text_column: str = "text"
    format: str | None = None
    """Format of the input; None: its suffix says it."""
    encoding: str = "auto"
    """Of the input, see `TableFile`."""
    delimiter: str | None = None
    """Of the input, see `TableFile`; a CSV output has it too."""
    output: str | None = None
    """A file, or ``-`` for standard output; None: keep the posts with the highest risk only."""
    rejects: str | None = None
    """File for the rows that cannot be used; None: a file beside `output`, if that is a file."""
    for_excel: bool = False
    """Write CSV for a spreadsheet, see `Dialect`."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What else the result depends on, such as the device. JSON values; a change of one of them
    makes a stopped run start again."""
    explain: bool = False
    """Add a column with an explanation of each prediction, in the current language."""

    @property
    def output_file(self) -> Path | None:
        """The file to write; None for the screen and for standard output."""
        return None if self.output in (None, "-") else Path(str(self.output))

    @property
    def rejects_file(self) -> Path | None:
        """The file for the rejected rows; None to show them."""
        if self.rejects is not None:
            return Path(self.rejects)
        return beside(self.output_file, ".rejects.csv") if self.output_file else None

    @property
    def can_continue(self) -> bool:
        """A stopped run can be continued: it reads a file and writes a file."""
        return self.output_file is not None and self.input != "-" and Path(self.input).is_file()


@dataclass
class Tally:
    """Counts of a run. Results of an earlier run count as posts, but not for the rate."""

    posts: int = 0
    recorded: int = 0
    """Posts whose results an earlier run had recorded."""
    repeated: int = 0
    """Posts that repeat an earlier one, and were not scored again."""
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Posts by label and decision."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Posts by what stands in the column `reasons`, where it is not empty."""
    seconds: float = 0.0
    """Time spent on the posts that this run scored."""
    _since: float = field(default_factory=time.monotonic)

    def add(self, results: Sequence[Sequence[Any]], recorded: bool) -> None:
        """Count the results of a batch."""
        now = time.monotonic()
        self.posts += len(results)
        if recorded:
            self.recorded += len(results)
        else:
            self.seconds += now - self._since
        self._since = now
        self.counts.update((result[0], result[1]) for result in results)
        self.reasons.update(result[-2] for result in results if result[-2])

    @property
    def rate(self) -> str:
        """Posts per second, in words; empty before the first one."""
        computed = self.posts - self.recorded
        if not (self.seconds and computed):
            return ""
        return _("{rate:,.0f} posts/s").format(rate=computed / self.seconds)


@dataclass(frozen=True)
class Labelled:
    """What `label_table` did."""

    labels: tuple[str, ...]
    """The model's labels."""
    tally: Tally
    riskiest: Sequence[ShownPost]
    """The 50 posts with the highest risk, highest first; empty if there is an output."""
    rejects: RejectsFile
    """The rows that could not be used."""


def label_table(
    job: TableJob,
    load: Callable[[], RiskClassifier],
    *,
    tell: Callable[[str], None] = lambda line: None,
    show: Callable[[int, int | None, Tally], None] = lambda done, total, tally: None,
) -> Labelled:
    """Label the posts of one table.

    The output, the journal and the rejects file are locked until the end. The output takes its
    place when all rows are written.

    Args:
        job: what to label, and where the result goes.
        load: gives the model; called when everything else is known to be usable.
        tell: told in one line that a stopped run is continued, or why it is not.
        show: told after each batch how far the reading is, where its end is (None: not known), and
            the counts so far.

    Raises:
        InputError: the input or a column cannot be used, an output cannot be written, or another
            run is writing it.
        RiskclfError: the model cannot be used.
    """
    if job.output_file is not None:
        written = format_of(job.output_file)
        if job.for_excel and written not in SEPARATORS:
            raise InputError(
                f"--excel is for an output in CSV or TSV; {job.output_file} is {NAMES[written]}"
            )
    outputs = {"the output": job.output_file, "the rejects file": job.rejects_file}
    check_outputs(outputs, [job.input])
    with ExitStack() as stack:
        stack.enter_context(locked_all(outputs.values()))
        run: _Run | None = None

        def before_wait() -> None:
            if run is not None:
                run.score_waiting()

        table = stack.enter_context(
            open_table(
                TableFile(job.input, job.format, job.encoding, job.delimiter),
                text_columns=(job.text_column,),
                look_ahead=1 if job.output_file is None else LOOK_AHEAD,
                before_wait=before_wait,
            )
        )
        run = _Run(job, table, load(), tell, show, stack)
        return run.finish()


class _Run:
    """A run over one table: rows are collected into batches, which are scored and written."""

    def __init__(
        self,
        job: TableJob,
        table: TableReader,
        classifier: RiskClassifier,
        tell: Callable[[str], None],
        show: Callable[[int, int | None, Tally], None],
        stack: ExitStack,
    ) -> None:
        self._job, self._table, self._classifier, self._show = job, table, classifier, show
        added = prediction_columns(classifier.labels)
        self._told = len(added)
        if job.explain:
            added["explanation"] = str
        self._added = free_columns(added, table.columns)
        self._risk_labels = classifier.risk_labels
        self._journal = _open_journal(job, table, classifier, tell)
        if self._journal is not None:
            stack.callback(self._journal.close)
        self._writer = None
        if job.output is not None:
            piped = table.format if table.format in ("csv", "tsv") else "jsonl"
            dialect = table.dialect
            if job.for_excel:
                dialect = replace(dialect, marked=True, for_excel=True)
            self._writer = create_table(
                job.output,
                columns=table.columns,
                added=self._added,
                schema=table.schema,
                format=None if job.output_file else piped,
                dialect=dialect,
            )
            stack.enter_context(self._writer)
        self._rejects = stack.enter_context(RejectsFile(job.rejects_file))
        self._waiting: list[Row] = []
        self._characters = 0
        self._tally = Tally()
        # Recorded results are put in here too, so that a continued run goes on as the first would.
        self._recent: Recent[list[Any]] = Recent()
        self._riskiest: list[ShownPost] = []

    def finish(self) -> Labelled:
        """Read, score and write all rows, and put the files in their places."""
        for item in self._table:
            row = self._writer.checked(item) if self._writer and isinstance(item, Row) else item
            if isinstance(row, Row):
                self._waiting.append(row)
                self._characters += len(row.values[self._job.text_column])
            else:
                self._rejects.add(row)
            if len(self._waiting) >= _BATCH_ROWS or self._characters >= _BATCH_CHARACTERS:
                self.score_waiting()
        self.score_waiting()
        self._rejects.commit()
        if self._writer:
            self._writer.commit()
        if self._journal:
            self._journal.remove()
        return Labelled(self._classifier.labels, self._tally, self._riskiest, self._rejects)

    def score_waiting(self) -> None:
        """Score, record and write the rows that were read and not scored yet."""
        rows, self._waiting, self._characters = self._waiting, [], 0
        if not rows:
            return
        posts = [row.values[self._job.text_column] for row in rows]
        keys = [self._key(post) for post in posts]
        new = {key: x for key, x in zip(keys, posts, strict=True) if key not in self._recent}
        self._tally.repeated += len(posts) - len(new)
        results = self._journal.next_batch(len(rows)) if self._journal else None
        recorded = results is not None
        if results is None:
            scored = self._scored(new.values())
            results = self._recent.complete(keys, dict(zip(new, scored, strict=True)))
            if self._journal:
                self._journal.append(results)
        else:
            self._recent.complete(keys, dict(zip(keys, results, strict=True)))
        if self._writer:
            self._writer.write(
                {**row.values, **dict(zip(self._added, result, strict=True))}
                for row, result in zip(rows, results, strict=True)
            )
        else:
            shown = map(ShownPost, (row.number for row in rows), posts, results)
            self._riskiest = heapq.nsmallest(_SHOWN_ROWS, [*self._riskiest, *shown], key=_rank)
        self._tally.add([result[: self._told] for result in results], recorded)
        self._show(self._table.position, self._table.size, self._tally)

    def _key(self, post: str) -> bytes:
        """Posts with the same one get the same values. An explanation holds offsets into a post."""
        return key_of_raw(post) if self._job.explain else key_of(read(post))

    def _scored(self, posts: Iterable[str]) -> list[list[Any]]:
        """The values of the columns that are added, post by post."""
        if not self._job.explain:
            predictions = self._classifier.predict_many(posts)
            return [prediction_values(x, self._risk_labels) for x in predictions]
        return [
            [*prediction_values(x.prediction, self._risk_labels), explanation_json(x)]
            for x in self._classifier.explain_many(posts)
        ]


def _rank(post: ShownPost) -> tuple[float, int]:
    return -post.result[2], post.number or 0


def _open_journal(
    job: TableJob,
    table: TableReader,
    classifier: RiskClassifier,
    tell: Callable[[str], None],
) -> Journal | None:
    """Where the results of a run from a file to a file are kept until it is done."""
    if not job.can_continue or job.output_file is None:
        return None
    size, time_of_change = table.version or (None, None)
    key = {
        "input": str(Path(job.input).resolve()),
        "size of the input": size,
        "time of the input": time_of_change,
        "format": table.format,
        "encoding": table.encoding,
        "delimiter": table.dialect.delimiter,
        "text column": job.text_column,
        "columns of the result": list(prediction_columns(classifier.labels)),
        "model": classifier.fingerprint,
        **job.settings,
        "riskclf version": riskclf.__version__,
    }
    output = job.output_file
    journal = Journal(beside(output, ".resume"), key, output=output)
    if journal.is_continued:
        tell(_("continuing the run that was stopped"))
    elif journal.changed:
        tell(
            _(
                "starting again from the first row; changed since the run that was stopped: "
                "{changed}"
            ).format(changed=listed(journal.changed))
        )
    return journal
