"""Parquet, read and written with the types of its columns."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from riskclf.errors import FormatError
from riskclf.files import Replacement
from riskclf.language import Sentence
from riskclf.tables.cells import cell
from riskclf.tables.reading import Row, TableReader
from riskclf.tables.rejects import Reject
from riskclf.tables.writing import TableWriter

__all__ = [
    "ParquetReader",
    "ParquetWriter",
]

_PARQUET_BATCH = 64  # a file of kilobytes may repeat a text of megabytes in every record
_ROW_GROUP_ROWS = 1 << 16
_ROW_GROUP_BYTES = 1 << 26


class ParquetReader(TableReader):
    """Parquet, a batch of records at a time."""

    def _open(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self._file = pq.ParquetFile(self._stream)
            # Metadata (of pandas, of datasets) describes the columns as they were, without ours.
            self.schema = self._file.schema_arrow.remove_metadata()
        except UnicodeDecodeError:
            raise FormatError(f"{self.name}: the name of a column is not UTF-8") from None
        except (pa.ArrowException, OSError):
            raise FormatError(
                f"{self.name} is not a complete Parquet file: it is cut short or damaged"
            ) from None
        self.size = self._file.metadata.num_rows
        self._done = 0
        self._set_columns(self.schema.names)
        kinds = zip(self.columns, self.schema.types, strict=True)
        self.schema = pa.schema([pa.field(name, kind) for name, kind in kinds])
        for column in self._text_columns:
            kind = self.schema.field(column).type
            if pa.types.is_dictionary(kind):
                kind = kind.value_type
            is_text = (
                pa.types.is_string(kind)
                or pa.types.is_large_string(kind)
                or pa.types.is_string_view(kind)
                or pa.types.is_null(kind)
            )
            if not is_text:
                raise FormatError(f"{self.name}: column '{column}' holds {kind}, not text")

    @property
    def position(self) -> int:
        """How many records were read."""
        return self._done

    def _rows(self) -> Iterator[Row | Reject]:
        import pyarrow as pa

        batches = self._file.iter_batches(batch_size=_PARQUET_BATCH)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError):
                raise FormatError(
                    f"{self.name} is damaged after record {self._done}: what follows cannot be read"
                ) from None
            if batch is None:
                return
            batch = batch.rename_columns(list(self.columns))
            try:
                records: list[dict[str, Any] | None] = batch.to_pylist()
            except Exception:  # one bad value fails the batch, so take its rows one by one
                records = [None] * batch.num_rows
            for index, record in enumerate(records):
                self._done += 1
                if record is not None:
                    yield self._checked(self._done, record)
                else:
                    yield self._alone(batch.slice(index, 1))

    def _alone(self, batch: Any) -> Row | Reject:
        values = {}
        for index, column in enumerate(self.columns):
            try:
                values[column] = batch.column(index)[0].as_py()
            except UnicodeDecodeError:
                return Reject(
                    self._done, column, Sentence("it is not {encoding}", encoding="UTF-8")
                )
            except Exception:  # of many kinds: a date out of range, an unknown time zone ...
                reason = Sentence("it cannot be read: it may be out of range")
                return Reject(self._done, column, reason)
        return self._checked(self._done, values)


class ParquetWriter(TableWriter):
    """Parquet: the types of the input's columns are kept; where it has none they are strings."""

    def __init__(
        self,
        name: str,
        output: Replacement | None,
        columns: Sequence[str],
        added: Mapping[str, type],
        schema: Any,
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        super().__init__(name, output, columns, added)
        kinds = {str: pa.string(), float: pa.float64(), bool: pa.bool_(), int: pa.int64()}
        self._strings = columns if schema is None else ()
        try:
            if schema is None:
                schema = pa.schema([(column, pa.string()) for column in columns])
            for column, kind in added.items():
                schema = schema.append(pa.field(column, kinds[kind]))
        except UnicodeEncodeError:
            raise FormatError(
                f"{name}: Parquet cannot hold a column whose name has half of a surrogate pair"
            ) from None
        self._schema = schema
        self._waiting: list[Any] = []
        self._writer = pq.ParquetWriter(self._sink, schema)

    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        import pyarrow as pa

        records = [dict(row) for row in rows]
        for record in records:
            for name in self._strings:
                value = record.get(name)
                if value is not None:
                    record[name] = cell(value).encode("utf-8", "backslashreplace").decode()
        try:
            self._waiting.append(pa.Table.from_pylist(records, schema=self._schema))
        except (pa.ArrowException, OverflowError, ValueError, TypeError):
            raise FormatError(
                f"{self._name}: a value does not fit the type of its Parquet column; write JSON "
                "Lines instead"
            ) from None
        # Row groups of a useful size; a group for every call would bloat the file.
        if (
            sum(table.num_rows for table in self._waiting) >= _ROW_GROUP_ROWS
            or sum(table.nbytes for table in self._waiting) >= _ROW_GROUP_BYTES
        ):
            self._write_group()

    def _write_group(self) -> None:
        import pyarrow as pa

        if self._waiting:
            table = pa.concat_tables(self._waiting)
            self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
            self._waiting.clear()

    def _finish(self) -> None:
        self._write_group()
        self._writer.close()

    def close(self) -> None:
        """Let go of the file."""
        # Arrow would close it when it is collected, and fail, for the sink is closed by then.
        with contextlib.suppress(OSError, ValueError):
            self._writer.close()
        super().close()
