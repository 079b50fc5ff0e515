"""Text to types, and rows to line numbers, without a warehouse."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.feeds import ColumnType, Feed
from orchestration.ingest import csv_reader, quotes
from orchestration.ingest.chunk import Chunk
from orchestration.ingest.column_values import typed
from orchestration.ingest.csv_reader import read_csv
from orchestration.ingest.quotes import swallows_lines, without_swallowing

D = Decimal
BAD = object()


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ({"type": "integer"}, {"12": 12, " 7 ": 7, "+5": 5, "12.0": 12, "": None, "1.5": BAD, "0x1F": BAD, "1e3": BAD}),
        ({"type": "integer"}, {"9223372036854775807": 2**63 - 1, "9223372036854775808": BAD}),
        ({"type": "integer", "thousands": ","}, {"2,146": 2146, "12": 12, "1,2": BAD, "1,234,567": 1234567}),
        ({"type": "decimal"}, {"10.50": D("10.5"), "-.5": D("-.5"), "1e3": D(1000), "1,5": BAD, "ten": BAD}),
        ({"type": "decimal"}, {"0.123456789": D("0.12345679"), "12345678901234567890.5": D("12345678901234567890.5")}),
        ({"type": "decimal"}, {"123456789012345678901": BAD, "nan": BAD}),
        ({"type": "decimal", "decimal": ","}, {"1,5": D("1.5"), "7": D(7), "1.5": BAD}),
        ({"type": "decimal", "decimal": ",", "thousands": "."}, {"1.234,5": D("1234.5"), "1.5": BAD, "1234": D(1234)}),
        ({"type": "number"}, {"1.5": 1.5, "1e-3": 0.001, "nan": BAD, "inf": BAD, " ": None}),
        ({"type": "boolean"}, {"true": True, "No": False, "Y": True, "0": False, "maybe": BAD, "": None}),
        ({"type": "date"}, {"2026-11-23": date(2026, 11, 23), "2026-02-30": BAD, "23/11/2026": BAD, "infinity": BAD}),
        ({"type": "date"}, {"2026-11-23 00:00:00": date(2026, 11, 23), "2026-11-23 06:00:00": BAD, "2026-1-3": BAD}),
        ({"type": "date", "format": "%d/%m/%Y"}, {"1/2/2026": date(2026, 2, 1), "31/02/2026": BAD, "x": BAD}),
        ({"type": "timestamp"}, {"2026-11-23T06:00": datetime(2026, 11, 23, 6), "2026-11-23": datetime(2026, 11, 23)}),
        (
            {"type": "timestamp"},
            {
                "2026-11-23T06:00:00Z": datetime(2026, 11, 23, 6),
                "2026-11-23 06:00:00.5+02:00": datetime(2026, 11, 23, 4, 0, 0, 500000),
                "2026-11-23 06:00:00 -0330": datetime(2026, 11, 23, 9, 30),
                "2026-11-23 06:00": datetime(2026, 11, 23, 6),
                "2026-13-01": BAD,
                "epoch": BAD,
            },
        ),
        (
            {"type": "timestamp", "format": "%d/%m/%Y %H:%M"},
            {"01/02/2026 24:00": BAD, "01/02/2026 10:30": datetime(2026, 2, 1, 10, 30)},
        ),
        ({"type": "timestamp", "format": "%d.%m.%Y %H:%M %z"}, {"01.02.2026 10:30 +0200": datetime(2026, 2, 1, 8, 30)}),
        ({"type": "text"}, {" as it is ": " as it is ", "": ""}),
    ],
)
def test_text_to_types(declared: dict[str, Any], values: dict[str, object]) -> None:
    """All together, where the slow parsers have to help, and each by itself, where the quick ones may do."""
    for texts in [list(values), *([text] for text in values)]:
        column, wrong = typed(pa.chunked_array([pa.array(texts)]), ColumnType(**declared))
        expected = [values[text] for text in texts]
        assert column.to_pylist() == [None if one is BAD else one for one in expected]
        assert [False] * len(texts) if wrong is None else wrong.to_pylist() == [one is BAD for one in expected]


FEED = Feed.model_validate(
    {
        "name": "f",
        "system": "s",
        "file": Path("f.yml"),
        "line": 1,
        "description": "",
        "path": "f.csv",
        "format": "csv",
        "columns": {"a": "text"},
        "history_from": date(2026, 1, 1),
        "watermark": "delivery",
    }
)


def test_many_values_of_several_lines_are_looked_at_by_column(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(column: pa.ChunkedArray, declared: ColumnType) -> tuple[pa.ChunkedArray, pa.ChunkedArray | None]:
        calls.append(len(column))
        return typed(column, declared)

    monkeypatch.setattr(quotes, "typed", counted)
    feed = FEED.model_copy(update={"columns": {"b": ColumnType(type="integer")}})
    notes = [f"see\nx,{'7' if number % 2 else 'seven'}\nbelow" for number in range(2000)]
    rows = pa.table({"a": notes, "b": ["1"] * len(notes)})
    kept = without_swallowing(Chunk(rows, pa.array(range(2, 6002, 3))), ["a", "b"], feed)
    assert kept.rows.num_rows == 1000 and len(kept.unread) == 3000 and calls == [2000]


def _looks_swallowed(row: tuple[str, ...]) -> bool:
    return any(swallows_lines(cell, place, ["a", "b\nb", "c"], FEED) for place, cell in enumerate(row))


def _read(
    path: Path, monkeyed_block: int | None = None
) -> tuple[list[dict[str, Any]], list[int], list[tuple[int, str]]]:
    rows, lines, unread = [], [], []
    with pytest.MonkeyPatch.context() as patch:
        if monkeyed_block:
            patch.setattr(csv_reader, "BLOCK_BYTES", monkeyed_block)
        for chunk in read_csv(path, FEED, [], lambda _: None):
            rows += chunk.rows.to_pylist()
            lines += chunk.lines.to_pylist()
            unread += [(one.line, one.text) for one in chunk.unread]
    return rows, lines, unread


cells = st.text(st.sampled_from(list('ab,;"\n\r é')), max_size=6)
good = st.tuples(cells, cells, cells).filter(any).filter(lambda row: not _looks_swallowed(row))
ragged = st.lists(st.sampled_from(["x", "yy"]), min_size=4, max_size=5).map(tuple)


@settings(max_examples=400, deadline=None)
@given(rows=st.lists(st.one_of(good, ragged, st.just(())), max_size=40), small_blocks=st.booleans())
def test_rows_and_their_lines(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], small_blocks: bool
) -> None:
    """Values with quotes and newlines come back, and every row knows the line on which it begins."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b\nb", "c"])
    expected: list[tuple[int, tuple[str, ...]]] = []
    for row in rows:
        so_far = text.getvalue()
        line = 1 + so_far.count("\n") + so_far.count("\r") - so_far.count("\r\n")
        if row:
            writer.writerow(row)
            expected.append((line, row))
        else:
            text.write("\n")
    path = tmp_path_factory.mktemp("csv") / "f.csv"
    path.write_bytes(text.getvalue().encode())
    found, lines, unread = _read(path, 512 if small_blocks else None)
    three = [(line, row) for line, row in expected if len(row) == 3]
    assert [tuple(one.values()) for one in found] == [tuple(cell or None for cell in row) for _, row in three]
    assert lines == [line for line, _ in three]
    assert [line for line, _ in unread] == [line for line, row in expected if len(row) != 3]
