"""A table in memory (pandas, polars, Arrow) as rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from riskclf.errors import InputError
from riskclf.tables.wording import listed

__all__ = ["Frame", "FrameRows", "frame_rows"]

_CHUNK = 10_000


class Frame(Protocol):
    """A table that can be handed over as Arrow data, as that of pandas, polars or pyarrow."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """A stream of record batches."""


class FrameRows:
    """The rows of a table in memory as mappings; it can be read again and again."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self._is_pandas = hasattr(type(frame), "iloc")
        names = frame.columns if self._is_pandas else self._arrow().schema.names
        self.column_names = [str(name) for name in names]
        twice = sorted({x for x in self.column_names if self.column_names.count(x) > 1})
        if twice:
            raise InputError(
                f"data has more than one column named {listed(twice)}; rename all but one"
            )

    def __len__(self) -> int:
        return len(self._frame)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if not self._is_pandas:
            for batch in self._arrow():
                yield from batch.to_pylist()
            return
        # Not by way of Arrow, which takes no column of several types: a bad row is a reject.
        for start in range(0, len(self._frame), _CHUNK):
            part = self._frame.iloc[start : start + _CHUNK].astype(object)
            part = part.where(part.notna(), None)
            for values in part.itertuples(index=False, name=None):
                yield dict(zip(self.column_names, values, strict=True))

    def _arrow(self) -> Any:
        import pyarrow as pa

        return pa.RecordBatchReader.from_stream(self._frame)


def frame_rows(data: Any) -> FrameRows | None:
    """The rows of a data frame; None for what is none. A `datasets.Dataset` is rows already."""
    kind = type(data)  # since columns of pandas can be attributes
    is_table = hasattr(kind, "columns") or hasattr(kind, "column_names")
    if is_table and hasattr(kind, "__arrow_c_stream__") and not hasattr(kind, "features"):
        return FrameRows(data)
    return None
