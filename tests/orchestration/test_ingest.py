"""Ingest from source files to raw: repeated and corrected files, interrupted runs, and changed definitions."""

from __future__ import annotations

import gzip
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ingest_company import COLUMNS, IngestCompany

from metrics.core.deployment import PROJECT, warehouse_path
from metrics.core.errors import NyckeltalError
from orchestration.ingest import record
from orchestration.ingest.raw.bookkeeping import Bookkeeping

HEADER = "order_id,ordered_at,amount\n"
DAY1 = HEADER + "A1,2026-11-01 10:00:00,10.50\nA2,2026-11-01 11:00:00,20\nA2,2026-11-01 11:00:00,20\n"
DAY2 = HEADER + "B1,2026-11-02 10:00:00,5\n"
FILES = "SELECT _source_file, count(*), sum(amount) FROM raw.orders GROUP BY 1 ORDER BY 1"


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IngestCompany]:
    company = IngestCompany(tmp_path)
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(company.data))
    monkeypatch.setenv("NYCKELTAL_SOURCE_DIR", str(company.source))
    monkeypatch.setenv("NYCKELTAL_NOW", "2026-11-23T06:00:00+00:00")
    monkeypatch.delenv("NYCKELTAL_PSEUDONYM_KEY", raising=False)
    company.feed("orders")
    return company


def test_a_day_in_the_life_of_a_feed(company: IngestCompany) -> None:
    """A first delivery, nothing new, a new file, a touched file, a corrected file, an emptied file."""
    company.write("orders/1.csv", DAY1)
    company.feed("customers", columns={"id": "text", "born": "date"}, path="customers/*.csv")
    first = company.run()
    assert first["orders"].rows_loaded == 3 and first["orders"].watermark == date(2026, 11, 1)
    assert first["customers"].outstanding is not None
    assert company.sql("DESCRIBE raw.orders")[1][:2] == ("ordered_at", "TIMESTAMP")
    assert [row[:2] for row in company.sql("DESCRIBE raw.customers")] == [
        ("id", "VARCHAR"),
        ("born", "DATE"),
        ("_loaded_at", "TIMESTAMP WITH TIME ZONE"),
        ("_source_file", "VARCHAR"),
        ("_source_line", "BIGINT"),
    ]
    assert company.sql("SELECT * FROM raw.orders ORDER BY _source_line")[0] == (
        "A1",
        datetime(2026, 11, 1, 10),
        Decimal("10.5"),
        datetime(2026, 11, 23, 6, tzinfo=UTC),
        "orders/1.csv",
        2,
    )
    again = company.run()["orders"]
    assert (again.rows_loaded, again.files_new, again.files_unchanged, again.rows_total) == (0, 0, 1, 3)

    company.write("orders/2.csv", DAY2)
    company.write("orders/1.csv", DAY1, modified=1_795_000_000)
    second = company.run()["orders"]
    assert (second.rows_loaded, second.files_new, second.files_unchanged) == (1, 1, 1)
    newest = company.sql("SELECT newest_delivery FROM raw._feeds WHERE feed = 'orders'")[0][0]
    assert newest >= datetime.fromtimestamp(1_795_000_000, UTC)

    # Every row of a corrected file survives, also those that are equal to each other.
    company.write("orders/1.csv", HEADER + "A1,2026-11-01 10:00:00,11\n" * 4)
    company.run()
    assert company.sql(FILES) == [("orders/1.csv", 4, Decimal(44)), ("orders/2.csv", 1, Decimal(5))]
    company.write("orders/1.csv", HEADER)
    emptied = company.run()["orders"]
    assert company.sql(FILES) == [("orders/2.csv", 1, Decimal(5))]
    assert emptied.rows_total == 1 and emptied.outstanding is None
    assert "_files" in {row[0] for row in company.sql("SELECT table_name FROM duckdb_tables()")}
    assert stat.S_IMODE((company.data / "warehouse.duckdb").stat().st_mode) == 0o600
    assert not (company.data / "dlt").exists()


def test_a_faulty_correction_keeps_the_earlier_version_and_is_reported(company: IngestCompany) -> None:
    company.write("orders/1.csv", DAY1)
    company.run()
    company.write("orders/1.csv", DAY1.replace("amount", "amout"))
    for _ in range(2):
        report = company.run()["orders"]
        assert report.outstanding == (
            "orders/1.csv: column 'amount' is missing (the header has 3 columns; of the declared columns 'order_id', "
            "'ordered_at'); column 3 has a similar name"
        )
        assert report.rows_total == 3 and report.files_failed == 1
        assert company.sql("SELECT source_file, source_line FROM raw._rejected") == [("orders/1.csv", None)]
    company.write("orders/1.csv", DAY2)
    assert company.run()["orders"].outstanding is None
    assert company.sql(FILES) == [("orders/1.csv", 1, Decimal(5))] and company.sql("FROM raw._rejected") == []


def test_a_link_is_read_as_its_target(company: IngestCompany, tmp_path: Path) -> None:
    elsewhere = tmp_path / "exported.csv"
    elsewhere.write_text(DAY1)
    company.write("orders/1.csv", DAY2)
    (company.source / "orders" / "2.csv").symlink_to(elsewhere)
    assert company.run()["orders"].rows_total == 4
    elsewhere.unlink()
    assert "orders/2.csv" in str(company.run()["orders"].outstanding)


def test_an_unreadable_file_makes_only_days_doubtful_that_were_not_complete_before_it(company: IngestCompany) -> None:
    def doubtful() -> object:
        company.run()
        row = company.sql("SELECT outstanding IS NOT NULL, outstanding_from FROM raw._feeds WHERE feed = 'orders'")
        return row[0]

    def day(number: int) -> str:
        return HEADER + f"A{number},2026-11-{number},1\n"

    company.write("orders/README.csv", "what these files are\n")
    assert doubtful() == (True, None)  # no day was complete before it
    (company.source / "orders" / "README.csv").unlink()
    company.write("orders/1.csv", day(18) + "B,2026-11-19,1\n")
    assert doubtful() == (False, None)
    stray = company.write("orders/README.csv", "what these files are\n")
    assert doubtful() == (True, date(2026, 11, 20))
    company.write("orders/2.csv", day(20))
    company.write("orders/README.csv", "what these files are, in other words\n")
    for _ in range(2):
        assert doubtful() == (True, date(2026, 11, 20))  # its first day stays the day on which it came
    company.write("orders/1.csv", day(18).replace("amount", "amout"))
    assert doubtful() == (True, date(2026, 11, 18))  # a correction may have rows of all days of its file
    company.write("orders/1.csv", day(18))
    assert doubtful() == (True, date(2026, 11, 20))
    stray.unlink()
    assert doubtful() == (False, None)


def test_a_file_that_a_new_declaration_cannot_read_makes_all_days_doubtful(company: IngestCompany) -> None:
    company.write("orders/1.csv", DAY1)
    company.run()
    company.feed("orders", columns={"order_id": "text", "ordered_at": "timestamp", "amout": "decimal"})
    company.write("orders/2.csv", DAY1.replace("amount", "amout").replace("A", "B"))
    company.run()
    company.feed("orders", columns={"order_id": "integer", "ordered_at": "timestamp", "amount": "decimal"})
    company.run()
    assert company.sql("SELECT outstanding IS NULL, outstanding_from FROM raw._feeds") == [(False, None)]


def test_a_file_without_a_readable_row_replaces_nothing(company: IngestCompany) -> None:
    company.write("orders/1.csv", DAY1)
    company.run()
    company.write("orders/1.csv", HEADER + "A1,01.11.2026,10\nA2,01.11.2026,10\n")
    report = company.run()["orders"]
    assert report.rows_total == 3 and report.outstanding is not None
    assert "none of its 2 rows could be read: line 2, column ordered_at: the value is not a" in report.outstanding


def test_files_that_rotate_their_names(company: IngestCompany) -> None:
    """orders.csv is renamed to orders_1.csv before the next one comes; a copy under a third name is a duplicate."""
    company.write("orders/orders.csv", DAY1)
    company.run()
    company.write("orders/orders_1.csv", DAY1)
    company.write("orders/orders.csv", DAY2)
    company.write("orders/copy.csv", DAY2)
    report = company.run()["orders"]
    assert company.sql(FILES) == [("orders/orders.csv", 1, Decimal(5)), ("orders/orders_1.csv", 3, Decimal("50.5"))]
    assert report.notes == ("orders/copy.csv: same content as orders/orders.csv, not loaded",)
    assert report.outstanding is None
    assert company.sql("SELECT source_file, reason FROM raw._rejected") == [
        ("orders/copy.csv", "same content as orders/orders.csv")
    ]
    # The file that it was a duplicate of changes, so now it is loaded.
    company.write("orders/orders.csv", HEADER + "C1,2026-11-03 10:00:00,7\n")
    company.run()
    assert [row[0] for row in company.sql(FILES)] == ["orders/copy.csv", "orders/orders.csv", "orders/orders_1.csv"]


KILL = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob
from ingest_company import IngestCompany
from orchestration.ingest import load
from orchestration.ingest.raw.bookkeeping import Bookkeeping
def killed(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
copied = DuckDbCopyJob.run
setattr({owner}, {step!r}, {replacement})
company = IngestCompany(Path({folder!r}))
company.feed("orders")
company.run()
"""


@pytest.mark.parametrize(
    ("owner", "step", "replacement"),
    [
        ("DuckDbCopyJob", "run", "lambda job: (copied(job), killed())"),
        ("load", "record_ingest", "killed"),
        ("Bookkeeping", "record_feeds", "killed"),
    ],
    ids=["in the load", "before the record", "within the record"],
)
@pytest.mark.parametrize("earlier", [True, False], ids=["correction", "first"])
def test_a_killed_run_is_completed_by_the_next(
    company: IngestCompany, owner: str, step: str, replacement: str, earlier: bool
) -> None:
    if earlier:
        company.write("orders/1.csv", DAY1)
        company.run()
    company.write("orders/1.csv", DAY1.replace("10.50", "100"))
    company.write("orders/2.csv", DAY2 + "half")
    tests = str(PROJECT / "tests")
    script = KILL.format(
        tests=tests, owner=owner, step=step, replacement=replacement, folder=str(company.source.parent)
    )
    killed = subprocess.run([sys.executable, "-c", script], cwd=Path(tests).parent, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    expected_rows = [("orders/1.csv", 3, Decimal(140)), ("orders/2.csv", 1, Decimal(5))]
    assert company.sql("SELECT count(*) FROM raw._files") == [(int(earlier),)]
    report = company.run()["orders"]
    assert company.sql(FILES) == expected_rows
    assert report.rows_loaded == 4 and report.rows_rejected == 1
    assert company.sql("SELECT source_line, row_text FROM raw._rejected") == [(3, "half")]
    assert company.run()["orders"].rows_loaded == 0 and company.sql(FILES) == expected_rows


def test_rows_that_are_read_but_not_stored_are_an_error(
    company: IngestCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.write("orders/1.csv", DAY1)
    company.feed("other", columns={"order_id": "text"}, path="orders/*.csv")
    with monkeypatch.context() as patch:
        lost = Bookkeeping.row_counts
        patch.setattr(
            record.Bookkeeping,
            "row_counts",
            lambda self, feed, files: {} if feed == "orders" else lost(self, feed, files),
        )
        with pytest.raises(NyckeltalError, match=r"orders: orders/1\.csv: 3 rows read, 0 in raw"):
            company.run()
    assert company.sql("SELECT DISTINCT feed FROM raw._files") == [("other",)]
    company.run()
    assert company.sql("SELECT count(*) FROM raw.orders") == [(3,)]


def test_a_big_file_found_faulty_after_some_rows_is_removed(
    company: IngestCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.ingest.feed_reading.BATCH_ROWS", 100)
    monkeypatch.setattr("orchestration.ingest.readers.csv.BLOCK_BYTES", 8192)
    company.write("orders/1.csv", DAY1)
    rows = "".join(f"Z{number},2026-11-05,1\n" for number in range(2000))
    company.write("orders/big.csv", HEADER + rows + 'X,2026-11-05,"1\nY,2026-11-05,2\n')
    report = company.run()["orders"]
    assert company.sql(FILES) == [("orders/1.csv", 3, Decimal("50.5"))]
    assert report.outstanding == "orders/big.csv: line 2002: a quote is opened and not closed until the end of the file"
    assert report.rows_loaded == 3 and report.files_failed == 1


def test_a_warehouse_with_the_former_names_keeps_its_rejected_rows(company: IngestCompany) -> None:
    company.write("orders/1.csv", HEADER + "A1,2026-11-01,10\nA2,2026-11-01,ten\n")
    company.run()
    rejected = company.sql("FROM raw._rejected")
    with duckdb.connect(str(warehouse_path())) as connection:
        connection.execute("ALTER TABLE raw._rejected RENAME TO _set_aside")
        for table in ("_files", "_feeds"):
            connection.execute(f"ALTER TABLE raw.{table} RENAME COLUMN rows_rejected TO rows_set_aside")
    assert (company.run()["orders"].rows_loaded, company.sql("FROM raw._rejected")) == (0, rejected)
    assert len(rejected) == 1
    assert (
        company.sql("SELECT rows_rejected FROM raw._files UNION ALL SELECT rows_rejected FROM raw._feeds") == [(1,)] * 2
    )


def test_another_definition_reads_everything_again(company: IngestCompany, caplog: pytest.LogCaptureFixture) -> None:
    columns = {**COLUMNS, "email": "text", "customer": "integer"}
    head = "order_id,ordered_at,amount,email,customer\n"
    company.feed("orders", columns={"order_id": "text", "ordered_at": "timestamp", "amount": "text"})
    company.write("orders/1.csv", head + "A1,2026-11-01,10,a@b.se,7\nA2,2026-11-01,x,c@d.se,8\n")
    company.write("orders/2.csv", head + "B1,2026-11-02,5,a@b.se,07\n")
    company.run()
    assert company.sql("SELECT DISTINCT typeof(amount) FROM raw.orders") == [("VARCHAR",)]
    company.feed("orders", columns=columns, personal={"email": "drop", "customer": "hash"})
    report = company.run()["orders"]
    assert (report.outstanding, report.rows_loaded, report.rows_rejected) == (None, 2, 1)
    said = [record.getMessage() for record in caplog.records] + list(report.notes)
    assert sum("pseudonym.key" in text for text in said) == 1
    assert [row[0] for row in company.sql("DESCRIBE raw.orders")][:4] == [
        "order_id",
        "ordered_at",
        "amount",
        "customer",
    ]
    pseudonyms = {row[0] for row in company.sql("SELECT customer FROM raw.orders")}
    assert len(pseudonyms) == 1 and len(pseudonyms.pop()) == 32
    assert company.sql("SELECT reason, row_text FROM raw._rejected") == [
        ("column amount: the value is not a decimal number", None)
    ]
    # Rows of files that are no longer there can't be stored in another way: they stay, and this is reported.
    (company.source / "orders/1.csv").unlink()
    company.feed("orders", columns={**columns, "amount": "number"}, personal={"email": "drop", "customer": "hash"})
    report = company.run()["orders"]
    assert report.rows_total == 2 and report.outstanding is not None
    assert "column amount is decimal128(28, 8) there" in report.outstanding
    assert "no longer there ('orders/1.csv')" in report.outstanding


def test_pseudonyms(company: IngestCompany, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pseudonyms are the same in all feeds, and NULL stays NULL; with another key everything is read again."""
    for name, column in (("orders", "customer"), ("calls", "caller")):
        company.feed(name, columns={column: "text"}, personal={column: "hash", "email": "drop"})
    company.write("orders/1.csv", "customer,n,email\nanna-lisa,1,anna@lisa.se\n,2,\nanna-lisa,3\n")
    company.write("calls/1.csv", "email,caller,n\nanna@lisa.se,anna-lisa,1\nanna@lisa.se,bo,2\n")
    company.run()
    for stored in company.data.rglob("*"):
        assert stored.is_dir() or not re.search(b"anna.lisa", stored.read_bytes())
    assert company.sql("SELECT source_line, row_text FROM raw._rejected") == [(4, None)]
    key_file = company.data / "pseudonym.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    orders = company.sql("SELECT customer FROM raw.orders ORDER BY _source_line")
    calls = company.sql("SELECT caller FROM raw.calls ORDER BY _source_line")
    assert orders[1] == (None,) and orders[0] == calls[0] != calls[1]
    monkeypatch.setenv("NYCKELTAL_PSEUDONYM_KEY", "another key of the company")
    assert company.run()["orders"].rows_loaded == 2
    assert company.sql("SELECT customer FROM raw.orders ORDER BY _source_line")[0] != orders[0]


def test_watermarks(company: IngestCompany) -> None:
    company.feed("ahead")
    company.write("ahead/1.csv", HEADER + "A,2026-11-20,1\nB,2099-01-01,1\n")
    company.feed("delivered", watermark="delivery")
    # 23:30 UTC is the next day in Stockholm.
    company.write("delivered/1.csv", HEADER, modified=datetime(2026, 11, 19, 23, 30, tzinfo=UTC).timestamp())
    company.feed("stated", watermark={"complete_through": date(2026, 6, 30)})
    company.write("stated/1.csv", DAY1)
    company.feed("stated_ahead", watermark={"complete_through": date(2062, 6, 30)})
    company.write("stated_ahead/1.csv", DAY1)
    company.feed("delivered_ahead", watermark="delivery")
    company.write("delivered_ahead/1.csv", HEADER, modified=datetime(2042, 1, 1, tzinfo=UTC).timestamp())
    company.feed("nothing", watermark={"complete_through": date(2026, 6, 30)})
    company.feed("empty")
    company.write("empty/1.csv", HEADER)
    reports = company.run()
    assert {name: report.watermark for name, report in reports.items()} == {
        "orders": None,
        "ahead": date(2026, 11, 20),
        "delivered": date(2026, 11, 19),
        "stated": date(2026, 6, 30),
        "stated_ahead": date(2026, 11, 23),
        "delivered_ahead": date(2026, 11, 22),
        "nothing": None,
        "empty": None,
    }
    assert company.sql("SELECT newest_event, watermark, files, rows_total FROM raw._feeds WHERE feed = 'ahead'") == [
        (datetime(2026, 11, 20), date(2026, 11, 20), 1, 2)
    ]
    del company.feeds["ahead"]
    company.run("orders")
    assert company.sql("SELECT count(*) FROM raw._feeds WHERE feed = 'ahead'") == [(0,)]


def test_a_column_that_is_not_declared_is_not_stored(company: IngestCompany) -> None:
    company.write("orders/1.csv", "order_id,ordered_at,amount,email,a'b,email\nB1,2026-11-02,5,ann@example.com,x,\n")
    company.write(
        "orders/2.csv",
        "amount,order_id,Amount,ordered_at\n5,B1,app,2026-11-03\nx,B2,app,2026-11-03\nann@example.com,1\n",
    )
    company.run()
    assert company.sql("SELECT * EXCLUDE (_loaded_at) FROM raw.orders ORDER BY ALL") == [
        ("B1", datetime(2026, 11, 2), Decimal(5), "orders/1.csv", 2),
        ("B1", datetime(2026, 11, 3), Decimal(5), "orders/2.csv", 2),
    ]
    rejected = company.sql("SELECT source_line, row_text FROM raw._rejected ORDER BY 1")
    assert rejected == [(3, "x,B2,2026-11-03"), (4, None)]


def test_a_column_that_is_declared_later_is_read_from_all_files(company: IngestCompany) -> None:
    company.write("orders/1.csv", "order_id,ordered_at,amount,channel\nB1,2026-11-02,5,web\n")
    company.run()
    columns = dict(COLUMNS)
    company.feed("orders", columns={**columns, "channel": "text"})
    company.run()
    assert company.sql("SELECT order_id, channel FROM raw.orders") == [("B1", "web")]
    company.feed("orders", columns=columns)
    company.run()
    assert "channel" not in [name for (name,) in company.sql("SELECT column_name FROM (DESCRIBE raw.orders)")]


def test_raw_keeps_a_column_until_its_files_can_be_read_again(company: IngestCompany) -> None:
    company.feed("orders", columns={**COLUMNS, "email": "text"})
    first = company.write("orders/1.csv", "order_id,ordered_at,amount,email\nB1,2026-11-02,5,ann@example.com\n")
    company.run()
    first.unlink()
    company.write("orders/2.csv", "order_id,ordered_at,amount,email\nB2,2026-11-03,5,bo@example.com\n")
    company.feed("orders", columns=dict(COLUMNS))
    report = company.run()["orders"]
    assert report.outstanding == (
        "the feed's definition changed (1 of the columns there aren't declared (declare them to keep them)), and files"
        " that were loaded under the old one are no longer there ('orders/1.csv'): put them back, or drop table"
        " raw.orders to go on without their rows"
    )


def test_a_name_that_stands_twice_in_a_header_is_declared_with_a_number(company: IngestCompany) -> None:
    company.feed("orders", columns={**COLUMNS, "note": "text", "note_2": "text"})
    company.write("orders/1.csv", "order_id,note,ordered_at,amount,note\nB1,first,2026-11-02,5,second\n")
    company.run()
    assert company.sql("SELECT note, note_2 FROM raw.orders") == [("first", "second")]


def test_a_feed_of_parquet_files(company: IngestCompany) -> None:
    columns = {**COLUMNS, "n": "integer", "seen": "timestamp", "tags": "text"}
    company.feed("orders", path="orders", format="parquet", columns=columns)
    moment = datetime(2026, 11, 1, 12)
    nothing = {"seen": pa.array([None], pa.timestamp("us")), "tags": pa.nulls(1)}
    files = {
        "1": {"amount": pa.array([1.5]), "ordered_at": pa.array([moment], pa.timestamp("ns")), "n": pa.array([1])}
        | nothing,
        "2": {
            "amount": pa.array(["2.25"]),
            "ordered_at": pa.array([moment], pa.timestamp("ms", "Europe/Stockholm")),
            "n": pa.array([2], pa.int16()),
            "seen": pa.array([moment], pa.timestamp("us")),
            "tags": pa.array([["a", "b"]]),
        },
        "3": {"amount": pa.array([7]), "ordered_at": pa.array(["2026-11-01"]), "n": pa.array(["x"])} | nothing,
    }
    for name, columns in files.items():
        path = company.write(f"orders/{name}.parquet", b"")
        pq.write_table(pa.table({"order_id": pa.array([name]), **columns}), path)
    report = company.run()["orders"]
    query = "SELECT amount, ordered_at, n, seen, tags, _source_line FROM raw.orders ORDER BY order_id"
    assert company.sql(query) == [
        (Decimal("1.5"), moment, 1, None, None, 1),
        (Decimal("2.25"), moment, 2, moment, '["a","b"]', 1),
    ]
    assert report.outstanding == (
        "orders/3.parquet: none of its 1 row could be read: line 1, column n: the value is not a whole number"
    )


def test_remote_and_compressed_files(company: IngestCompany) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    store.pipe("/bucket/1.csv.gz", gzip.compress(DAY1.encode()))
    company.feed("orders", path="memory://bucket/*.csv.gz")
    assert company.run()["orders"].rows_loaded == 3
    assert company.sql("SELECT DISTINCT _source_file FROM raw.orders") == [("memory:///bucket/1.csv.gz",)]
    assert company.run()["orders"].files_unchanged == 1
    company.feed("nowhere", path="nosuch://bucket/*.csv")
    assert "can't be listed" in (company.run("nowhere")["nowhere"].outstanding or "")


def test_what_stops_a_run(company: IngestCompany, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NyckeltalError, match=r"there is no feed 'order' \(did you mean 'orders'"):
        company.run("order")
    company.run()
    hold = (
        f"import duckdb, time; c = duckdb.connect({str(company.data / 'warehouse.duckdb')!r}); print(1); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-uc", hold], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            with pytest.raises(NyckeltalError, match="another run is writing to"):
                company.run()
        finally:
            process.kill()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(NyckeltalError, match="data folder can't be written to"):
        company.run()
