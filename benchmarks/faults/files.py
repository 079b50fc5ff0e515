"""The source files of a fault world as tables: which file has which days, how to read, alter and write it.

This module knows the feeds' formats, and nothing about faults. It never changes a file in place, because the file may
be a hard link: it writes a new one.
"""

from __future__ import annotations

import gzip
import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from metrics.core.periods import Period, parse
from metrics.definitions.company import Company
from metrics.definitions.feeds import Feed
from sample_company.simulator.workbook import workbook

Change = Callable[[pd.DataFrame], pd.DataFrame]
_DAY_IN_NAME = re.compile(r"_(\d{4}-\d{2}-\d{2})\.")
_MONTH_IN_NAME = re.compile(r"_(\d{4}-\d{2})\.")
DELIVERED_BEFORE_NOW = timedelta(hours=2)


@dataclass(frozen=True)
class Span:
    """Days from `first` to `last`, both included."""

    first: date
    last: date


@dataclass(frozen=True)
class Files:
    """The files below `root`, the newest of them delivered shortly before `now`; `month` is the one to be faulted."""

    root: Path
    company: Company
    month: Period
    now: datetime

    @cached_property
    def rng(self) -> np.random.Generator:
        """Random numbers, the same at every run."""
        return np.random.default_rng(self.month.start.toordinal())

    @property
    def whole_month(self) -> Span:
        """The faulted month."""
        return Span(self.month.start, self.month.end)

    def middle(self, days: float) -> Span:
        """That many days of the month, from its 9th on, or from its 1st where they are too many."""
        first = self.month.start + timedelta(days=8 if days <= 20 else 0)
        return Span(first, min(first + timedelta(days=int(days) - 1), self.month.end))

    def tail(self, days: float) -> Span:
        """The month's last days and all that came after it."""
        return Span(self.month.end - timedelta(days=int(days) - 1), self.now.date())

    def earlier(self, months: int) -> Span:
        """The month that lies that many before the faulted one."""
        month = self.month.shift(-months)
        return Span(month.start, month.end)

    def with_days(self, feed: str, span: Span) -> Iterator[Path]:
        """The feed's files that may have rows of the span, by name. A file without a day in its name may have any."""
        for path in sorted(self.root.glob(self._feed(feed).path)):
            days = _days_of(path)
            if days is None or (days.first <= span.last and days.last >= span.first):
                yield path

    def edit(self, feed: str, change: Change, span: Span | None = None) -> None:
        """Applies a change to the feed's rows of those days (default: of the month). Other rows stay.

        `change` gets a table of its own: declared integers and decimals as numbers, all else as the file has it.
        """
        span = span or self.whole_month
        for path in self.with_days(feed, span):
            table = self.read(feed, path)
            inside = self._inside(self._feed(feed), path, table, span)
            if inside.any():
                changed = change(table[inside].reset_index(drop=True))
                rest = table[~inside]
                self.write(feed, path, pd.concat([rest, changed], ignore_index=True) if len(rest) else changed)

    def edit_whole(self, feed: str, change: Change) -> None:
        """Change all rows of the feed's files of the month, or of its only file."""
        for path in self.with_days(feed, self.whole_month):
            self.write(feed, path, change(self.read(feed, path)))

    def edit_bytes(self, feed: str, change: Callable[[bytes], bytes], span: Span | None = None) -> None:
        """Change the content of the files of the span, by default the whole month; `change` gets it unzipped."""
        for path in self.with_days(feed, span or self.whole_month):
            content = path.read_bytes()
            zipped = path.suffix == ".gz"
            changed = change(gzip.decompress(content) if zipped else content)
            self.put(path, gzip.compress(changed, mtime=0) if zipped else changed)

    def remove(self, feed: str, span: Span) -> None:
        """Leaves out the rows of those days; a file of a day is not delivered at all."""
        for path in list(self.with_days(feed, span)):
            if _DAY_IN_NAME.search(path.name):
                path.unlink()
        self.edit(feed, lambda rows: rows.iloc[:0], span)

    def read(self, feed: str, path: Path) -> pd.DataFrame:
        """The file's rows."""
        described = self._feed(feed)
        if described.format == "parquet":
            return pd.DataFrame(pa.parquet.read_table(path).to_pandas())
        if described.format == "excel":
            return pd.read_excel(path, sheet_name=str(described.options.sheet), engine="calamine", dtype=object)
        if described.format == "jsonl":
            table = pd.read_json(path, lines=True, dtype=False, convert_dates=False)
        else:
            options = described.options
            table = pd.read_csv(
                path,
                sep=options.delimiter,
                encoding=options.encoding,
                skiprows=options.header_row - 1,
                skip_blank_lines=False,
                dtype=str,
                keep_default_na=False,
                compression="infer",
            )
        for name, column in described.columns.items():
            if column.type in ("integer", "decimal") and name in table:
                text = (
                    table[name].astype(str).str.replace(column.decimal, ".") if column.decimal != "." else table[name]
                )
                table[name] = pd.to_numeric(text).astype("Int64" if column.type == "integer" else "Float64")
        return table

    def write(self, feed: str, path: Path, table: pd.DataFrame) -> None:
        """Writes the rows as the feed's files are written."""
        described = self._feed(feed)
        if described.format == "parquet":
            sink = io.BytesIO()
            pa.parquet.write_table(pa.Table.from_pandas(table, preserve_index=False), sink, compression="zstd")
            self.put(path, sink.getvalue())
            return
        if described.format == "excel":
            rows = ([_cell(value) for value in row] for row in table.itertuples(index=False, name=None))
            self.put(path, workbook(str(described.options.sheet), list(table.columns), rows))
            return
        if described.format == "jsonl":
            text = table.to_json(orient="records", lines=True, force_ascii=False) if len(table) else ""
        else:
            for name, column in described.columns.items():
                if column.decimal != "." and name in table and pd.api.types.is_numeric_dtype(table[name]):
                    table = table.assign(**{name: table[name].astype(str).str.replace(".", column.decimal)})
            text = table.to_csv(index=False, sep=described.options.delimiter, lineterminator="\n")
        content = self._before_header(feed, path) + text.encode(described.options.encoding)
        self.put(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)

    def _before_header(self, feed: str, path: Path) -> bytes:
        """The lines of the file that come before its header."""
        options = self._feed(feed).options
        if self._feed(feed).format != "csv" or options.header_row == 1 or not path.exists():
            return b""
        return b"".join(path.read_bytes().splitlines(keepends=True)[: options.header_row - 1])

    def put(self, path: Path, content: bytes) -> None:
        """Delivers a file: when its earlier version was, or just now where that one belongs to an earlier month."""
        days = _days_of(path)
        delivered = (self.now - DELIVERED_BEFORE_NOW).timestamp()
        if path.exists() and (days is None or days.last >= self.month.start):
            delivered = path.stat().st_mtime
        unfinished = path.with_name(f".{path.name}.tmp")
        unfinished.write_bytes(content)
        os.utime(unfinished, (delivered, delivered))
        unfinished.replace(path)

    def days(self, feed: str, table: pd.DataFrame) -> pd.Series:
        """The day of each row by the feed's time column, NaT where there is none."""
        described = self._feed(feed)
        name = str(described.time_column)
        form = described.columns[name].format or "ISO8601"
        written = None if table[name].dtype.kind == "M" else form
        return pd.to_datetime(table[name], format=written, errors="coerce").dt.normalize()

    def _inside(self, feed: Feed, path: Path, table: pd.DataFrame, span: Span) -> pd.Series:
        if _DAY_IN_NAME.search(path.name) or feed.time_column is None:
            return pd.Series(True, index=table.index)
        days = self.days(feed.name, table)
        return (days >= pd.Timestamp(span.first)) & (days <= pd.Timestamp(span.last))

    def _feed(self, name: str) -> Feed:
        return self.company.feeds[name]


def _days_of(path: Path) -> Span | None:
    """The days that a file has, by its name; None for a file that has everything."""
    if day := _DAY_IN_NAME.search(path.name):
        first = date.fromisoformat(day.group(1))
        return Span(first, first)
    if month := _MONTH_IN_NAME.search(path.name):
        period = parse(month.group(1))
        return Span(period.start, period.end)
    return None


def _cell(value: object) -> object:
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)) or value is pd.NA:
        return None
    return value.date() if isinstance(value, datetime) else value
