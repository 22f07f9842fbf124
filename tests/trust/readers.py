"""Hostile files: tables in every format, journals, audit logs and what is pasted from Excel."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import re
import subprocess
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from riskclf.casework.audit import head_of
from riskclf.casework.drafts import Templates
from riskclf.casework.verifying import verify
from riskclf.errors import RiskclfError
from riskclf.review.pasting import rows_of
from riskclf.tables import Dialect, Journal, Reject, Row, create_table, open_table
from riskclf.tables.keys import Key
from riskclf.tables.targets import Target as Label
from riskclf.tables.targets import TargetReader
from tests.cli.helpers import program
from tests.conftest import ENGLISH, JAPANESE, LABELS
from tests.trust.check import Check, Tried
from tests.trust.fuzzing import Target, failures, fuzz

__all__ = ["BOMBS", "CHECK", "TARGETS", "changed_workbook", "peak"]

_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
ROWS = [
    {"id": str(number), "text": text, "label": LABELS[number % 3]}
    for number, text in enumerate((*JAPANESE[:6], *ENGLISH[:3], "=1+1", "@x", "-0.5"))
]


# What the fuzzers begin with ----------------------------------------------------------------------


def _separated(separator: str, ending: str = "\n") -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, lineterminator=ending)
    writer.writerow(ROWS[0])
    writer.writerows(row.values() for row in ROWS)
    return file.getvalue()


CSV = tuple(
    text.encode(encoding)
    for text, encoding in (
        (_separated(","), "utf-8"),
        (_separated(",", "\r\n"), "utf-8-sig"),
        (_separated(",", "\r"), "utf-8"),
        (_separated(","), "cp932"),
        (_separated(","), "euc-jp"),
        (_separated(","), "utf-16"),
        ('text\n"a\nb""c"\n"x,\0\n', "utf-8"),
        ("text,text,text (2)\n1,2,3\n", "utf-8"),
    )
)
JSONL = tuple(
    text.encode("utf-8")
    for text in (
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS),
        "".join(json.dumps(row) + "\r\n" for row in ROWS[:3]),
        '{"text": "a", "n": 1e400, "l": [[{}]], "t": null}\n{"text": "a", "text": "b"}\n',
        f'{{"text": "a", "n": {10**400}}}\n{{"text": "\\ud800"}}\n',
        '{"text": "a", "n": ' + "[" * 200 + "]" * 200 + "}\n",
        '[{"text": "a"}]\n',
    )
)


def _parquet(table: pa.Table, **how: Any) -> bytes:
    content = io.BytesIO()
    pq.write_table(table, content, **how)
    return content.getvalue()


def _parquets() -> tuple[bytes, ...]:
    table = pa.Table.from_pylist(ROWS[:4])
    nested = pa.table(
        {
            "text": pa.array(["a", None], pa.string()),
            "list": [[1, 2], None],
            "struct": [{"a": {"b": 1}}, None],
            "map": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
            "time": pa.array([1, 2], pa.timestamp("ns", "Asia/Tokyo")),
            "money": pa.array([1, 2]).cast(pa.decimal128(30, 2)),
        }
    )
    return (
        _parquet(table, compression="none", use_dictionary=False),
        _parquet(table, compression="snappy"),
        _parquet(nested, compression="none"),
        _parquet(pa.table({"text": pa.array([b"\xff"], pa.binary())})),
        _parquet(pa.table({"text": pa.array([1.5])})),
    )


def _workbook() -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(({name: name for name in ROWS[0]}, *ROWS)):
            for column, value in enumerate(row.values()):
                sheet.write_string(number, column, value)
        sheet.write_formula(20, 1, "=1+1", value="2")
        sheet.write_number(21, 1, 1e300)
        sheet.write_boolean(22, 1, True)
    return content.getvalue()


def changed_workbook(**parts: Callable[[bytes], bytes]) -> bytes:
    """A workbook whose sheet (``sheet=``) or shared texts (``texts=``) are changed."""
    names = {"xl/worksheets/sheet1.xml": "sheet", "xl/sharedStrings.xml": "texts"}
    content = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(_workbook())) as old,
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            change = parts.get(names.get(name, ""), bytes)
            new.writestr(name, change(old.read(name)))
    return content.getvalue()


_PLACES = {1: "xl/worksheets/sheet1.xml", 2: "xl/sharedStrings.xml", 3: "xl/workbook.xml"}


def _parts() -> tuple[bytes, ...]:
    """Parts of a workbook as bytes, behind the number of their place."""
    with zipfile.ZipFile(io.BytesIO(_workbook())) as book:
        return tuple(bytes([place]) + book.read(name) for place, name in _PLACES.items())


def _journal(work: Path) -> bytes:
    journal = Journal(work / "seed", {"model": "a"})
    journal.append([["benign", "clear", 0.25]])
    journal.append([["benign", "clear", 0.5], ["benign", "clear", 0.5]])
    journal.close()
    return (work / "seed").read_bytes()


# What is fuzzed -----------------------------------------------------------------------------------


def _reading(suffix: str) -> Callable[[Path], Callable[[bytes], None]]:
    """Read a file of this suffix, and write what was read for a spreadsheet."""

    def prepare(work: Path) -> Callable[[bytes], None]:
        path = work / f"posts{suffix}"

        def check(content: bytes) -> None:
            path.write_bytes(content)
            with contextlib.suppress(RiskclfError), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _read(path, work)

        return check

    return prepare


def _read(path: Path, work: Path) -> None:
    labels = TargetReader(LABELS, {})
    with open_table(path) as table:
        output = create_table(
            work / "out.csv",
            columns=table.columns,
            dialect=Dialect(marked=True, for_excel=True),
        )
        try:
            for row in table:
                kept = output.checked(row) if isinstance(row, Row) else row
                if isinstance(kept, Reject):
                    assert kept.number >= 0
                    kept.reason.translated()
                    continue
                assert isinstance(kept.values["text"], str)
                assert isinstance(labels.read(kept.values.get("label")), Label | str)
                output.write([kept.values])
            output.commit()
        finally:
            output.discard()
    with (work / "out.csv").open(newline="", encoding="utf-8-sig") as file:
        for cells in csv.reader(file):
            for cell in cells:
                assert _NUMBER.fullmatch(cell) or not _FORMULA.match(cell), "a cell is a formula"


def _packed(work: Path) -> Callable[[bytes], None]:
    """The bytes as the content of a gzip file, and as such a file."""
    csv_file, packed = _reading(".csv.gz")(work), _reading(".jsonl.gz")(work)

    def check(content: bytes) -> None:
        csv_file(content)
        packed(gzip.compress(content, 1))

    return check


def _sheets(work: Path) -> Callable[[bytes], None]:
    """The bytes as a workbook, and as one part of a workbook that is whole otherwise."""
    check_whole = _reading(".xlsx")(work)
    whole = _workbook()

    def check(content: bytes) -> None:
        name = _PLACES.get(content[0] if content else 0)
        if name is None:
            check_whole(content)
            return
        book = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(whole)) as old,
            zipfile.ZipFile(book, "w", zipfile.ZIP_STORED) as new,
        ):
            for part in old.namelist():
                new.writestr(part, content[1:] if part == name else old.read(part))
        check_whole(book.getvalue())

    return check


def _state(work: Path) -> Callable[[bytes], None]:
    """The bytes as a journal, an audit log, a key, drafts, and as rows that are pasted."""
    journal_file, log, drafts, key = (work / x for x in ("j", "log", "d.toml", "key.jsonl"))

    def check(content: bytes) -> None:
        journal_file.write_bytes(content)
        for _ in range(2):  # the second run must find it usable
            journal = Journal(journal_file, {"model": "a"})
            found = journal.next_batch(1)
            assert found is None or len(found) == 1
            journal.append([["benign", "clear", 0.25]])
            journal.close()
        assert journal.is_continued
        log.write_bytes(content)
        for use in (verify, head_of):
            with contextlib.suppress(RiskclfError):
                use(log)
        key.write_bytes(content)
        drafts.write_bytes(content)
        with contextlib.suppress(RiskclfError):
            Templates.read(drafts)
        with contextlib.suppress(RiskclfError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Key(key, "id")
        with contextlib.suppress(RiskclfError):
            rows_of(content.decode("utf-8", "replace"))

    return check


_LOG = b'{"n": 0, "digest": "a", "log": "b", "posts": [], "at": "2026-01-01T00:00:00+00:00"}\n'
STATE = (
    _LOG,
    b'{"id": "1", "label": "a"}\n',
    b'sample = false\n[agency.en]\nhours = "9-17"\n[adult.any]\nen = """{hours}"""\n',
    '参照\t本文\n1\t"今日は\n雨"\n'.encode(),
    b"[" * 3000,
    b"a = " + b"[" * 3000,
    b'{"n": 1e400, "digest": "a"}\n',
)

TARGETS = (
    Target("CSV", 300, _reading(".csv"), CSV),
    Target("TSV", 60, _reading(".tsv"), CSV),
    Target("JSON Lines", 240, _reading(".jsonl"), JSONL),
    Target("gzip", 120, _packed, (*CSV[:2], *JSONL[:2], gzip.compress(CSV[0], mtime=0))),
    Target("Parquet", 300, _reading(".parquet"), _parquets()),
    Target("workbooks", 300, _sheets, (_workbook(), *_parts())),
    Target("journals, logs, keys, drafts, pasted rows", 240, _state, STATE),
)


# What is small on the disk and large in memory ----------------------------------------------------


def _far(sheet: bytes) -> bytes:
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    return sheet.replace(b"</sheetData>", far)


def _repeating(sheet: bytes) -> bytes:
    rows = (b'<row r="%d"><c r="B%d" t="s"><v>1</v></c></row>' % (x, x) for x in range(30, 20_000))
    return sheet.replace(b"</sheetData>", b"".join(rows) + b"</sheetData>")


def _long(texts: bytes) -> bytes:
    return texts.replace(b"<t>text</t>", b"<t>" + b"x" * 1_000_000 + b"</t>")


def _zeros(first: bytes, size: int) -> bytes:
    content = io.BytesIO()
    with gzip.GzipFile(fileobj=content, mode="wb", mtime=0) as file:
        file.write(first)
        for _ in range(size >> 20):
            file.write(b"0" * (1 << 20))
    return content.getvalue()


BOMBS: Mapping[str, Callable[[int], bytes]] = {
    "far.xlsx": lambda _size: changed_workbook(sheet=_far),
    "repeated.xlsx": lambda _size: changed_workbook(sheet=_repeating, texts=_long),
    "large.xlsx": lambda size: changed_workbook(texts=lambda part: part + b" " * size),
    "deep.xlsx": lambda _size: changed_workbook(sheet=lambda _: b"<a>" * 3_000_000),
    "entities.xlsx": lambda _size: changed_workbook(
        texts=lambda part: part.replace(
            b"<sst", b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;">]><sst', 1
        )
    ),
    "line.csv.gz": lambda size: _zeros(b"text\n", size),
    "quoted.csv.gz": lambda size: _zeros(b'text\n"', size),
    "line.jsonl.gz": lambda size: _zeros(b'{"text": "a"}\n{"text": "', size),
    "number.jsonl.gz": lambda size: _zeros(b'{"text": "a", "n": 1', size),
    "repeated.parquet": lambda _size: _parquet(
        pa.table({"text": pa.DictionaryArray.from_arrays([0] * 200, ["x" * 1_000_000])})
    ),
    "deep.jsonl": lambda size: b'{"text": "a", "n": ' + b"[" * min(size, 30_000_000) + b"\n",
    "columns.csv": lambda size: b"text" + b",a" * min(size // 2, 15_000_000) + b"\n",
    "columns.jsonl": lambda _size: b"".join(
        b'{"text": "a", "%d": 1}\n' % number for number in range(200_000)
    ),
}
"""Files by name; some grow to a size in bytes."""

_MEASURED = """
import atexit, pathlib, resource, sys
limit = 3 << 30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
def tell():
    # Not getrusage: its peak is handed on from the process that started this one.
    status = pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1]
    pathlib.Path({place!r}).write_text(status.split()[0])
atexit.register(tell)
"""


def peak(path: Path, work: Path) -> tuple[int, str, float]:
    """Run `riskclf predict` on a file with 3 GB of address space.

    Returns:
        The exit status, standard error, and the most memory that it took, in MB (0 if it crashed).
    """
    place = work / "peak"
    place.unlink(missing_ok=True)
    command = program(0, "predict", "--input", path, "--output", work / "out.csv")
    command[2] = _MEASURED.format(place=str(place)) + command[2]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    kilobytes = int(place.read_text()) if place.exists() else 0
    return done.returncode, done.stderr, kilobytes / 1024


def _run(work: Path, scale: float) -> Tried:
    counts = fuzz(__name__, TARGETS, work, scale)
    failed = failures(work)
    size = max(64 << 20, round(scale * (4 << 30)))
    place = work / "bombs"
    place.mkdir()
    largest = 0.0
    for name, make in BOMBS.items():
        path = place / name
        path.write_bytes(make(size))
        status, said, megabytes = peak(path, place)
        largest = max(largest, megabytes)
        if status not in (0, 1, 2) or "Traceback" in said or megabytes > 1000:
            failed.append(f"{name}: it ended with {status} and took {megabytes:.0f} MB")
        path.unlink()
    counts["files that unpack to gigabytes or repeat themselves"] = len(BOMBS)
    return Tried(counts, failed, {"most memory, MB": largest})


CHECK = Check(
    "hostile-tables",
    "Any file is read or refused in one line: it ends no run with a traceback, fills no memory, "
    "and becomes no formula in what `--excel` writes.",
    "Coverage-guided fuzzing (atheris) of every format, of journals, audit logs, keys, drafts and "
    "pasted rows for 26 of the 60 minutes of processor time; `riskclf predict` on files that are "
    "small and unpack to gigabytes, with 3 GB of address space.",
    "A workbook of 7 kB laid out 17 thousand million cells and ended the process: workbooks are "
    "counted before they are read. A line of any length was read whole: it ends at 33 million "
    "characters. Columns of one name took time with the square of their number. A journal of deep "
    "JSON broke every further run. An input that changed while it was read gave half its rows. "
    "Numbers beyond a float could not be written to a workbook, and a list in the place of a label "
    "ended `evaluate` with a traceback.",
    _run,
)
