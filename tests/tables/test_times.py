"""Days and times in cells, as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskclf.tables import time_in

ZONES = st.builds(lambda n: timezone(timedelta(minutes=n)), st.integers(-12 * 60, 14 * 60))
TIMES = st.datetimes(timezones=st.none() | ZONES).map(lambda x: x.replace(fold=0))
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@given(TIMES, st.sampled_from([str, datetime.isoformat]))
def test_a_time_in_iso_8601_is_read_as_it_was_written(when: datetime, written: Any) -> None:
    found = time_in(written(when))
    assert isinstance(found, datetime)
    assert found == when
    assert found.utcoffset() == when.utcoffset()


@given(TIMES, st.booleans())
def test_the_forms_of_japanese_offices_are_the_same_times(when: datetime, is_full: bool) -> None:
    year, month, day, clock = f"{when.year:04}", when.month, when.day, f"{when.hour}:{when:%M:%S}"
    minute = when.replace(tzinfo=None, microsecond=0)
    for form in (f"{year}/{month}/{day}", f"{year}.{month}.{day}", f"{year}年{month}月{day}日"):
        written = form.translate(FULL_WIDTH) if is_full else form
        assert time_in(f" {written} ") == minute.date()
        assert time_in(f"{written} {clock}") == minute
        assert time_in(f"{written}　{clock}+09:00") == minute.replace(
            tzinfo=timezone(timedelta(hours=9))
        )


@given(st.text())
def test_any_text_is_a_time_or_none(text: str) -> None:
    assert time_in(text) is None or isinstance(time_in(text), date)


@pytest.mark.parametrize(
    "value",
    ["", "yesterday", "2026-02-30", "2026/4", "9:05", "4/1/2026", "2026-04-01 25:00", None,
     20260401, float("nan"), pd.NaT, ["2026-04-01"], True],
)  # fmt: skip
def test_what_is_no_time_is_none(value: Any) -> None:
    assert time_in(value) is None


@pytest.mark.parametrize(
    "value", [date(2026, 4, 1), datetime(2026, 4, 1, 9, tzinfo=UTC), pd.Timestamp("2026-04-01")]
)
def test_what_is_a_time_already_stays_as_it_is(value: date) -> None:
    assert time_in(value) is value
