"""A definition's hash changes with whatever could change a value, and with nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from conftest import copied_company

from metrics.company_plan import DefinedKpi, current_definition, raw_columns
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.definitions.company import Company
from metrics.versioning.lineage import Lineage
from orchestration.dbt import project
from orchestration.dbt.planning import planned as planned_of

CHOSEN = (
    "net_revenue",
    "average_order_value",
    "on_time_delivery",
    "headcount",
    "gender_pay_gap",
    "web_sessions",
    "mttr",
)


@dataclass
class Definitions:
    """The sample company's definitions over dbt's manifest, or over a changed one."""

    company: Company
    planned: dict[str, DefinedKpi]
    layer: SemanticLayer
    manifest: str
    folder: Path

    def lineage(self, change: Callable[[dict[str, Any]], None] = lambda _: None) -> Lineage:
        manifest = json.loads(self.manifest)
        change(manifest)
        file = self.folder / "manifest.json"
        file.write_text(json.dumps(manifest))
        return Lineage(file, raw_columns(self.company))

    def hashes(self, lineage: Lineage) -> dict[str, str]:
        return {name: current_definition(self.planned[name].plan.kpi, self.layer, lineage).hash for name in CHOSEN}

    def changed(self, model: str, *edits: tuple[str, str]) -> set[str]:
        """The KPIs whose hash differs after edits of a model's code, or of a macro's."""

        def change(manifest: dict[str, Any]) -> None:
            key = "macro_sql" if model.startswith("macro.") else "raw_code"
            node = manifest["macros"][model] if key == "macro_sql" else manifest["nodes"][f"model.nyckeltal.{model}"]
            for old, new in edits:
                assert old in node[key]
                node[key] = node[key].replace(old, new)

        return self.differing(change)

    def differing(self, change: Callable[[dict[str, Any]], None]) -> set[str]:
        """The KPIs whose hash differs after a change of the manifest."""
        after = self.hashes(self.lineage(change))
        return {name for name in CHOSEN if after[name] != self.before[name]}

    @cached_property
    def before(self) -> dict[str, str]:
        """The hashes before any change."""
        return self.hashes(self.lineage())


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Definitions]:
    folder = tmp_path_factory.mktemp("definitions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NYCKELTAL_DATA_DIR", str(folder))
        company = Company.load(copied_company({*CHOSEN, "cac", "new_customers", "near_misses_reported"}, folder))
        planned = {defined.plan.kpi.id: defined for defined in planned_of(company).kpis}
        target = project.workspace(company) / "compile" / "target"
        layer = SemanticLayer.read(target / "semantic_manifest.json")
        yield Definitions(company, planned, layer, (target / "manifest.json").read_text(), folder)


COLUMN = ("lines.quantity,", "lines.quantity,\n        lines.quantity * 2 as twice,")


@pytest.mark.parametrize(
    ("model", "edit"),
    [
        ("fct_order_lines", COLUMN),  # a new column in a shared mart
        ("fct_order_lines", ("lines.quantity,", "")),  # one less
        ("fct_order_lines", ("lines.is_return,\n        lines.quantity,", "lines.quantity, lines.is_return,")),
        ("stg_order_lines", ("from source", "-- as they were booked\n    from source")),
        ("stg_order_lines", ("select\n", "SELECT\n\n\n  {# by line #}")),
        ("stg_products", ("cast(name as varchar)", "upper(name)")),  # that no KPI reads
        (
            "stg_incidents",
            ("cast(opened_at as timestamp) as opened_at", "cast(null as timestamp) as opened_at, 1 as x"),
        ),
        ("dim_dates", ("interval 1 year,", "interval 1 year, -- ahead\n")),
    ],
)
def test_what_changes_no_value_changes_no_hash(definitions: Definitions, model: str, edit: tuple[str, str]) -> None:
    expected = {"mttr"} if model == "stg_incidents" else set()  # MTTR reads when it was opened
    assert definitions.changed(model, edit) == expected


AMOUNTS = {"net_revenue", "average_order_value"}
SALES = {"net_revenue", "average_order_value", "on_time_delivery"}


@pytest.mark.parametrize(
    ("model", "edit", "kpis"),
    [
        ("stg_order_lines", ("from source", "from source where quantity <> 0"), SALES),  # filter
        ("stg_order_lines", ("cast(net_amount as", "cast(net_amount * 2 as"), AMOUNTS),
        ("stg_orders", ("min(delivered_at)", "max(delivered_at)"), {"on_time_delivery"}),
        ("fct_order_lines", ("left join orders", "inner join orders"), SALES),  # join
        ("fct_orders", ("group by order_id", "group by order_id, is_return"), SALES - {"net_revenue"}),
        ("stg_products", ("cast(category as varchar)", "upper(category)"), {"net_revenue"}),  # a segment's members
        ("stg_employees", ("'Female'", "'F'"), {"gender_pay_gap"}),
        ("stg_employees", ("(valid_from as date)", "(valid_from + 1 as date)"), {"headcount", "gender_pay_gap"}),
        ("company", ("'SEK'", "'EUR'"), AMOUNTS | {"gender_pay_gap"}),
        ("macro.nyckeltal.to_reporting_currency", ("18, 4", "18, 2"), AMOUNTS | {"gender_pay_gap"}),
        ("macro.nyckeltal.period_end", ("interval 7 day", "interval 6 day"), set(CHOSEN)),  # of the compiled SQL
        ("fct_web_sessions", ("from sessions", "from sessions where session_date > {{ today() }}"), {"web_sessions"}),
    ],
)  # fmt: skip
def test_what_may_change_values_changes_their_hash(
    definitions: Definitions, model: str, edit: tuple[str, str], kpis: set[str]
) -> None:
    assert definitions.changed(model, edit) == kpis


@pytest.mark.parametrize(
    "code",
    ["{% if is_incremental() %}{% endif %}", "{{ var('x', 1) }}", "{{ this }}", "{{ config(pre_hook='select 1') }}"],
)
def test_a_model_that_asks_more_of_dbt_counts_as_a_whole(definitions: Definitions, code: str) -> None:
    needs_dbt = ("with lines", f"{code} with lines")
    assert definitions.changed("fct_order_lines", needs_dbt) == SALES

    def hashes(*edits: tuple[str, str]) -> dict[str, str]:
        def change(manifest: dict[str, Any]) -> None:
            node = manifest["nodes"]["model.nyckeltal.fct_order_lines"]
            for old, new in edits:
                node["raw_code"] = node["raw_code"].replace(old, new)

        return definitions.hashes(definitions.lineage(change))

    first, with_column = hashes(needs_dbt), hashes(needs_dbt, COLUMN)
    assert {name for name in CHOSEN if first[name] != with_column[name]} == SALES
    spaced = hashes(needs_dbt, ("lines.quantity,", "lines.quantity,  -- pieces\n"))
    assert spaced == first


def test_a_hook_or_a_type_in_a_properties_file_counts(definitions: Definitions) -> None:
    def hook(manifest: dict[str, Any]) -> None:
        manifest["nodes"]["model.nyckeltal.stg_orders"]["config"]["post-hook"] = [{"sql": "delete from {{ this }}"}]

    def rounded(manifest: dict[str, Any]) -> None:
        columns = manifest["nodes"]["model.nyckeltal.fct_order_lines"]["columns"]
        columns["net_amount"]["data_type"] = "decimal(18,0)"
        columns["quantity"]["data_type"] = "integer"

    assert definitions.differing(hook) == SALES
    assert definitions.differing(rounded) == AMOUNTS


def test_adopting_more_or_otherwise_is_no_other_definition(definitions: Definitions) -> None:
    kpi, lineage = definitions.planned["net_revenue"].plan.kpi, definitions.lineage()
    before = current_definition(kpi, definitions.layer, lineage).hash
    for changes in ({"owner": "ceo@x"}, {"segments": ()}, {"freqs": ("M",)}, {"to_date": False}, {"review": "monthly"}):
        adoption = kpi.adoption.model_copy(update=changes)
        assert current_definition(replace(kpi, adoption=adoption), definitions.layer, lineage).hash == before
    other_metric = replace(kpi, definition=kpi.definition.model_copy(update={"metric": "order_lines"}))
    assert current_definition(other_metric, definitions.layer, lineage).hash != before


def test_generated_code_that_reads_another_rollup_or_a_whole_table(definitions: Definitions) -> None:
    lineage = definitions.lineage()
    parts = lineage.parts({"a": "select day from {{ ref('rollup_of_another_kpi') }}"})
    assert set(parts) == {"a"}
    whole = lineage.parts(
        {"a": "select near_misses from {{ ref('fct_near_misses') }} as near_misses"}
    )  # a row as one value
    one_column = lineage.parts({"a": "select reported_date from {{ ref('fct_near_misses') }}"})
    assert set(whole) == set(one_column) == {"a", "fct_near_misses", "stg_near_misses"}
    assert "hazard" in whole["fct_near_misses"] and "hazard" not in one_column["fct_near_misses"]


def test_the_raw_columns_that_a_definition_reads(definitions: Definitions) -> None:
    lineage = definitions.lineage()
    one_column = lineage.feed_columns({"a": "select reported_date from {{ ref('fct_near_misses') }}"})
    assert one_column == {"near_misses": ("reported_on",)}
    whole = lineage.feed_columns(
        {"a": "select near_misses from {{ ref('fct_near_misses') }} as near_misses"}
    )  # a row as one value
    assert set(whole["near_misses"]) >= {"report_no", "reported_on", "site", "hazard"}
    rows = lineage.feed_columns({"a": "select count(*) as n from {{ ref('fct_near_misses') }}"})
    assert rows == {"near_misses": ()}
    mixed = {feed: [name.title() for name in names] for feed, names in raw_columns(definitions.company).items()}
    lineage = Lineage(definitions.folder / "manifest.json", mixed)  # which has Reported_On
    assert lineage.feed_columns({"a": "select reported_date from {{ ref('fct_near_misses') }}"}) == {
        "near_misses": ("Reported_On",)
    }


def test_a_kpi_covers_those_whose_totals_read_nothing_else(definitions: Definitions) -> None:
    """What segments read doesn't matter. Two flows of the same feeds don't cover each other."""
    cost, customers, orders = (definitions.planned[name] for name in ("cac", "new_customers", "average_order_value"))
    assert "channel" in customers.inputs["orders"]
    assert "channel" not in cost.inputs["orders"]
    assert cost.covers(customers) and not customers.covers(cost)
    assert not orders.covers(customers) and not customers.covers(orders)
