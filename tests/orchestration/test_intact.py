"""A table is read again only when somebody may have changed it: edits are found as they were without that knowledge."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb
import pytest

from data_quality import contents, intact, warehouse
from tests.ingest_company import IngestCompany

HEADER = "order_id,ordered_at,amount\n"
ORDERS, MADE = ("raw", "orders"), ("kpi", "made")


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IngestCompany:
    """Orders that were taken in, and the table `kpi.made` that a build made; both were read and are intact."""
    ingest_company = IngestCompany(tmp_path)
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(ingest_company.data))
    monkeypatch.setenv("NYCKELTAL_SOURCE_DIR", str(ingest_company.source))
    monkeypatch.setenv("NYCKELTAL_NOW", "2026-03-05T06:00:00+00:00")
    ingest_company.feed("orders")
    ingest_company.write("orders/1.csv", f"{HEADER}A1,2026-01-05,10\nA2,2026-01-06,20\n")
    ingest_company.run()
    with warehouse.connect() as connection:
        connection.execute("create schema if not exists kpi; create table kpi.made as select 1 as n")
        contents.record(connection, [MADE])
        contents.of_feed(connection, "orders")
        assert intact.of(connection) == {ORDERS, MADE}
    return ingest_company


def found(*, as_fingerprint: bool = False) -> tuple[object, set[tuple[str, str]], set[tuple[str, str]]]:
    """The feed's edited files (or its content), the edited tables, and what was known to be intact before."""
    with warehouse.connect() as connection:
        known = intact.of(connection)
        look = contents.of_feed if as_fingerprint else contents.edited_files
        return look(connection, "orders"), contents.edited(connection, [MADE]), known


def by_hand(company: IngestCompany, statement: str) -> None:
    with duckdb.connect(str(company.data / "warehouse.duckdb")) as connection:
        connection.execute(statement)


def test_what_nobody_wrote_to_stays_known(company: IngestCompany) -> None:
    assert found() == ([], set(), {ORDERS, MADE})
    known_content, *_ = found(as_fingerprint=True)
    (company.data / "warehouse.intact").unlink()
    assert found(as_fingerprint=True) == (known_content, set(), set())
    assert found() == ([], set(), {ORDERS, MADE})


@pytest.mark.parametrize(
    ("statement", "files", "tables"),
    [
        ("update raw.orders set amount = 11 where order_id = 'A1'", ["orders/1.csv"], set()),
        ("insert into raw.orders (order_id) values ('A4')", ["?"], set()),
        ("update kpi.made set n = 2", [], {MADE}),
        ("create or replace table kpi.made as select 2 as n", [], {MADE}),
    ],
)
def test_an_edit_is_found_in_every_run(
    company: IngestCompany, statement: str, files: list[str], tables: set[tuple[str, str]]
) -> None:
    by_hand(company, statement)
    assert found() == (files, tables, set())
    company.run()
    assert found()[:2] == (files, tables)
    company.write("orders/2.csv", f"{HEADER}A3,2026-02-05,10\n")
    company.run()
    assert found()[:2] == (files, tables)


def test_what_ingest_adds_leaves_a_table_intact(company: IngestCompany) -> None:
    company.write("orders/2.csv", f"{HEADER}A3,2026-02-05,10\n")
    company.write("orders/1.csv", f"{HEADER}A1,2026-01-05,12\n")
    company.run()
    known_content, _, known = found(as_fingerprint=True)
    assert known == {ORDERS, MADE}
    (company.data / "warehouse.intact").unlink()
    assert found(as_fingerprint=True) == (known_content, set(), set())


def test_another_file_of_the_same_size_and_time_is_not_known(company: IngestCompany) -> None:
    file, copy = company.data / "warehouse.duckdb", company.data / "copy.duckdb"
    shutil.copy2(file, copy)
    by_hand(company, "update kpi.made set n = 2")
    stat = copy.stat()
    copy.replace(file)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert found() == ([], set(), set())


def test_after_an_error_nothing_is_known(company: IngestCompany) -> None:
    with pytest.raises(ZeroDivisionError), warehouse.connect() as connection:
        connection.execute("update kpi.made set n = 2")
        raise ZeroDivisionError
    assert found() == ([], {MADE}, set())


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": 1}', '{"state": null, "tables": [["raw", "orders"]]}'])
def test_a_damaged_file_of_names_counts_as_none(company: IngestCompany, content: str) -> None:
    (company.data / "warehouse.intact").write_text(content, encoding="utf-8")
    assert found() == ([], set(), set())


def test_what_is_known_stays_so_while_the_warehouse_is_kept_open_and_after_it(company: IngestCompany) -> None:
    more = ("kpi", "more")
    with warehouse.kept_open():
        with warehouse.connect() as connection:
            connection.execute("create table kpi.more as select 1 as n")
            contents.record(connection, [more])
        with warehouse.connect() as connection:
            assert intact.of(connection) == {ORDERS, MADE, more}
    assert found() == ([], set(), {ORDERS, MADE, more})
    by_hand(company, "update kpi.made set n = 2")
    with warehouse.kept_open():
        assert found() == ([], {MADE}, set())
    assert found() == ([], {MADE}, {ORDERS})


def test_a_feed_without_news_has_the_counts_of_a_new_count(company: IngestCompany) -> None:
    counts = "select * exclude (checked_at) from raw._feeds"
    counted = company.sql(counts)
    company.run()
    assert company.sql(counts) == counted
    by_hand(company, "update raw._feeds set rows_total = 99")
    company.run()
    assert company.sql(counts) == counted
    company.write("orders/2.csv", f"{HEADER}A3,2026-02-05,10\n")
    company.run()
    assert company.sql("select rows_total, newest_event::date::varchar from raw._feeds") == [(3, "2026-02-05")]
