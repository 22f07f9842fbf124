"""What Excel puts on the clipboard."""

from __future__ import annotations

import pytest

from riskclf.errors import InputError
from riskclf.review.pasting import rows_of


def test_without_a_header_the_columns_are_reference_text_and_time() -> None:
    assert rows_of("r1\t雨\r\nr2\t晴れ\t2026-01-31 18:00\r\n") == [
        {"reference": "r1", "text": "雨", "posted_at": None},
        {"reference": "r2", "text": "晴れ", "posted_at": "2026-01-31 18:00"},
    ]


@pytest.mark.parametrize("names", ["Text\tauthor\tReference", "本文\t投稿者\t参照"])
def test_a_header_sets_the_order_and_other_columns_are_not_read(names: str) -> None:
    assert rows_of(f"{names}\n雨\tsomebody\tr1\n") == [{"text": "雨", "reference": "r1"}]


def test_a_cell_may_hold_line_breaks_tabs_and_quotation_marks() -> None:
    (row,) = rows_of('r1\t"雨\n\tand ""sun"""\n')
    assert row["text"] == '雨\n\tand "sun"'


def test_a_lone_quotation_mark_swallows_no_row() -> None:
    assert [row["text"] for row in rows_of('r1\t"雨\nr2\t晴れ')] == ['"雨', "晴れ"]


@pytest.mark.parametrize(
    "pasted", ["", " \n\t", "only one column\n", "text\n雨\n", "reference\ttext"]
)
def test_what_holds_no_posts_is_refused(pasted: str) -> None:
    with pytest.raises(InputError):
        rows_of(pasted)
