"""Brings the Japanese catalogue up to date with the code: `python -m tests.catalogue`.

Sentences that the code no longer has are removed from riskclf.po, new ones are added without a
translation, and riskclf.mo is made from it. Translate the new ones, and run the command again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

import riskclf

__all__ = ["MO", "PO", "in_code", "translated"]

SOURCE = Path(riskclf.__file__).parent
PO = SOURCE / "locale" / "ja" / "LC_MESSAGES" / "riskclf.po"
MO = PO.with_suffix(".mo")

_HEADER = """\
# What riskclf says, in Japanese. `python -m tests.catalogue` brings this file up to date.
msgid ""
msgstr ""
"Language: ja\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

"""


def in_code() -> Catalog:
    """Every sentence that the code marks, without translations."""
    catalogue = Catalog()
    keywords = {**DEFAULT_KEYWORDS, "Sentence": None, "marked": None}
    methods = [("**.py", "python"), ("**.html.j2", "jinja2")]
    for _file, _line, message, _comments, context in sorted(
        extract_from_dir(SOURCE, methods, keywords=keywords), key=lambda found: found[:2]
    ):
        catalogue.add(message, context=context)
    return catalogue


def translated() -> Catalog:
    """What riskclf.po holds."""
    with PO.open("rb") as file:
        return read_po(file, locale="ja")


def _update() -> None:
    catalogue = translated()
    catalogue.update(in_code(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    for found in catalogue:
        # Values go in with str.format: "95 % confidence" is no place for one.
        found.flags.discard("python-format")
    catalogue.creation_date = datetime(2026, 1, 1, tzinfo=UTC)  # the same sentences, the same file
    with PO.open("wb") as po:
        po.write(_HEADER.encode())
        write_po(po, catalogue, width=100, omit_header=True)
    with MO.open("wb") as mo:
        write_mo(mo, catalogue)


if __name__ == "__main__":
    _update()
