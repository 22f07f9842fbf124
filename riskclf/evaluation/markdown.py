"""A report as Markdown: its title, what stands above the sections, and the sections."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from riskclf.evaluation.wording import Section, Table

__all__ = ["as_markdown"]

# An underscore within a word means nothing, and labels are full of them.
_MARKS = re.compile(r"[\\`*~\[\]|]|(?<![^\W_])_|_(?![^\W_])|^(?:#|\+(?=\s|$)|>)")
_ADDRESS = re.compile(r"(?i)(https?|ftp|www)([:.])")


def as_markdown(
    title: str, opening: Sequence[str], sections: Iterable[Section], images: Collection[str] = ()
) -> str:
    """The whole report; a plot of a section is shown if its name is one of the `images`."""
    blocks = [f"# {_cell(title)}", *map(_cell, opening)]
    for section in sections:
        blocks += [f"## {_cell(section.title)}", *map(_cell, section.lines)]
        for table in section.tables:
            blocks += [_cell(table.caption), _table(table)]
        for name, words in section.plots.items():
            if name in images:
                blocks.append(f"![{_cell(words)}]({name}.png)")
    return "\n\n".join(blocks) + "\n"


def _table(table: Table) -> str:
    rows = [table.head, ["---"] * len(table.head), *table.rows]
    return "\n".join("| " + " | ".join(map(_cell, row)) + " |" for row in rows)


def _cell(text: str) -> str:
    """Text that is safe in a cell of a table, or on a line: it is shown as it is.

    The name of a slice or a file becomes no link, no image, no code and no HTML; no address in it
    becomes a link.
    """
    text = " ".join(text.split())
    for character, escaped in (("&", "&amp;"), ("<", "&lt;")):
        text = text.replace(character, escaped)
    text = _MARKS.sub(r"\\\g<0>", text)
    return _ADDRESS.sub(lambda found: f"{found[1]}&#{ord(found[2])};", text)
