"""Pruning a select keeps the rows of the columns that it is pruned to: checked by running both in DuckDB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.versioning.pruning import NotPruned, Pruned, Select
from tests.examples import examples

SCHEMA = {"raw": {"t": ("a", "b", "g", "d")}, "models": {"m": ("a", "k", "v")}}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as database:
        database.execute("create schema raw")
        database.execute("create schema models")
        database.execute(
            "create table raw.t as select i % 5 as a, i % 3 as b, i % 2 as g, i * 7 % 11 as d from range(40) r(i)"
        )
        database.execute("create table models.m as select i as a, i * 2 as k, i % 2 as v from range(-1, 4) r(i)")
        database.execute("insert into raw.t values (null, 1, null, 2)")
        yield database


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> Counter[Any]:
    return Counter(connection.execute(sql).fetchall())


def pruned(sql: str, *columns: str) -> Pruned:
    return Select(sql, SCHEMA, "raw").only(columns)


# Selects over raw.t or an inner select, each with the columns a, b, g, d; the last one may be anything.
INNER = st.sampled_from(
    [
        "select * from raw.t",
        "select a, b, g, d from raw.t where d > 3",
        "select t.a, m.k as b, t.g, m.v as d from raw.t left join models.m on t.a = m.a",
        "select distinct a, b, g, d from raw.t",
        "select * from raw.t union all by name select d, a, b, g from raw.t",
        "select distinct a, b, g, d from (select * from raw.t) as t",
        "select a, b, g, d from raw.t union all select d, g, b, a from raw.t",
        "select a, b, g, d from raw.t union select a, a, g, g from raw.t",
        "select a, b, g, d from raw.t except select a, b, g, 1 from raw.t",
        "select d, g, a, b from raw.t qualify row_number() over (partition by g order by a, b, d) < 4",
        "select a, sum(b) as b, g, count(*) as d from raw.t group by a, g having sum(d) > 5",
        "select a, max(b) as b, g, min(d) as d from raw.t group by 1, 3",
        "select a, max(b) as b, g, min(d) as d from raw.t group by all",
        "select sum(a) as a, max(b) as b, 1 as g, 2 as d from raw.t",
        "select a, unnest([b, d]) as b, g, d from raw.t",
        "select a + 1 as a, b, g, a * 2 as d from raw.t",
        "select b as a, a as b, g, g + 1 as d from raw.t limit 100",
        "select a, b, g, (select max(v) from models.m where m.a = t.a) as d from raw.t",
        "select a, b, g, d from raw.t where exists (select * from models.m where m.a = t.a and m.k > t.b)",
        "select a, b, g, d from raw.t semi join models.m using (a)",
        "select a, row_number() over (order by a, b, g, d) as b, g, lag(d) over (order by a, b, g, d) as d from raw.t",
        "select * exclude (d) replace (b + 1 as b), d * 2 as d from raw.t",
        "select a, b, g, d from (values (1, 2, 3, 4), (5, 6, 7, 8)) as t (a, b, g, d)",
        "select distinct on (a) a, b, g, d from raw.t order by a, b, g, d",
    ]
)
OUTER = st.sampled_from(
    [
        "select * from {}",
        "select a, b, g, d from {} where b > 0",
        "select a as d, d as a, g as b, b as g from {}",
        "select x.a, y.b, x.g, y.d from {} as x inner join {} as y on x.a = y.a and x.d = y.d",
        "select a, count(distinct b) as b, g, sum(d) as d from {} group by a, g",
        "select g as a, b, a as g, d from {} union all by name select a, b, g, d from {}",
        "select distinct a, b, g, d from {}",
        "select a, b + d as b, g, b * 2 as d from {}",
    ]
)


@examples(200)
@given(inner=INNER, middle=OUTER, outer=OUTER, columns=st.sets(st.sampled_from("abgd")))
def test_the_columns_that_a_select_is_pruned_to_keep_their_rows(
    connection: duckdb.DuckDBPyConnection, inner: str, middle: str, outer: str, columns: set[str]
) -> None:
    sql = (
        f"with one as ({inner}), two as ({middle.format('one', 'one')}), three as ({outer.format('two', 'two')}) "
        "select * from three"
    )
    try:
        pruned_select = Select(sql, SCHEMA, "raw").only(columns)
    except NotPruned:
        return
    names = ", ".join(sorted(columns)) or "1"
    assert rows(connection, pruned_select.sql) == rows(connection, f"select {names} from ({sql})")


@pytest.mark.parametrize(
    "sql",
    [
        "select a, nowhere as k from raw.t",
        "select * from raw.t natural join models.m",
        "select distinct * from raw.t",
        "with one as (select * from raw.t) select distinct * from one",
        "select * from raw.t union all select * from raw.t",
        "select * from raw.t union by name select * from raw.t",
        "(select * from raw.t union all by name select * from raw.t) union all select a, b, g, d from raw.t",
        "select *, count(*) as n from raw.t group by all",
        "select columns('a|b') from raw.t",
        "select a, hash(t) as h from raw.t",
        "select a, hash(one) as h from (select * from raw.t) as one",
        "with recursive one as (select 1 as a union all select a + 1 from one where a < 5) select a from one",
        "pivot raw.t on g using sum(b) group by a",
        "select a from raw.t join models.m on b = k and a = 1",
        "create table x as select 1 as a",
        "select a from",
    ],
)
def test_a_select_whose_columns_are_not_certain_is_not_pruned(sql: str) -> None:
    with pytest.raises(NotPruned):
        pruned(sql, "a")


def test_a_pruned_select_lists_the_columns_that_it_reads_by_table() -> None:
    sql = "with x as (select * from raw.t) select x.a, b as c, k from x left join models.m on x.a = m.a and m.v = 1"
    assert pruned(sql, "c").reads == {("raw", "t"): {"a", "b"}, ("models", "m"): {"a", "v"}}
    assert pruned("select count(*) as n from raw.t", "n").reads == {("raw", "t"): set()}
    with pytest.raises(NotPruned):
        pruned(sql, "nowhere")


SELECT = "with x as (select * from raw.t where d > 1) select a, sum(b) as b, max(d) as d from x group by a"


@pytest.mark.parametrize(
    "equal_select",
    [
        "with x as (select * from raw.t where d > 1) select max(d) as d, sum(b) as b, a from x group by a",
        "WITH x AS (\n  SELECT *  -- all\n  FROM raw.t WHERE d > 1\n) SELECT a, SUM(b) AS b, 1 AS d FROM x GROUP BY a",
        "with x as (select d, b, a from raw.t where d > 1) select a, sum(b) as b, count(*) as n from x group by 1",
    ],
)
def test_order_spacing_comments_and_unused_columns_are_no_difference(equal_select: str) -> None:
    assert pruned(SELECT, "a", "b").sql == pruned(equal_select, "a", "b").sql


@pytest.mark.parametrize(
    ("old", "new"), [("d > 1", "d > 2"), ("sum(b)", "max(b)"), ("raw.t", "models.m"), ("group by a", "group by a, g")]
)
def test_filters_expressions_tables_and_groupings_are_a_difference(old: str, new: str) -> None:
    schema = {"raw": SCHEMA["raw"], "models": {"m": SCHEMA["raw"]["t"]}}
    changed_select = Select(SELECT.replace(old, new), schema, "raw").only(["a", "b"])
    assert changed_select.sql != pruned(SELECT, "a", "b").sql
