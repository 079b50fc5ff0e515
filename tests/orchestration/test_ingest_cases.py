"""Inputs that real tools write and that were once read wrong without a report. One run loads them all."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ingest_company import COLUMNS, IngestCompany

from orchestration.ingest import FeedReport
from orchestration.ingest.parsing.quotes import UNCERTAIN

HEADER = "order_id,ordered_at,amount\n"
GOOD = HEADER + "A1,2026-11-01 10:00:00,10\n"
NAMED = {**COLUMNS, "name": "text"}
NAMED_HEADER = "order_id,ordered_at,amount,name\n"
ERRORS = ["#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"]


def _parquet(**columns: Any) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table(columns), content)
    return content.getvalue()


def _int96(moment: datetime) -> bytes:
    content = io.BytesIO()
    table = pa.table({"order_id": ["A"], "ordered_at": pa.array([moment], pa.timestamp("us")), "amount": [1]})
    pq.write_table(table, content, use_deprecated_int96_timestamps=True)
    return content.getvalue()


def _numbers_as_keys(*keys: float) -> bytes:
    """A workbook whose order_id is a number in each row."""
    book = openpyxl.Workbook()
    for row in (["order_id", "ordered_at", "amount"], *([key, datetime(2026, 11, 1), 1] for key in keys)):
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _workbook(values: list[Any], errors: list[str]) -> bytes:
    """A sheet with a row for each value of ordered_at, and one for each error there; the last error is in `note`."""
    book = openpyxl.Workbook()
    book.active.append(["order_id", "ordered_at", "amount", "note"])
    for number, value in enumerate([*values, *errors, "2026-11-09"], start=2):
        book.active.append([f"A{number}", value, 1, None])
        if value in errors:
            book.active.cell(row=number, column=2).data_type = "e"
    book.active.cell(row=number, column=4, value="#REF!").data_type = "e"
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _open_document() -> bytes:
    """A sheet with a repeated empty row, and an error in the row below it, behind a repeated empty cell."""

    def row(*cells: str, repeated: int = 1) -> str:
        return f'<table:table-row table:number-rows-repeated="{repeated}">{"".join(cells)}</table:table-row>'

    def cell(text: str, value_type: str = "string") -> str:
        attributes = f'office:value-type="string" office:string-value="" calcext:value-type="{value_type}"'
        if value_type != "error":
            attributes = attributes[:26]
        return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"

    spaces = {
        "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
        "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
        "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
        "calcext": "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0",
    }
    header = row(cell("x"), cell("y"), cell("order_id"), cell("ordered_at"), cell("amount"))
    empty = row("<table:table-cell/>", repeated=3)
    wrong = row('<table:table-cell table:number-columns-repeated="2"/>', cell("A"), cell("#REF!", "error"), cell("1"))
    good = row('<table:table-cell table:number-columns-repeated="2"/>', cell("B"), cell("2026-11-01"), cell("1"))
    names = " ".join(f'xmlns:{name}="{uri}"' for name, uri in spaces.items())
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as parts:
        parts.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        parts.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
        parts.writestr(
            "content.xml",
            f"<office:document-content {names}><office:body><office:spreadsheet>"
            f'<table:table table:name="S">{header}{empty}{wrong}{good}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return content.getvalue()


def _seconds(*years: int) -> pa.Array:
    """The first moments of those years as timestamps in seconds, in which they fit."""
    return pa.array(np.array([f"{year:04}-01-01" for year in years], "datetime64[s]"))


PARQUET: dict[str, Any] = {"format": "parquet"}
DAYS = pa.array([date(2026, 11, 1)] * 2)
# feed: (files, what differs from a feed of CSV files, order_ids in raw, rejected lines)
CASES: dict[str, tuple[dict[str, str | bytes], dict[str, Any], list[str | None], list[int]]] = {
    "excel_errors": (
        {"1.xlsx": _workbook([datetime(2026, 11, 1)], ERRORS)},
        {"path": "excel_errors/*.xlsx", "format": "excel"},
        ["A2", "A10"],
        [3, 4, 5, 6, 7, 8, 9],
    ),
    "excel_long_numbers": (
        {"1.xlsx": _numbers_as_keys(101, 12345678901234567890, 12345678901234567891)},
        {"path": "excel_long_numbers/*.xlsx", "format": "excel"},
        ["101"],
        [3, 4],
    ),
    "excel_declared": (
        {"1.XLSX": _workbook([], ["#N/A"])},
        {"path": "excel_declared/*.xlsx", "format": "excel", "options": {"null_values": ["", "#N/A"]}},
        ["A2", "A3"],
        [],
    ),
    "excel_unreadable": (
        {"1.xlsx": _workbook([], ["#GETTING_DATA"])},
        {"path": "excel_unreadable/*.xlsx", "format": "excel"},
        [],
        [],
    ),
    "open_document": ({"1.ods": _open_document()}, {"path": "open_document", "format": "excel"}, ["B"], [5]),
    "float_keys": (
        {
            "1.parquet": _parquet(order_id=[101, 102], ordered_at=DAYS, amount=[1, 2]),
            "2.parquet": _parquet(order_id=[103.0, 2.02e16], ordered_at=DAYS, amount=[1.0, None]),
            "3.parquet": _parquet(order_id=pa.array([104.0, 16777217.0], pa.float32()), ordered_at=DAYS, amount=[1, 2]),
            "4.parquet": _parquet(order_id=[Decimal("105.00"), Decimal("7.50")], ordered_at=DAYS, amount=[1, 2]),
            "5.parquet": _parquet(order_id=[1.5, float("nan")], ordered_at=DAYS, amount=[1, 2]),
        },
        {**PARQUET, "path": "float_keys/*.parquet"},
        ["101", "102", "103", "104", "105", "7.5"],
        [2, 2],
    ),
    "parquet_years": (
        {
            "1.parquet": _parquet(order_id=["A", "B"], ordered_at=_seconds(10000, 9999), amount=[1, 1]),
            "2.parquet": _parquet(order_id=["C", "D"], ordered_at=_seconds(0, 400000), amount=[1, 2]),
            "3.parquet": _parquet(order_id=["E", "F"], ordered_at=pa.array([2932897, 0], pa.date32()), amount=[1, 3]),
        },
        {**PARQUET, "path": "parquet_years/*.PARQUET"},
        ["B", "F"],
        [1, 1],
    ),
    "parquet_undeclared": (
        {"1.parquet": _parquet(order_id=["A", "B"], ordered_at=DAYS, amount=[1, 1], until=_seconds(2026, 10000))},
        {**PARQUET, "path": "parquet_undeclared"},
        ["A", "B"],
        [],
    ),
    "int96": ({"1.PARQUET": _int96(datetime(9999, 12, 31))}, {**PARQUET, "path": "int96"}, ["A"], []),
    "year_0": (
        {"1.csv": HEADER + "A,0000-01-01,1\nB,9999-12-31T23:30:00-01:00,1\nC,0001-01-01,1\n"},
        {},
        ["C"],
        [2, 3],
    ),
    "json_years": (
        {
            "1.jsonl": '{"order_id": "A", "ordered_at": "10000-01-01", "amount": 1}\n'
            '{"order_id": "B", "ordered_at": "0000-01-01"}\n'
        },
        {"path": "json_years/*.jsonl", "format": "jsonl"},
        [],
        [],
    ),
    "inches": (
        {
            "1.csv": NAMED_HEADER + 'A1,2026-11-01,1,"5 inch\nA2,2026-11-01,100,x\nA3,2026-11-01,1,6 inch"\n'
            'A4,2026-11-01,1,"a note\nof two lines, with a comma"\n'
        },
        {"columns": NAMED},
        ["A4"],
        [2, 3, 4],
    ),
    "addresses": (  # all columns are texts: nothing proves that a line in a value is a row
        {"1.csv": 'order_id,address\nA1,"Storgatan 1\nStockholm,Sweden\nEU"\nA2,"Storgatan 2\nMalmö,Sweden"\n'},
        {"columns": {"order_id": "text", "address": "text"}, "watermark": "delivery"},
        ["A1", "A2"],
        [],
    ),
    "inches_first": (
        {
            "1.csv": 'name,order_id,ordered_at,amount\n"5 inch,A1,2026-11-01,1\n6 inch",A2,2026-11-01,1\n'
            "x,A3,2026-11-01,1\n"
        },
        {"columns": NAMED},
        ["A3"],
        [2, 3],
    ),
    "inches_blanks": (  # blanks after commas
        {
            "1.csv": NAMED_HEADER + 'A1, 2026-11-01, 1,"5 inch\nA2, 2026-11-01, 100, x\nA3, 2026-11-01, 1, 6 inch"\n'
            'A4, 2026-11-01, 1,"a note\nof two lines, with a comma"\n'
        },
        {"columns": NAMED},
        ["A4"],
        [2, 3, 4],
    ),
    "inches_quoted": (  # a properly quoted cell in a merged line
        {
            "1.csv": 'order_id,name,ordered_at,amount\nA1,"5 inch,2026-11-01,1\nA2,"x, y",2026-11-01,100\n'
            'A3,"a\n""note""",2026-11-01,1\nA4,"5 inch,2026-11-01,1\nA5,"x",2026-11-01,100\n'
        },
        {"columns": NAMED},
        ["A3"],
        [2, 3, 6, 7],
    ),
    "inches_alone": (  # one column: lost rows can't be recognized, so a note says that rows may be missing
        {"1.csv": 'order_id\n"5 inch\nA2\n6 inch"\nA4\n'},
        {"columns": {"order_id": "text"}, "watermark": "delivery"},
        ["5 inch\nA2\n6 inch", "A4"],
        [],
    ),
    "inches_shifted": (  # the quote is closed in another column, so that the number of fields is wrong
        {
            "1.csv": 'name,order_id,ordered_at,amount\nx,A1,2026-11-01,1\n"5 inch,A2,2026-11-01,1\nx,A3,2026-11-01,1\n'
            '"6 inch",A4,2026-11-01,1\n'
        },
        {"columns": NAMED},
        ["A1"],
        [3, 4, 5],
    ),
    "header_quote": (
        {"1.csv": 'order_id,ordered_at,amount,"note\nA1,2026-11-01,1,x"\nA2,2026-11-01,1,y\n'},
        {},
        [],
        [],
    ),
    "upper_case": ({"1.CSV": GOOD, "2.Csv": GOOD.replace("A1", "A2"), "3.csv.gz": b"x"}, {}, ["A1", "A2"], []),
    "declared_signs": (
        {"1.csv": 'order_id,ordered_at,"am;\'ount"\nA,2026-11-01,1\nB,2026-11-01,x\n'},
        {"columns": {"order_id": "text", "ordered_at": "timestamp", "am;'ount": "decimal"}},
        ["A"],
        [3],
    ),
    "semicolon": (
        {"1.parquet": _parquet(order_id=["A"], ordered_at=DAYS[:1], amount=[1], **{"a;b'": ["x"], "\0": ["y"]})},
        {**PARQUET, "path": "semicolon/*.parquet", "columns": {**COLUMNS, "a;b'": "text", "\0": "text"}},
        ["A"],
        [],
    ),
}


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IngestCompany, dict[str, FeedReport]]]:
    company = IngestCompany(tmp_path_factory.mktemp("company"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NYCKELTAL_DATA_DIR", str(company.data))
        patch.setenv("NYCKELTAL_SOURCE_DIR", str(company.source))
        for name, (files, differs, *_) in CASES.items():
            company.feed(name, **differs)
            for file, content in files.items():
                company.write(f"{name}/{file}", content)
        yield company, company.run()


@pytest.mark.parametrize("feed", CASES)
def test_outcome(ingested: tuple[IngestCompany, dict[str, FeedReport]], feed: str) -> None:
    company, _ = ingested
    _, _, ids, rejected_lines = CASES[feed]
    assert [
        row for (row,) in company.sql(f"SELECT order_id FROM raw.{feed} ORDER BY _source_file, _source_line")
    ] == ids
    lines = company.sql(
        f"SELECT source_line FROM raw._rejected WHERE feed = '{feed}' AND source_line IS NOT NULL ORDER BY ALL"
    )
    assert [line for (line,) in lines] == rejected_lines


def test_notes_and_messages(ingested: tuple[IngestCompany, dict[str, FeedReport]]) -> None:
    company, reports = ingested
    reasons = company.sql("SELECT reason FROM raw._rejected WHERE feed = 'excel_errors' ORDER BY source_line")
    assert [reason for (reason,) in reasons] == [
        f"column ordered_at: cell B{line} holds the error {error}" for line, error in enumerate(ERRORS, start=3)
    ]
    assert company.sql("SELECT reason FROM raw._rejected WHERE feed = 'open_document'") == [
        ("column ordered_at: cell D5 holds the error #REF!",)
    ]
    assert "has cells with errors, so that it can't be read: B2 (#GETTING_DATA)" in str(
        reports["excel_unreadable"].outstanding
    )
    assert "5.parquet: none of its 2 rows could be read" in str(reports["float_keys"].outstanding)
    assert "opens a quote that a later line closes" in str(reports["header_quote"].outstanding)
    for feed in ("addresses", "inches_alone"):
        assert f"{feed}/1.csv: {UNCERTAIN}" in reports[feed].notes
    assert not any(UNCERTAIN in note for feed in ("inches", "inches_blanks") for note in reports[feed].notes)
    assert "not read, because 'upper_case/*.csv' doesn't match: '3.csv.gz'" in reports["upper_case"].notes
    assert company.sql("SELECT ordered_at FROM raw.int96") == [(datetime(9999, 12, 31),)]
    assert company.sql("SELECT am__ount::INTEGER FROM raw.declared_signs") == [(1,)]
    assert [row[0] for row in company.sql("DESCRIBE raw.semicolon")][3:5] == ["a_b_", "_"]


def test_rows_dated_ahead_move_no_watermark(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file of 5 February with day and month swapped, one with a row of 2042, and one from another time zone."""
    company = IngestCompany(tmp_path_factory.mktemp("ahead"))
    day = {name: datetime(2026, 2, int(name), 20, tzinfo=UTC).timestamp() for name in ("4", "5", "6")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NYCKELTAL_DATA_DIR", str(company.data))
        patch.setenv("NYCKELTAL_SOURCE_DIR", str(company.source))
        patch.setenv("NYCKELTAL_NOW", "2026-02-06T06:00:00+00:00")
        for feed, late in (("swapped", "2026-05-02"), ("far", "2042-01-01"), ("offset", "2026-02-06T02:00:00+01:00")):
            company.feed(feed)
            company.write(f"{feed}/4.csv", HEADER + "A,2026-02-04,1\n", day["4"])
            company.write(f"{feed}/5.csv", HEADER + f"B,{late},1\n", day["5"])
        reports = company.run()
        assert {name: report.watermark for name, report in reports.items()} == dict.fromkeys(reports, date(2026, 2, 4))
        # The same file touched later moves no watermark; the file of the next day does.
        patch.setenv("NYCKELTAL_NOW", "2026-06-01T06:00:00+00:00")
        company.write("swapped/5.csv", HEADER + "B,2026-05-02,1\n", datetime(2026, 5, 30, tzinfo=UTC).timestamp())
        company.write("far/6.csv", HEADER + "C,2026-02-06,1\n", day["6"])
        company.run()
        assert company.sql("SELECT feed, watermark FROM raw._feeds WHERE feed <> 'offset' ORDER BY feed") == [
            ("far", date(2026, 2, 6)),
            ("swapped", date(2026, 2, 4)),
        ]
