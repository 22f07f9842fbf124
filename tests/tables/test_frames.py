"""Data frames are read as the same rows as a list of dicts."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from riskclf.errors import InputError
from riskclf.tables.reading import Row
from riskclf.tables.sources import Source

ROWS: list[dict[str, Any]] = [
    {"text": "今日は雨", "label": "rain", "features": 1.5},
    {"text": None, "label": "sun", "features": 2.0},
    {"text": "Rain", "label": None, "features": 3.0},
]


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS).convert_dtypes(),
        pd.DataFrame(ROWS, index=["a", "b", "c"]),
        pa.Table.from_pylist(ROWS),
    ],
    ids=["rows", "pandas", "pandas-nullable", "pandas-index", "arrow"],
)
def test_a_data_frame_gives_the_rows_it_shows(data: Any) -> None:
    with ExitStack() as stack:
        source = Source(data, stack)
        assert source.columns == ("text", "label", "features")
        assert source.position() == (0, 3)
        assert [*source] == [Row(number, row) for number, row in enumerate(ROWS, start=1)]


def test_an_empty_data_frame_has_columns_and_no_rows() -> None:
    with ExitStack() as stack:
        source = Source(pd.DataFrame({"text": []}), stack)
        assert (source.columns, [*source]) == (("text",), [])


def test_a_column_of_several_types_and_objects_stays_as_it_is() -> None:
    soft = {"rain": 0.5, "sun": 0.5}
    frame = pd.DataFrame({"text": ["雨", 7], "label": ["rain", soft]})
    with ExitStack() as stack:
        values = [row.values for row in Source(frame, stack) if isinstance(row, Row)]
    assert values == [{"text": "雨", "label": "rain"}, {"text": 7, "label": soft}]


def test_what_is_no_table_is_refused_in_one_line() -> None:
    for data in (pd.DataFrame([["a", "b"]], columns=["text", "text"]), pd.Series(["a"]), 7, None):
        with ExitStack() as stack, pytest.raises(InputError) as caught:
            Source(data, stack)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
