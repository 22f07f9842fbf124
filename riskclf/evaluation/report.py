"""Writes a report that a person reads: the same sections as HTML and as Markdown, and the plots.

Everything in a report comes from the figures (`report.json`), which hold no text of a post.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from jinja2 import Environment, PackageLoader

from riskclf.evaluation.figures import Figures
from riskclf.evaluation.markdown import as_markdown
from riskclf.evaluation.plots import PLOTS, draw
from riskclf.evaluation.sections import opening_of, sections_of
from riskclf.files import write_together

__all__ = ["write_report"]


def write_report(figures: Figures, directory: Path) -> None:
    """Write report.html, report.md, report.json and the plots into an existing directory.

    Each file is replaced as a whole, and report.html is there only while all files are of one run;
    plots of an earlier report that this one does not have are removed.

    Raises:
        InputError: a file cannot be written.
    """
    plots, dark = draw(figures), draw(figures, dark=True)
    templates = Environment(
        loader=PackageLoader("riskclf.evaluation"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    title, measured, brackets = opening_of(figures)
    sections = sections_of(figures)
    html = templates.get_template("report.html.j2").render(
        language=figures.lang,
        title=title,
        measured=measured,
        brackets=brackets,
        sections=sections,
        images={name: (_data(plots[name]), _data(dark[name])) for name in plots},
    )
    markdown = as_markdown(title, (measured, brackets), sections, plots)
    report = json.dumps(figures.to_dict(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    texts = {"report.json": report, "report.md": markdown, "report.html": html}
    write_together(
        directory,
        {f"{name}.png": image for name, image in plots.items()}
        | {name: text.encode("utf-8", "backslashreplace") for name, text in texts.items()},
    )
    for name in PLOTS:
        if name not in plots:
            (directory / f"{name}.png").unlink(missing_ok=True)


def _data(image: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(image).decode("ascii")
