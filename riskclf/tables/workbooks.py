"""What a workbook would take in memory, told before it is read.

A workbook is a zip archive of XML. A few kilobytes can hold a cell in the last row and the last
column, between which every cell would be laid out, or a long text that every cell repeats: reading
that ends the process. So the parts are unpacked and counted here first, piece by piece. They are
read with expat, which limits entities itself; a document type, which no workbook has, is refused.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import Any
from xml.parsers import expat

from riskclf.errors import FormatError

__all__ = ["MOST_CELLS", "MOST_CHARACTERS", "MOST_UNPACKED", "check_workbook"]

MOST_CELLS = 1 << 24
"""Cells, from the first row and column of a sheet to the last: a million rows of 16 columns."""

MOST_CHARACTERS = 1 << 28
"""Characters in all cells: a million texts of 256."""

MOST_UNPACKED = 1 << 30
"""Bytes of all parts."""

_PIECE = 1 << 16
_MOST_DEEP = 100  # levels of elements; a sheet has some ten
_LONGEST_PIECES = 64  # of one tag or attribute, which expat keeps whole
_VALUES = ("v", "is", "f")  # a cell without one of them is empty
_CELL = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
_LAST_ROW, _LAST_COLUMN = 1 << 20, 1 << 14
_READ_AS_XML = (".xml", ".rels")
_KINDS = ("/worksheet", "/sharedStrings")


class _Damaged(Exception):
    pass


class _TooLarge(Exception):
    pass


def check_workbook(name: str, stream: io.BufferedReader[Any]) -> None:
    """Refuse a workbook that would not fit into memory; `stream` is back at its beginning then.

    Args:
        name: of the file, for messages.
        stream: of the whole file.

    Raises:
        FormatError: it is too large, damaged, or no workbook of .xlsx.
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            _check(archive)
    except _TooLarge as error:
        raise FormatError(f"{name} {error}: save it as CSV, or as several workbooks") from None
    except (
        *(_Damaged, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError),
        *(LookupError, NotImplementedError, RuntimeError),  # encoding, compression, password
    ):
        raise FormatError(
            f"{name} is not an Excel workbook that can be read: it is damaged, or has a password; "
            "open it in Excel and save it again as .xlsx"
        ) from None
    finally:
        stream.seek(0)


def _check(archive: zipfile.ZipFile) -> None:
    names = {part.filename for part in archive.infolist()}
    # Calamine would read other kinds of documents too, which are not counted here.
    if "xl/workbook.xml" not in names or not names.isdisjoint(("content.xml", "xl/workbook.bin")):
        raise _Damaged
    unpacked = 0
    counts: list[_Part] = []
    for part in archive.infolist():
        count = _Part() if part.filename.lower().endswith(_READ_AS_XML) else None
        with archive.open(part) as file:
            while piece := file.read(_PIECE):
                unpacked += len(piece)
                if unpacked > MOST_UNPACKED:
                    raise _TooLarge(f"holds more than {MOST_UNPACKED:,} bytes")
                if count is not None:
                    count.take(piece)
        if count is not None:
            count.end()
            counts.append(count)
    if sum(count.rows * count.columns for count in counts) > MOST_CELLS:
        raise _TooLarge(f"has more than {MOST_CELLS:,} cells, the empty ones between others too")
    texts = [length for count in counts for length in count.texts]
    used = (item for count in counts for item in count.used.items())
    if sum(texts[x] * times for x, times in used if x < len(texts)) > MOST_CHARACTERS:
        raise _TooLarge(f"has more than {MOST_CHARACTERS:,} characters")


class _Part:
    """Counts what one part of a workbook holds, as it is unpacked."""

    def __init__(self) -> None:
        self.texts: list[int] = []
        """Length of each text that cells may share."""
        self.used: dict[int, int] = {}
        """How often a cell of this part holds each of them."""
        self.rows = self.columns = 0
        """Number of the last one that is not empty."""
        self._row = self._column = 0
        self._depth = self._length = self._pieces = 0
        self._place: list[str] | None = None  # pieces of the number of a shared text
        self._is_shared = self._in_text = False
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        self._parser = parser

    def take(self, piece: bytes) -> None:
        """The next bytes."""
        self._pieces += 1
        try:
            self._parser.Parse(piece, False)
        except expat.ExpatError:
            raise _Damaged from None
        if self._pieces > _LONGEST_PIECES:  # nothing ended since
            raise _Damaged

    def end(self) -> None:
        """There are no more."""
        try:
            self._parser.Parse(b"", True)
        except expat.ExpatError:
            raise _Damaged from None

    def _doctype(self, *_: object) -> None:
        raise _Damaged

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._pieces = 0
        if self._depth > _MOST_DEEP:
            raise _Damaged
        local = name.rpartition(":")[2]
        if local == "row":
            self._row = int(attributes.get("r", self._row + 1))
            self._column = 0
        elif local == "c":
            self._cell(attributes)
        elif local in _VALUES:
            self.rows, self.columns = max(self.rows, self._row), max(self.columns, self._column)
            if self.rows > _LAST_ROW or self.columns > _LAST_COLUMN:
                raise _Damaged
            self._place = [] if local == "v" and self._is_shared else None
        elif local == "si":
            self._length = 0
        elif local == "t":
            self._in_text = True
        elif local == "Relationship":
            kind, target = attributes.get("Type", ""), attributes.get("Target", "")
            if kind.endswith(_KINDS) and not target.lower().endswith(_READ_AS_XML):
                raise _Damaged

    def _cell(self, attributes: dict[str, str]) -> None:
        self._is_shared = attributes.get("t") == "s"
        if "r" not in attributes:
            self._column += 1
            return
        found = _CELL.fullmatch(attributes["r"])
        if found is None:
            raise _Damaged
        self._column = 0
        for letter in found[1].upper():
            self._column = 26 * self._column + ord(letter) - ord("A") + 1
        self._row = int(found[2])

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._pieces = 0
        local = name.rpartition(":")[2]
        if local == "v" and self._place is not None:
            place = int("".join(self._place))
            self.used[place] = self.used.get(place, 0) + 1
            self._place = None
        elif local == "c":
            self._is_shared = False
        elif local == "si":
            self.texts.append(self._length)
        elif local == "t":
            self._in_text = False

    def _characters(self, text: str) -> None:
        self._pieces = 0
        if self._place is not None:
            self._place.append(text)
        elif self._in_text:
            self._length += len(text)
