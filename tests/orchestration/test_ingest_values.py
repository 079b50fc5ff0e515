"""Conversion of texts to types, and line numbers of rows, without a warehouse."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.definitions.feeds import ColumnType, Feed
from orchestration.ingest.column_values import to_declared_type
from orchestration.ingest.faults import FileFault
from orchestration.ingest.parsing import quotes
from orchestration.ingest.parsing.chunk import Chunk
from orchestration.ingest.parsing.quotes import holds_lines, without_merged_rows
from orchestration.ingest.readers import csv as csv_reader
from tests.examples import examples

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
def test_texts_are_converted_to_types(declared: dict[str, Any], values: dict[str, object]) -> None:
    """All values together, which need the slow parsers, and each by itself, for which the quick ones may suffice."""
    for texts in [list(values), *([text] for text in values)]:
        column, wrong = to_declared_type(pa.chunked_array([pa.array(texts)]), ColumnType(**declared))
        expected = [values[text] for text in texts]
        assert column.to_pylist() == [None if value is BAD else value for value in expected]
        assert [False] * len(texts) if wrong is None else wrong.to_pylist() == [value is BAD for value in expected]


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


def test_many_values_of_several_lines_are_converted_in_one_call_per_column(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(column: pa.ChunkedArray, declared: ColumnType) -> tuple[pa.ChunkedArray, pa.ChunkedArray | None]:
        calls.append(len(column))
        return to_declared_type(column, declared)

    monkeypatch.setattr(quotes, "to_declared_type", counted)
    feed = FEED.model_copy(update={"columns": {"b": ColumnType(type="integer")}})
    notes = [f"see\nx,{'7' if number % 2 else 'seven'}\nbelow" for number in range(2000)]
    rows = pa.table({"a": notes, "b": ["1"] * len(notes)})
    text = "".join(f'"{note}",1\n' for note in notes).splitlines(keepends=True)
    chunk = Chunk(rows, pa.array(range(2, 6002, 3)))
    checked, is_uncertain = without_merged_rows(
        chunk, ["a", "b"], feed, lambda first, count: "".join(text[first - 2 : first - 2 + count])
    )
    assert not is_uncertain
    assert checked.rows.num_rows == 1000 and len(checked.unread) == 3000 and calls == [2000]


def _looks_merged(row: tuple[str, ...]) -> bool:
    return any(holds_lines(cell, place, ["a", "b\nb", "c"], FEED) for place, cell in enumerate(row))


def _read(
    path: Path, monkeyed_block: int | None = None
) -> tuple[list[dict[str, Any]], list[int], list[tuple[int, str]]]:
    rows, lines, unread = [], [], []
    with pytest.MonkeyPatch.context() as patch:
        if monkeyed_block:
            patch.setattr(csv_reader, "BLOCK_BYTES", monkeyed_block)
        for chunk in csv_reader.read(path, FEED, lambda _: None):
            rows += chunk.rows.to_pylist()
            lines += chunk.lines.to_pylist()
            unread += [(row.line, row.text) for row in chunk.unread]
    return rows, lines, unread


cells = st.text(st.sampled_from(list('ab,;"\n\r é')), max_size=6)
good = st.tuples(cells, cells, cells).filter(any).filter(lambda row: not _looks_merged(row))
ragged = st.lists(st.sampled_from(["x", "yy"]), min_size=4, max_size=5).map(tuple)


@examples(200)
@given(rows=st.lists(st.one_of(good, ragged, st.just(())), max_size=40), small_blocks=st.booleans())
def test_rows_and_their_lines(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], small_blocks: bool
) -> None:
    """Values with quotes and newlines are read back, and every row has the line on which it begins."""
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
    rows_read, lines, unread = _read(path, 512 if small_blocks else None)
    three = [(line, row) for line, row in expected if len(row) == 3]
    assert [tuple(row.values()) for row in rows_read] == [tuple(cell or None for cell in row) for _, row in three]
    assert lines == [line for line, _ in three]
    assert [line for line, _ in unread] == [line for line, row in expected if len(row) != 3]


TYPED = FEED.model_copy(
    update={
        "columns": {
            "order_id": ColumnType(type="text"),
            "ordered_at": ColumnType(type="date"),
            "amount": ColumnType(type="decimal"),
            "name": ColumnType(type="text"),
        }
    }
)
_CELLS = {
    "order_id": st.integers(0, 99).map("A{}".format),
    "ordered_at": st.integers(10, 28).map("2026-11-{}".format),
    "amount": st.integers(0, 99).map(str),
    "name": st.sampled_from(["x", "5 pan", "a, b", 'say "hi"', "", "long text here"]),
}


@st.composite
def with_stray_quotes(draw: st.DrawFn) -> str:
    """A file without values over several lines: some cells quoted, blanks after commas or not, and stray quotes."""
    names = draw(st.permutations(list(_CELLS)))
    blank = draw(st.sampled_from(["", " "]))
    lines = []
    for _ in range(draw(st.integers(2, 6))):
        cells = []
        for name in names:
            cell = draw(_CELLS[name])
            if draw(st.integers(0, 6)) == 0 or "," in cell or '"' in cell:
                cell = '"' + cell.replace('"', '""') + '"'
            if name in ("order_id", "name"):
                cell = draw(st.sampled_from([cell] * 5 + [f'"{cell}', f'{cell}"']))
            cells.append(cell)
        lines.append(",".join(cell if at == 0 or cell[:1] == '"' else blank + cell for at, cell in enumerate(cells)))
    return "\n".join([",".join(names), *lines, ""])


@examples(200)
@given(text=with_stray_quotes())
def test_no_line_is_lost_without_a_report(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Every line is a row or a rejected row, or the file is refused, or a note says that rows may be missing."""
    path = tmp_path_factory.mktemp("csv") / "f.csv"
    path.write_text(text)
    notes: list[str] = []
    reported_lines: set[int] = set()
    try:
        for chunk in csv_reader.read(path, TYPED, notes.append):
            reported_lines |= set(chunk.lines.to_pylist())
            for row in chunk.unread:
                reported_lines |= set(range(row.line, row.line + 1 + row.text.rstrip("\n").count("\n")))
    except FileFault:
        return
    assert reported_lines == set(range(2, 1 + text.count("\n"))) or notes == [quotes.UNCERTAIN]


words = st.text(st.sampled_from(list("abc 5,.;:-'\n")), max_size=30)


@examples(150)
@given(rows=st.lists(st.tuples(words, words), min_size=1, max_size=8))
def test_comments_of_several_lines_are_loaded(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    """With commas and doubled quotes in them, at either end of the row."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["comment", "order_id", "ordered_at", "amount", "name"])
    for number, (comment, name) in enumerate(rows):
        writer.writerow([f'{comment} "so"\n{comment}', f"A{number}", "2026-11-01", "5", name])
    path = tmp_path_factory.mktemp("csv") / "f.csv"
    path.write_bytes(text.getvalue().encode())
    columns = TYPED.columns | {"comment": ColumnType(type="text")}
    chunks = list(csv_reader.read(path, TYPED.model_copy(update={"columns": columns}), lambda _: None))
    assert [row for chunk in chunks for row in chunk.rows.column("order_id").to_pylist()] == [
        f"A{number}" for number in range(len(rows))
    ]
    assert not any(chunk.unread for chunk in chunks)
