"""The site: these pages, those of the repository's root, and the Python API from the docstrings.

``sphinx-build -W --keep-going -c docs . build/site`` in the repository's root, with the extra
``docs``. The root is the source directory, so that a link holds in the repository and in the site.
"""

from __future__ import annotations

from typing import Any

import riskclf

project = "riskclf"
author = "The riskclf developers"
version = release = riskclf.__version__

root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# Markdown. Anchors of headings, so that a link to one is checked.
myst_heading_anchors = 4

# The docstrings have Google's sections, and names in single backticks.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "riskclf"
html_extra_path = ["site"]
html_copy_source = False
html_show_sphinx = False


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _keep_sentences, priority=400)  # before napoleon


def _keep_sentences(_app: Any, what: str, *rest: Any) -> None:
    """Let napoleon take no first line of an attribute's docstring for "type: text".

    It looks for a colon in the first line, so that line becomes the first word only.
    """
    lines: list[str] = rest[-1]
    if lines and what in {"attribute", "data", "property"}:
        lines[:1] = lines[0].split(" ", 1)
