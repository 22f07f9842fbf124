"""docs/trust.md says what the checks found, and no more."""

from __future__ import annotations

from tests.trust import CHECKS
from tests.trust.report import DOCUMENT, filled, read_results


def test_the_table_is_what_the_checks_found() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == filled(text, read_results())


def test_every_result_is_of_a_check_that_exists() -> None:
    assert set(read_results()) <= {check.name for check in CHECKS}


def test_a_failure_is_shown() -> None:
    name = CHECKS[0].name
    results = {name: {"counts": {"kills": 200}, "failures": ["a", "b"], "measured": {}, "day": "d"}}
    (row,) = (
        x for x in filled("<!-- checks -->\n<!-- /checks -->\n", results).splitlines() if name in x
    )
    assert "| 200 kills; d | 2 |" in row
