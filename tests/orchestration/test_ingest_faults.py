"""Every kind of faulty input has one clear outcome, and stops no other feed. One run loads them all."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from datetime import date, datetime

import openpyxl
import pytest
from ingest_company import COLUMNS, IngestCompany

from orchestration.ingest import FeedReport

HEADER = "order_id,ordered_at,amount\n"
GOOD = HEADER + "A1,2026-11-01 10:00:00,10\n"


def _workbook(rows: list[list[object]], sheet: str = "Orders") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


EXCEL_ROWS = [
    ["order_id", "ordered_at", "amount", "shipped"],
    ["A1", datetime(2026, 11, 1, 10, 30), 10.5, date(2026, 11, 2)],
    [None, None, None, None],
    [17, "2026-11-02", 3, "soon"],
    ["A3", "the third", 3, None],
]
LINES = (
    '{"order_id": "A1", "ordered_at": "2026-11-01T10:00:00Z", "amount": 10.5, "tags": ["a", {"b": 1}]}\n'
    "\n"
    '{"order_id": "A2", "ordered_at": "2026-11-0\n'
    '{"order_id": "A3", "ordered_at": "2026-11-03T01:00:00+02:00", "amount": null, "vip": true}\n'
    "[1, 2]\n"
)

# feed: (files, what differs from a feed of CSV files, rows, rejected lines, outstanding, a note)
FilesOf = dict[str, str | bytes]
CASES: dict[str, tuple[FilesOf, dict[str, object], int, list[int | None], str | None, str | None]] = {
    "good": ({"1.csv": GOOD}, {}, 1, [], None, None),
    "missing": (
        {"1.csv": GOOD, "2.csv": GOOD.replace("amount", "amont")},
        {},
        1,
        [None],
        "missing/2.csv: column 'amount' is missing (the header has 3 columns; of the declared columns 'order_id', "
        "'ordered_at'); column 3 has a similar name",
        None,
    ),
    "semicolons": (
        {"1.csv": GOOD.replace(",", ";")},
        {},
        0,
        [None],
        "the file seems to be delimited by ';' and the feed says ',': set options.delimiter",
        None,
    ),
    "title_above": (
        {"1.csv": "Orders\n\n" + GOOD},
        {},
        0,
        [None],
        "the header seems to be in row 3: set options.header_row: 3",
        None,
    ),
    "below_title": ({"1.csv": "Orders\n\n" + GOOD}, {"options": {"header_row": 3}}, 1, [], None, None),
    "repeated": (
        {"1.csv": "order_id,ordered_at,amount,x,x\nA1,2026-11-01,1,a,b\n"},
        {},
        1,
        [],
        None,
        None,
    ),
    "repeated_declared": (
        {"1.csv": "order_id,ordered_at,amount,amount\nA1,2026-11-01,1,2\n"},
        {},
        0,
        [None],
        "column 'amount' is there twice; the second is column 4: declare that as 'amount_2'",
        None,
    ),
    "renamed_personal": (
        {"1.csv": GOOD},
        {"personal": {"email": "drop"}},
        0,
        [None],
        "column 'email' is missing",
        None,
    ),
    "fields": ({"1.csv": GOOD + "A2,2026-11-01\nA3,2026-11-01,1,2\nA4,2026-11-01,1\n"}, {}, 2, [3, 4], None, None),
    "half_line": ({"1.csv": GOOD + "A2,2026-1"}, {}, 1, [3], None, "1 row rejected: line 3, the row has 2 fields"),
    "half_quote": ({"1.csv": GOOD + 'A2,2026-11-01,"1'}, {}, 1, [3], None, "a quote is opened and not closed"),
    "open_quote": (
        {"1.csv": GOOD + 'A2,2026-11-01,"1\nA3,2026-11-01,1\nA4,2026-11-01,1\n'},
        {},
        0,
        [None],
        "line 3: a quote is opened and not closed until the end of the file",
        None,
    ),
    "not_utf8": (
        {"1.csv": GOOD.encode() + "Å1,2026-11-01,1\n".encode("latin-1")},
        {},
        0,
        [None],
        "byte 53 (0xc5) is not utf-8, the encoding that the feed declares; it may be cp1252",
        None,
    ),
    "utf16_unsaid": ({"1.csv": GOOD.encode("utf-16")}, {}, 0, [None], "byte 0 (0xff) is not utf-8", None),
    "utf16": ({"1.csv": GOOD.encode("utf-16")}, {"options": {"encoding": "utf-16"}}, 1, [], None, None),
    "latin1": (
        {"1.csv": (HEADER + "Å1,2026-11-01,1\n").encode("latin-1")},
        {"options": {"encoding": "latin-1"}},
        1,
        [],
        None,
        None,
    ),
    "no_encoding": ({"1.csv": GOOD}, {"options": {"encoding": "utf-9"}}, 0, [None], "no encoding 'utf-9'", None),
    "byte_mark": ({"1.csv": b"\xef\xbb\xbf" + GOOD.encode()}, {}, 1, [], None, None),
    "zero_bytes": ({"1.csv": b""}, {}, 0, [None], "zero_bytes/1.csv: the file is empty (0 bytes)", None),
    "header_only": ({"1.csv": HEADER, "2.csv": HEADER}, {}, 0, [], None, "1.csv and 1 more files: no rows"),
    "blank_lines": ({"1.csv": GOOD + "\n\nA2,2026-11-01,x\n\n"}, {}, 1, [5], None, None),
    "no_files": ({"1.cvs": GOOD}, {}, 0, [], "no file matches 'no_files/*.csv' below the source folder", None),
    "no_folder": ({}, {}, 0, [], "there is no folder 'no_folder'", None),
    "gzipped": ({"1.csv.gz": gzip.compress(GOOD.encode())}, {"path": "gzipped/*.gz"}, 1, [], None, None),
    "cut_gzip": (
        {"1.csv.gz": gzip.compress(GOOD.encode())[:-12]},
        {"path": "cut_gzip/*.gz"},
        0,
        [None],
        "the gzip file is incomplete or damaged",
        None,
    ),
    "bad_date": (
        {"1.csv": GOOD + "A2,2026-13-01,1\nA3,2026-11-01,1e\n"},
        {},
        1,
        [3, 4],
        None,
        "2 rows rejected: line 3, column ordered_at: the value is not a timestamp of the years 1 to 9999"
        " (like 2026-11-23 06:00:00)",
    ),
    "bad_personal": (
        {"1.csv": GOOD + "A2,2026-11-01,secret\n"},
        {"personal": {"amount": "hash"}},
        1,
        [3],
        None,
        "line 3, column amount: the value is not a decimal number",
    ),
    "twice": ({"1.csv": GOOD, "2.csv": GOOD}, {}, 1, [None], None, "twice/2.csv: same content as twice/1.csv"),
    "two_delimiters": ({"1.csv": GOOD}, {"options": {"delimiter": "||"}}, 0, [None], "must be one character", None),
    "bad_format": (
        {"1.csv": GOOD},
        {"columns": {**COLUMNS, "ordered_at": {"type": "timestamp", "format": "%Q"}}},
        0,
        [],
        "column ordered_at: the format '%Q' that the feed declares is not a format of strptime",
        None,
    ),
    "excel": (
        {"1.xlsx": _workbook(EXCEL_ROWS)},
        {
            "path": "excel/*.xlsx",
            "format": "excel",
            "options": {"sheet": "Orders"},
            "columns": {**COLUMNS, "shipped": "text"},
        },
        2,
        [5],
        None,
        "line 5, column ordered_at: the value is not a timestamp",
    ),
    "excel_title": (
        {"1.xlsx": _workbook([["Orders of the year"], [], *EXCEL_ROWS])},
        {"path": "excel_title/*.xlsx", "format": "excel"},
        0,
        [None],
        "the header seems to be in row 3: set options.header_row: 3",
        None,
    ),
    "excel_below": (
        {"1.xlsx": _workbook([["Orders of the year"], [], *EXCEL_ROWS])},
        {"path": "excel_below/*.xlsx", "format": "excel", "options": {"header_row": 3}},
        2,
        [7],
        None,
        None,
    ),
    "excel_sheet": (
        {"1.xlsx": _workbook(EXCEL_ROWS, "Order")},
        {"path": "excel_sheet/*.xlsx", "format": "excel", "options": {"sheet": "Orders"}},
        0,
        [None],
        "there is no sheet 'Orders'; sheets in the workbook: 1; the name of sheet 1 is similar",
        None,
    ),
    "no_excel": ({"1.xlsx": b"PK nonsense"}, {"path": "no_excel", "format": "excel"}, 0, [None], "can't be read", None),
    "json": (
        {"1.jsonl": LINES},
        {"path": "json/*.jsonl", "format": "jsonl", "columns": {**COLUMNS, "tags": "text", "vip": "text"}},
        2,
        [3, 5],
        None,
        "2 rows rejected: line 3, the line is not a JSON object",
    ),
    "json_missing": (
        {"1.jsonl": '{"order_id": "A1", "amout": 1}\n'},
        {"path": "json_missing/*.jsonl", "format": "jsonl"},
        0,
        [None],
        "column 'amount' is missing (the header has 2 columns; of the declared columns 'order_id'); column 2 has",
        None,
    ),
    "no_parquet": ({"1.parquet": GOOD}, {"path": "no_parquet", "format": "parquet"}, 0, [None], "not a Parquet", None),
}


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[IngestCompany, dict[str, FeedReport]]]:
    company = IngestCompany(tmp_path_factory.mktemp("company"))
    for name, (files, differs, *_) in CASES.items():
        company.feed(name, **differs)  # type: ignore[arg-type]
        for file, content in files.items():
            company.write(f"{name}/{file}", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NYCKELTAL_DATA_DIR", str(company.data))
        patch.setenv("NYCKELTAL_SOURCE_DIR", str(company.source))
        patch.setenv("NYCKELTAL_PSEUDONYM_KEY", "the key of this company")
        yield company, company.run()


@pytest.mark.parametrize("feed", CASES)
def test_outcome(ingested: tuple[IngestCompany, dict[str, FeedReport]], feed: str) -> None:
    company, reports = ingested
    _, _, rows, rejected_lines, outstanding, note = CASES[feed]
    report = reports[feed]
    assert (report.outstanding or "") == "" if outstanding is None else outstanding in (report.outstanding or "")
    assert report.rows_loaded == rows == company.sql(f"SELECT count(*) FROM raw.{feed}")[0][0]
    lines = company.sql(f"SELECT source_line FROM raw._rejected WHERE feed = '{feed}' ORDER BY 1")
    assert [line for (line,) in lines] == rejected_lines
    if note is not None:
        assert note in " | ".join(report.notes)
    assert company.sql(f"SELECT outstanding FROM raw._feeds WHERE feed = '{feed}'") == [(report.outstanding,)]


def test_values(ingested: tuple[IngestCompany, dict[str, FeedReport]]) -> None:
    company, _ = ingested
    assert company.sql("SELECT order_id, ordered_at, amount::DOUBLE, shipped, _source_line FROM raw.excel") == [
        ("A1", datetime(2026, 11, 1, 10, 30), 10.5, "2026-11-02", 2),
        ("17", datetime(2026, 11, 2), 3.0, "soon", 4),
    ]
    assert company.sql("SELECT order_id, ordered_at, amount::DOUBLE, tags, vip, _source_line FROM raw.json") == [
        ("A1", datetime(2026, 11, 1, 10), 10.5, '["a",{"b":1}]', None, 1),
        ("A3", datetime(2026, 11, 2, 23), None, None, "true", 4),
    ]
    assert company.sql("SELECT order_id FROM raw.latin1") == [("Å1",)]
    assert company.sql("SELECT row_text FROM raw._rejected WHERE feed IN ('bad_date', 'bad_personal') ORDER BY 1") == [
        ("A2,2026-13-01,1",),
        ("A3,2026-11-01,1e",),
        (None,),
    ]


def test_a_second_run_reports_the_same(ingested: tuple[IngestCompany, dict[str, FeedReport]]) -> None:
    company, first = ingested
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NYCKELTAL_DATA_DIR", str(company.data))
        patch.setenv("NYCKELTAL_SOURCE_DIR", str(company.source))
        patch.setenv("NYCKELTAL_PSEUDONYM_KEY", "the key of this company")
        patch.setattr("orchestration.ingest.load.land", None)  # nothing is new, so nothing may be loaded
        second = company.run()
    assert {name: report.outstanding for name, report in second.items()} == {
        name: report.outstanding for name, report in first.items()
    }
    assert sum(report.rows_loaded for report in second.values()) == 0
