"""On which column of members a column's sizes depend is decided from its values, and nothing is declared."""

from __future__ import annotations

from collections.abc import Iterator
from math import log

import duckdb
import numpy as np
import pytest

from data_quality.gate.profiles import column_kinds
from data_quality.gate.profiles.column_kinds import columns
from tests.warehouse_factory import orders_feed

# Ten orders on each of a thousand days, answered after a time that depends on the country. Those whose answer would
# come after the last day still wait for it, and are open.
ROWS = """
create table raw.orders as
select ordered_at, country, agent, amount, if(answered_at < last_day, answered_at, null) as answered_at,
    if(answered_at < last_day, if(hash(n) % 3 = 0, 'refused', 'done'), 'open') as status
from (
    select n, timestamp '2026-01-01' as last_day,
        timestamp '2026-01-01' - to_hours(24 * (n % 1000)) as ordered_at,
        ['SE', 'NO'][1 + n % 2] as country,
        ['Ada', 'Bo'][1 + n % 2] as agent,
        if(n % 2 = 0, 1, 1000)::double * (1 + n % 7) as amount,
        ordered_at + to_hours(if(n % 2 = 0, 30, 900) + n % 11) as answered_at
    from range(10000) as numbers(n)
)
"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as new_connection:
        new_connection.execute("create schema raw")
        new_connection.execute(ROWS)
        new_connection.execute(column_kinds.TABLE)
        yield new_connection


FEED = orders_feed(country="text", agent="text", amount="number", answered_at="timestamp", status="text")


def depends_on(connection: duckdb.DuckDBPyConnection, personal: dict[str, str]) -> dict[str, str | None]:
    decided = columns(connection, FEED.model_copy(update={"personal": personal}), ())
    return {name: column.depends_on for name, column in decided.items()}


def test_sizes_depend_on_what_tells_most_of_them(connection: duckdb.DuckDBPyConnection) -> None:
    dependencies = depends_on(connection, {"agent": "hash"})
    assert dependencies["amount"] == "country"
    assert {name for name, column in dependencies.items() if column} == {"amount", "answered_at"}


def test_no_size_depends_on_a_status_that_tells_whether_a_time_is_there(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("alter table raw.orders drop country")
    assert connection.execute("select avg((answered_at is null)::integer) from raw.orders").fetchone() == (0.02,)
    dependencies = depends_on(connection, {"agent": "hash"})
    assert dependencies["answered_at"] is None and dependencies["amount"] is None


def test_nothing_is_told_by_person(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("alter table raw.orders drop country")
    connection.execute("alter table raw.orders drop status")
    assert depends_on(connection, {})["amount"] == "agent"
    assert depends_on(connection, {"agent": "hash"})["amount"] is None


def test_what_depends_on_a_column_that_changed_is_decided_anew(connection: duckdb.DuckDBPyConnection) -> None:
    assert depends_on(connection, {"agent": "hash"})["amount"] == "country"
    connection.execute("alter table raw.orders drop status")
    connection.execute("alter table raw.orders alter country type integer using hash(country) % 1000")
    assert depends_on(connection, {"agent": "hash"})["amount"] is None


def test_a_number_that_no_kpi_takes_for_a_size_is_none(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("alter table raw.orders add order_no bigint")
    connection.execute("alter table raw.orders add line_no integer")
    connection.execute("update raw.orders set order_no = 1000 + rowid // 3, line_no = 1 + rowid % 3")

    def kinds(labels: set[str]) -> dict[str, str]:
        kind_by_column = {name: column.kind for name, column in columns(connection, FEED, labels).items()}
        return {name: kind_by_column[name] for name in ("order_no", "line_no", "amount")}

    sizes = {"order_no": "number", "line_no": "number", "amount": "number"}
    assert kinds(set()) == sizes
    assert kinds({"order_no", "line_no"}) == {"order_no": "filled", "line_no": "member", "amount": "number"}
    assert kinds(set()) == sizes  # as soon as a KPI calculates with them


def test_what_numbers_the_rows_is_decided_once_and_a_quantity_does_not(connection: duckdb.DuckDBPyConnection) -> None:
    """A line number runs on in its order, and a quantity that begins with 1 recurs there."""
    labels = {"order_no": "1000 + rowid // 3", "pieces": "1 + hash(rowid) % 2", "line_no": "1 + rowid % 3"}
    for name, value in labels.items():
        connection.execute(f"alter table raw.orders add {name} integer")
        connection.execute(f"update raw.orders set {name} = {value}")

    def numbered() -> dict[str, str]:
        decided = columns(connection, FEED, labels).items()
        return {name: column.numbered for name, column in decided if column.numbered is not None}

    assert numbered() == {"line_no": "order_no"}
    connection.execute("delete from raw.orders where hash(rowid) % 3 = 0")
    assert numbered() == {"line_no": "order_no"}
    connection.execute("alter table raw.orders drop order_no")
    assert numbered() == {}


def test_information_is_that_of_two_classings_less_what_chance_has() -> None:
    classes, n = np.array([0, 1, 0, 1]), np.array([25, 25, 25, 25])
    assert column_kinds._information(classes, classes, n) == pytest.approx(log(2) - 1 / 200)
    assert column_kinds._information(classes, np.array([0, 0, 1, 1]), n) == pytest.approx(-1 / 200)
