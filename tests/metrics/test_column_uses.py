"""The raw columns that the models' SQL joins by, and those that it uses as sizes, as the SQL itself shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from metrics.company_plan import CompanyPlan
from metrics.definitions.catalog import Join
from metrics.versioning.column_uses import ColumnUses, Uses
from metrics.versioning.lineage import Lineage
from orchestration.cli.commands import definitions

RAW = {
    "sales": ("SaleNo", "line_no", "customer", "ProductKey", "region", "pieces", "price", "sold_on"),
    "old_sales": ("SaleNo", "line_no", "customer", "ProductKey", "region", "pieces", "price", "sold_on"),
    "products": ("Id", "Kind", "weight"),
    "customers": ("customer", "region", "score"),
}
PRODUCTS = """select cast("Id" as varchar) as product_id, "Kind" as kind, weight from {{ source('raw', 'products') }}"""
SALES = """
with lines as (select * from {{ source('raw', 'sales') }})
select "SaleNo" as sale_id, "ProductKey" as product_id, customer, pieces, price, sold_on from lines
"""


@pytest.fixture
def lineage_of(tmp_path: Path) -> Any:
    def make(models: dict[str, str], *tests: dict[str, Any]) -> Lineage:
        def node(name: str, sql: str) -> dict[str, Any]:
            return {
                "name": name,
                "resource_type": "model",
                "raw_code": sql,
                "original_file_path": f"company/models/{name}.sql",
                "config": {"materialized": "table", "meta": {}, "contract": {"enforced": False}},
                "columns": {},
                "depends_on": {"macros": []},
            }

        nodes = {f"model.p.{name}": node(name, sql) for name, sql in models.items()}
        parents = {
            f"model.p.{name}": [f"model.p.{parent}" for parent in models if f"ref('{parent}')" in sql]
            + [f"source.p.raw.{feed}" for feed in RAW if f"source('raw', '{feed}')" in sql]
            for name, sql in models.items()
        }
        nodes |= {
            f"test.p.{number}": {"resource_type": "test", "name": "", **test} for number, test in enumerate(tests)
        }
        file = tmp_path / "manifest.json"
        file.write_text(json.dumps({"nodes": nodes, "parent_map": parents, "macros": {}}))
        return Lineage(file, RAW)

    return make


def uses(lineage: Lineage, kpi: str = "select count(*) as n from {{ ref('mart') }}") -> Uses:
    return ColumnUses(lineage).of({"kpi": kpi})


def mart(join: str) -> dict[str, str]:
    start = "select sales.sale_id, products.kind from {{ ref('stg_sales') }} as sales left join"
    return {"stg_products": PRODUCTS, "stg_sales": SALES, "mart": f"{start} {join}"}


SALES_TO_PRODUCTS = Join("sales", "ProductKey", "products", "Id")
PRODUCTS_TO_SALES = Join("products", "Id", "sales", "ProductKey")
ON = "{{ ref('stg_products') }} as products on"


@pytest.mark.parametrize(
    ("join", "expected"),
    [
        (f"{ON} sales.product_id = products.product_id", {SALES_TO_PRODUCTS, PRODUCTS_TO_SALES}),
        ("{{ ref('stg_products') }} as products using (product_id)", {SALES_TO_PRODUCTS, PRODUCTS_TO_SALES}),
        (
            f"{ON} products.kind <> 'x' and upper(trim(sales.product_id)) = coalesce(products.product_id, '?')",
            {SALES_TO_PRODUCTS, PRODUCTS_TO_SALES},
        ),
        (f"{ON} sales.product_id = products.product_id or products.kind = 'all'", set()),
        (f"{ON} not sales.product_id = products.product_id", set()),
        (f"{ON} sales.product_id >= products.product_id", set()),
        (f"{ON} regexp_extract(sales.product_id, '[0-9]+') = products.product_id", set()),
        (f"{ON} sales.sale_id || sales.product_id = products.product_id", set()),
        (f"{ON} products.kind = 'x'", set()),
    ],
)
def test_a_join_is_an_equality_of_columns_that_can_be_followed_to_their_feeds(
    lineage_of: Any, join: str, expected: set[Join]
) -> None:
    assert uses(lineage_of(mart(join))).joins == expected


def test_a_union_looks_up_by_each_of_its_parts_and_nothing_is_looked_up_in_it(lineage_of: Any) -> None:
    """A key that isn't in one part may be in another, as that of an order of last year."""
    union = """
    with both as (
        select * from {{ source('raw', 'old_sales') }} union all by name select * from {{ source('raw', 'sales') }}
    ),
    corrected as (
        select "SaleNo" as sale_id, "ProductKey" as product_id, customer from both
        union all
        select 'x' as sale_id, substr("ProductKey", 2) as product_id, null as customer from both
    )
    select sale_id, any_value(product_id) as product_id from corrected group by sale_id
    """
    joins = uses(lineage_of(mart(f"{ON} sales.product_id = products.product_id") | {"stg_sales": union})).joins
    assert joins == {SALES_TO_PRODUCTS, Join("old_sales", "ProductKey", "products", "Id")}
    # By position, not by name.
    crossed = """
    select "SaleNo" as sale_id, "ProductKey" as product_id from {{ source('raw', 'sales') }}
    union all
    select "ProductKey" as product_id, customer as sale_id from {{ source('raw', 'old_sales') }}
    """
    joins = uses(lineage_of(mart(f"{ON} sales.product_id = products.product_id") | {"stg_sales": crossed})).joins
    assert joins == {SALES_TO_PRODUCTS, Join("old_sales", "customer", "products", "Id")}


def test_a_coalesce_of_columns_looks_up_by_each_and_is_not_looked_up_in(lineage_of: Any) -> None:
    sql = """
    select count(*) as n from {{ source('raw', 'sales') }} as a
    left join {{ source('raw', 'old_sales') }} as b on a."SaleNo" = b."SaleNo"
    left join {{ source('raw', 'customers') }} as c on coalesce(a.customer, b.customer) = c.customer
    """
    joins = uses(lineage_of({"mart": sql})).joins
    assert {join for join in joins if "customers" in (join.feed, join.other_feed)} == {
        Join("sales", "customer", "customers", "customer"),
        Join("old_sales", "customer", "customers", "customer"),
    }


def test_rows_of_one_feed_joined_with_each_other_are_no_keys_of_another(lineage_of: Any) -> None:
    mart = "select a.customer from {{ source('raw', 'sales') }} as a, {} as b where a.customer = b.customer"
    assert uses(lineage_of({"mart": mart.replace("{}", "{{ source('raw', 'sales') }}")})).joins == set()
    joins = uses(lineage_of({"mart": mart.replace("{}", "{{ source('raw', 'customers') }}")})).joins
    assert {join.other_feed for join in joins} == {"customers", "sales"}


def test_a_relationships_test_ties_columns_of_what_the_kpi_reads(lineage_of: Any) -> None:
    models = {
        "stg_products": PRODUCTS,
        "stg_sales": SALES,
        "mart": "select s.sold_on, (select max(p.weight) from {{ ref('stg_products') }} as p) as most"
        " from {{ ref('stg_sales') }} as s",
        "other": "select * from {{ ref('stg_sales') }}",
    }
    arguments = {"column_name": "product_id", "to": "ref('stg_products')", "field": "product_id"}
    test = {"test_metadata": {"name": "relationships", "kwargs": arguments}, "attached_node": "model.p.stg_sales"}
    both = "select most, count(*) as n from {{ ref('mart') }} group by most"
    assert uses(lineage_of(models), both).joins == set()
    assert uses(lineage_of(models, test), both).joins == {SALES_TO_PRODUCTS, PRODUCTS_TO_SALES}
    assert uses(lineage_of(models, test), "select count(*) as n from {{ ref('other') }}").joins == set()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select sum(pieces) as n from {}", {"pieces"}),
        ("select count(distinct pieces) as n, min(sold_on) as d from {} group by price", {"sold_on"}),
        ("select pieces as n from {}", set()),  # only passed on
        ("select sum(p) as n from (select coalesce(pieces, 0) as p from {} where price > 0)", {"pieces", "price"}),
        ("select case when price = 1 then 2 end as n from {} where pieces in (1, 2)", set()),
        ("select avg(p) as n from (select case when price = 1 then pieces end as p from {})", {"pieces"}),
        ("select count(distinct p) as n from (select case when price = 1 then pieces end as p from {})", set()),
        ("select row_number() over (partition by price order by pieces) as n from {}", set()),
        ("select arg_min(customer, pieces) as n from {}", set()),
        ("select cast(pieces as varchar) || '-' || price as n from {}", set()),
        ("select sum(cast(n as integer)) as n from (select cast(pieces as varchar) as n from {})", set()),
        (
            "select sum(p) as n from (select price as p from {} union all select pieces as p from {})",
            {"pieces", "price"},
        ),
        ("select some_function(pieces) as n from {}", {"pieces"}),
        ("select max(pieces) as n from {} where price between 1 and 2", {"pieces", "price"}),
        ("select n from (pivot {} on pieces using sum(price) as n)", set(RAW["sales"])),  # can't be pruned
    ],
)
def test_a_size_is_what_the_sql_calculates_with_or_compares(lineage_of: Any, sql: str, expected: set[str]) -> None:
    lineage = lineage_of({"mart": sql.replace("{}", "{{ source('raw', 'sales') }}")})
    assert uses(lineage, "select count(n) as k from {{ ref('mart') }}").sizes == {("sales", name) for name in expected}


def test_the_sql_of_the_kpi_counts_too(lineage_of: Any) -> None:
    lineage = lineage_of({"mart": "select pieces as n, line_no as m from {{ source('raw', 'sales') }}"})
    kpi_uses = uses(lineage, "with a as (select n, m from {{ ref('mart') }}) select m, sum(n) as n from a group by m")
    assert kpi_uses.sizes == {("sales", "pieces")}


def test_a_model_that_counts_as_a_whole_is_named_with_the_statement_that_is_the_reason(
    lineage_of: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    pivoted = "with p as (pivot {{ source('raw', 'sales') }} on region using sum(pieces)) select * from p"
    lineage = lineage_of({"stg_products": PRODUCTS, "mart": pivoted, "hooked": PRODUCTS})
    lineage.nodes["model.p.hooked"]["config"]["pre-hook"] = [{"sql": "set x = 1"}]
    refs = ", ".join(f"{{{{ ref('{name}') }}}}" for name in ("mart", "hooked", "stg_products"))
    lineage.parts({"kpi": f"select count(*) as n from {refs}"})
    pivot = 'p AS (PIVOT "raw"."sales" ON region USING SUM(pieces))'
    models = CompanyPlan((), (), lineage, ()).models_counted_whole
    assert models == [
        {"model": "hooked", "file": "models/hooked.sql", "statement": "the hook set x = 1", "feeds": ["products"]},
        {"model": "mart", "file": "models/mart.sql", "statement": pivot, "feeds": ["sales"]},
    ]
    definitions._print_models_counted_whole(models)
    printed = " ".join(capsys.readouterr().out.split())
    assert f"models/mart.sql: the columns that it uses can't be determined, because of: {pivot}. Until" in printed
    assert "all columns of sales are checked" in printed
