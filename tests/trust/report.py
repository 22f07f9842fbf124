"""The table of docs/trust.md, from what the checks found."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.trust import CHECKS

__all__ = ["DOCUMENT", "RESULTS", "filled", "read_results"]

RESULTS = Path(__file__).parent / "results.json"
"""What the latest run of each check at full size found."""

DOCUMENT = Path(__file__).parents[2] / "docs" / "trust.md"


def read_results() -> dict[str, Any]:
    """The stored results, by check."""
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def filled(text: str, results: Mapping[str, Any]) -> str:
    """The document with its table written anew.

    Args:
        text: the document.
        results: by check, see `read_results`.

    Raises:
        ValueError: the document does not have the section ``checks`` once.
    """
    parts = re.split("(<!-- /?checks -->\n)", text)
    if len(parts) != 5:
        raise ValueError(f"{DOCUMENT.name} must have one section checks, opened and closed")
    parts[2] = _table(results)
    return "".join(parts)


def _table(results: Mapping[str, Any]) -> str:
    lines = [
        "| promise | how it is tested | tried | failed | found and mended |",
        "| --- | --- | --- | --- | --- |",
    ]
    for check in CHECKS:
        found = results.get(check.name)
        cells = [check.promise, f"{check.how} (`{check.name}`)", "not run yet", "", check.mended]
        if found is not None:
            counts = [f"{count:,} {unit}" for unit, count in found["counts"].items()]
            measured = [f"{name}: {value:g}" for name, value in found["measured"].items()]
            cells[2] = "; ".join([*counts, *measured, found["day"]])
            cells[3] = f"{len(found['failures'])}"
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
