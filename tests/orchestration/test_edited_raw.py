"""Rows of raw that were edited after ingest wrote them are found, whatever is delivered; a delivery is no edit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_quality import contents
from tests.examples import examples
from tests.ingest_company import IngestCompany

HEADER = "order_id,ordered_at,amount\n"
JANUARY, FEBRUARY = f"{HEADER}A1,2026-01-05,10\nA2,2026-01-06,20\n", f"{HEADER}A3,2026-02-05,10\n"
TODAY = f"{HEADER}A9,2026-03-05,10\n"


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IngestCompany:
    """Orders of two months, and products without a time column, taken in."""
    ingest_company = IngestCompany(tmp_path)
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(ingest_company.data))
    monkeypatch.setenv("NYCKELTAL_SOURCE_DIR", str(ingest_company.source))
    monkeypatch.setenv("NYCKELTAL_NOW", "2026-03-05T06:00:00+00:00")
    ingest_company.feed("orders")
    ingest_company.feed("products", columns={"product_id": "text", "price": "decimal"})
    ingest_company.write("orders/1.csv", JANUARY)
    ingest_company.write("orders/2.csv", FEBRUARY)
    ingest_company.write("products/all.csv", "product_id,price\np1,5\np2,6\n")
    ingest_company.run()
    return ingest_company


def edited(company: IngestCompany, feed: str = "orders") -> list[str]:
    with duckdb.connect(str(company.data / "warehouse.duckdb"), read_only=True) as connection:
        return contents.edited_files(connection, feed)


def edit(company: IngestCompany, statement: str) -> None:
    with duckdb.connect(str(company.data / "warehouse.duckdb")) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "files"),
    [
        ("update raw.orders set amount = 11 where order_id = 'A1'", ["orders/1.csv"]),
        ("update raw.orders set amount = 30 - amount where order_id < 'A3'", ["orders/1.csv"]),  # the sum is the same
        ("update raw.orders set amount = null where order_id = 'A3'", ["orders/2.csv"]),
        ("update raw.orders set ordered_at = ordered_at - interval 1 month where order_id = 'A3'", ["orders/2.csv"]),
        ("delete from raw.orders where order_id = 'A1'", ["orders/1.csv"]),
        ("delete from raw.orders where order_id = 'A3'", ["orders/2.csv"]),
        ("insert into raw.orders by name from raw.orders where order_id = 'A1'", ["orders/1.csv"]),
        ("insert into raw.orders (order_id, amount) values ('A4', 5)", ["?"]),
        ("update raw.orders set _source_file = 'orders/2.csv' where order_id = 'A1'", ["orders/1.csv", "orders/2.csv"]),
    ],
)
def test_an_edit_is_found_and_stays_so_whatever_is_delivered(
    company: IngestCompany, statement: str, files: list[str]
) -> None:
    edit(company, statement)
    assert edited(company) == files
    company.write("orders/9.csv", TODAY)
    company.run()
    assert edited(company) == files
    edit(company, "drop table raw.orders")
    company.run()
    assert edited(company) == [] and edited(company, "products") == []
    assert company.sql("select count(*) from raw.orders") == [(4,)]


def _late(company: IngestCompany) -> None:
    company.write("orders/9.csv", f"{HEADER}A9,2026-01-05,10\n")


def _corrected(company: IngestCompany) -> None:
    company.write("orders/1.csv", f"{HEADER}A1,2026-01-05,11\n")


def _emptied(company: IngestCompany) -> None:
    company.write("orders/1.csv", HEADER)


def _more_columns(company: IngestCompany) -> None:
    company.write("orders/9.csv", "order_id,ordered_at,amount,channel\nA9,2026-03-05,10,web\n")


def _other_price(company: IngestCompany) -> None:
    company.write("products/all.csv", "product_id,price\np1,5\np2,7\n")


def _gone(company: IngestCompany) -> None:
    (company.source / "orders/1.csv").unlink()


def _faulty_correction(company: IngestCompany) -> None:
    company.write("orders/1.csv", b"\xff\xfe\xff")


def _other_name(company: IngestCompany) -> None:
    company.write("orders/1b.csv", JANUARY)


def _other_declaration(company: IngestCompany) -> None:
    company.feed("orders", columns={"order_id": "text", "ordered_at": "timestamp", "amount": "number"})


DELIVERIES = [
    _late, _corrected, _emptied, _more_columns, _other_price, _gone, _faulty_correction, _other_name, _other_declaration
]  # fmt: skip


@pytest.mark.parametrize("deliver", DELIVERIES)
def test_what_is_delivered_is_no_edit(company: IngestCompany, deliver: Callable[[IngestCompany], None]) -> None:
    deliver(company)
    company.run()
    assert edited(company) == [] and edited(company, "products") == []
    company.run()
    assert edited(company) == [] and edited(company, "products") == []


def test_files_of_a_warehouse_made_before_get_their_content(company: IngestCompany) -> None:
    edit(company, "alter table raw._files drop column content")
    assert edited(company) == []
    company.run()
    edit(company, "update raw.orders set amount = 11 where order_id = 'A1'")
    assert edited(company) == ["orders/1.csv"]


rows = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", None])), max_size=6)


@examples(30)
@given(rows, rows)
def test_contents_are_equal_where_rows_are_in_whatever_order(
    first: list[tuple[int, str | None]], second: list[tuple[int, str | None]]
) -> None:
    with duckdb.connect() as connection:
        connection.execute("create table t (n integer, s varchar)")
        if first:
            connection.executemany("insert into t values (?, ?)", first)
        contents.record(connection, [("main", "t")])
        connection.execute("delete from t")
        if second:
            connection.executemany("insert into t values (?, ?)", second)
        equal = sorted(first, key=str) == sorted(second, key=str)
        assert contents.is_edited(connection, ("main", "t")) is not equal
