"""Whatever a table holds, it is written and read again without a change."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskclf.tables import create_table
from tests.tables.helpers import FORMATS, read

# A NUL character is refused in text files (test_reading).
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@pytest.mark.parametrize("format", [*FORMATS, "csv.gz", "jsonl.gz"])
@settings(max_examples=60)
@given(rows=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_any_texts_are_read_as_they_were_written(format: str, rows: list[tuple[str, str]]) -> None:
    written = [{"n": str(n), "text": x, "note": y} for n, (x, y) in enumerate(rows)]
    with TemporaryDirectory() as directory:
        path = Path(directory) / f"t.{format}"
        with create_table(path, columns=("n", "text", "note")) as writer:
            writer.write(written)
            writer.commit()
        got, rejects = read(path)
    assert rejects == []
    assert [row.values for row in got] == written
