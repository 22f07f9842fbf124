"""A report as Markdown: its title, what stands above the sections, and the sections."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from riskclf.evaluation.wording import Section, Table

__all__ = ["as_markdown"]


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
    """Text that is safe in a cell of a table, or on a line."""
    text = " ".join(text.split())
    for character, escaped in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|")):
        text = text.replace(character, escaped)
    return text
