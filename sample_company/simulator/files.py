"""Writing deliveries: a whole file or none, the same bytes for the same content, delivered when the content says."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from sample_company.simulator.timeline import Days, Month
from sample_company.simulator.workbook import workbook

DELIVERY_HOUR_UTC = 4


class SourceFolder:
    """The folder in which the source systems leave their files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made: set[Path] = set()

    def put(self, path: str, content: bytes | memoryview, newest: date) -> None:
        """Write one file, delivered at 04:00 UTC on the day after `newest`, the last day that it has."""
        target = self.root / path
        if target.parent not in self._made:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(target.parent)
        unfinished = target.with_name(f".{target.name}.tmp")
        unfinished.write_bytes(content)
        delivered = datetime(newest.year, newest.month, newest.day, DELIVERY_HOUR_UTC, tzinfo=UTC) + timedelta(days=1)
        os.utime(unfinished, (delivered.timestamp(), delivered.timestamp()))
        unfinished.replace(target)

    def csv(self, path: str, table: pa.Table, newest: date, *, delimiter: str = ",") -> None:
        """A CSV file, gzipped when its name ends in .gz."""
        content: bytes | memoryview = memoryview(_csv(table, delimiter))
        if path.endswith(".gz"):
            content = gzip.compress(content, compresslevel=6, mtime=0)
        self.put(path, content, newest)

    def parquet(self, path: str, table: pa.Table, newest: date) -> None:
        """A Parquet file."""
        sink = pa.BufferOutputStream()
        pa.parquet.write_table(table, sink, compression="zstd")
        self.put(path, memoryview(sink.getvalue()), newest)

    def jsonl(self, path: str, frame: pd.DataFrame, newest: date) -> None:
        """A file with one JSON object a line."""
        text = frame.to_json(orient="records", lines=True, force_ascii=False) if len(frame) else ""
        self.put(path, text.encode(), newest)

    def excel(self, path: str, sheet: str, header: Sequence[str], rows: Iterable[Sequence[Any]], newest: date) -> None:
        """A workbook with one sheet and its header in row 1. Cells are text, numbers, dates or None."""
        self.put(path, workbook(sheet, header, rows), newest)


def _csv(table: pa.Table, delimiter: str) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(table, sink, pa.csv.WriteOptions(delimiter=delimiter, quoting_style="needed"))
    return sink.getvalue()


class DailyFiles:
    """One CSV file a day of rows that are produced a month at a time and may belong to later days."""

    def __init__(self, folder: SourceFolder, path: str) -> None:
        """`path` has `{day}` where the day goes."""
        self.folder = folder
        self.path = path
        self._days: list[Days] = []
        self._tables: list[pa.Table] = []

    def add(self, days: Days, columns: Mapping[str, Any]) -> None:
        """Rows and the local day of each."""
        self._days.append(days)
        self._tables.append(pa.table(dict(columns)))

    def write(self, month: Month, until: date) -> None:
        """Write the days of `month` through `until`; rows of later months wait for theirs."""
        days = np.concatenate(self._days)
        table = pa.concat_tables(self._tables)
        due = days <= np.datetime64(month.last)
        self._days, self._tables = [days[~due]], [table.filter(pa.array(~due))]
        order = np.flatnonzero(due)
        order = order[np.argsort(days[order], kind="stable")]
        ready = table.take(pa.array(order)).combine_chunks()
        known = month.days[month.days <= np.datetime64(until)]
        starts = np.searchsorted(days[order], known, side="left")
        ends = np.searchsorted(days[order], known, side="right")
        for day, start, end in zip(known.astype(object), starts, ends, strict=True):
            self.folder.csv(self.path.format(day=day), ready.slice(start, end - start), day)


def labels(index: npt.NDArray[Any], names: Sequence[str]) -> pa.Array:
    """The name behind each index; a negative index has none."""
    missing = index < 0
    codes = pa.array(np.where(missing, 0, index).astype(np.int32), mask=missing)
    return pa.DictionaryArray.from_arrays(codes, pa.array(list(names))).dictionary_decode()


def known(moments: npt.NDArray[np.datetime64], end: np.datetime64) -> npt.NDArray[np.datetime64]:
    """Moments that have come by `end`; later ones are NaT."""
    return np.where(moments < end, moments, np.datetime64("NaT")).astype(moments.dtype)
