"""The main job on the sample company, from source files to published tables, with the real dbt, DuckDB and Dagster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from conftest import LAST, Deployment

from metrics.compiler.semantic_layer import GRAINS, SemanticLayer
from metrics.core.deployment import PROJECT
from metrics.core.periods import later
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.kpis.kpi import standard_definitions
from orchestration.dbt import project
from tests.command_line import kpi_command

FEBRUARY_REVENUE = "kpi_id = 'net_revenue' and time_period = '2024-02' and segment = '_T'"
KPIS = Catalog.model_validate_json((PROJECT / "sample_company/compiled/catalog.json").read_text()).kpis
KPI_IDS = [kpi.kpi_id for kpi in KPIS]


def published(deployment: Deployment, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(deployment.data / "published" / "published.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def warehouse(deployment: Deployment, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(deployment.data / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def layer(deployment: Deployment) -> SemanticLayer:
    return SemanticLayer.read(project.target_dir(deployment.company) / "semantic_manifest.json")


def test_every_kpi_has_its_february(deployment: Deployment) -> None:
    values = {
        kpi_id
        for (kpi_id,) in published(
            deployment, "select distinct kpi_id from kpi.observations where time_period = '2024-02'"
        )
    }
    needs_a_year_before = {"revenue_growth_yoy", "new_customers", "repeat_purchase_rate", "cac", "inventory_turns"}
    assert values == {kpi.kpi_id for kpi in KPIS if "M" in kpi.freqs} - needs_a_year_before
    assert not deployment.build_failures


def test_february_has_closed_and_the_week_of_the_run_has_not_been_judged(deployment: Deployment) -> None:
    statuses = dict(
        published(
            deployment,
            """select time_period, obs_status from kpi.observations
           where kpi_id = 'web_sessions' and segment = '_T' and freq in ('M', 'W')""",
        )
    )
    assert statuses["2024-02"] == "A"
    assert "2024-03" not in statuses and "2024-W11" not in statuses


def test_net_revenue_is_what_plain_sql_over_the_raw_rows_gives(deployment: Deployment) -> None:
    expected = warehouse(
        deployment,
        """select round(sum(l.net_amount * r.rate), 0)
           from staging.stg_order_lines l
           join staging.stg_exchange_rates r on r.currency = l.currency and r.rate_date = l.line_date
           where l.line_date between '2024-02-01' and '2024-02-29'""",
    )
    value = f"select round(obs_value, 0) from kpi.observations where {FEBRUARY_REVENUE}"
    assert published(deployment, value) == [(float(expected[0][0]),)]


def test_revenue_by_country_and_channel_is_what_plain_sql_gives_and_adds_up(deployment: Deployment) -> None:
    expected = warehouse(
        deployment,
        """select o.country, o.channel, sum(l.net_amount * r.rate)::double
           from staging.stg_order_lines l
           join staging.stg_orders o using (order_id)
           join staging.stg_exchange_rates r on r.currency = l.currency and r.rate_date = l.line_date
           where l.line_date between '2024-02-01' and '2024-02-29' group by all order by all""",
    )
    by_both = "from kpi.by_channel_country_monthly where kpi_id = 'net_revenue' and time_period = '2024-02'"
    rows = published(deployment, f"select country, channel, obs_value {by_both} order by all")
    assert len(rows) > 4 and rows == [(*members, pytest.approx(value, rel=1e-6)) for *members, value in expected]
    for segment in ("country", "channel"):
        single = f"from kpi.by_{segment}_monthly where kpi_id = 'net_revenue' and time_period = '2024-02'"
        sums = published(deployment, f"select {segment}, sum(obs_value) {by_both} group by all order by all")
        members = published(deployment, f"select {segment}, obs_value {single} order by all")
        assert members == [(member, pytest.approx(value)) for member, value in sums]


def test_headcount_is_what_plain_sql_over_the_spells_gives(deployment: Deployment) -> None:
    expected = warehouse(
        deployment,
        """select count(distinct employee_id) from staging.stg_employees
           where spell_start <= '2024-02-29' and (spell_end is null or spell_end > '2024-02-29')""",
    )
    value = """select obs_value from kpi.observations
               where kpi_id = 'headcount' and time_period = '2024-02' and segment = '_T'"""
    assert published(deployment, value) == [(float(expected[0][0]),)]


@pytest.mark.parametrize("kpi_id", KPI_IDS)
def test_candidates_equal_direct_metricflow_queries(deployment: Deployment, layer: SemanticLayer, kpi_id: str) -> None:
    """The total of every frequency, and each segment of one, in turn: a model groups by all segments at once."""
    kpi = Catalog.read(deployment.company).kpi(kpi_id)
    cuts = [(freq, "_T") for freq in kpi.freqs]
    cuts += [(kpi.freqs[number % len(kpi.freqs)], segment) for number, segment in enumerate(kpi.segments)]
    compared = 0
    with duckdb.connect(str(deployment.data / "warehouse.duckdb"), read_only=True) as connection:
        for freq, segment in cuts:
            ours = _candidates(connection, kpi, freq, segment)
            theirs = _metricflow(connection, layer, kpi, freq, segment)
            # MetricFlow gives the value of a window, and of all days up to one, for months to come, too.
            if kpi.lookback or layer.metrics[kpi.metric].type.value == "cumulative":
                ours, theirs = _of_past_periods(ours, freq), _of_past_periods(theirs, freq)
            assert ours.keys() == theirs.keys(), f"{freq} {segment}"
            for key, value in theirs.items():
                assert ours[key] == pytest.approx(value, rel=1e-9, abs=1e-12), f"{freq} {segment} {key}"
            compared += len(theirs)
    assert compared > 0 or kpi.lookback


def _of_past_periods(values: dict[tuple[Any, str], float], freq: str) -> dict[tuple[Any, str], float]:
    return {key: value for key, value in values.items() if later(key[0], f"1 {GRAINS[freq]}") <= later(LAST, "1 day")}


def _candidates(
    connection: duckdb.DuckDBPyConnection, kpi: CatalogKpi, freq: str, segment: str
) -> dict[tuple[Any, str], float]:
    rows = connection.execute(
        f"""select period_start, member, obs_value from kpi.candidates
            where kpi_id = '{kpi.kpi_id}' and freq = '{freq}' and segment = '{segment}' and obs_value is not null"""
    ).fetchall()
    return {(start, member): value for start, member, value in rows}


def _metricflow(
    connection: duckdb.DuckDBPyConnection, layer: SemanticLayer, kpi: CatalogKpi, freq: str, segment: str
) -> dict[tuple[Any, str], float]:
    cut = [] if segment == "_T" else segment.split(":")
    freq_dimension = standard_definitions()[kpi.kpi_id][0].freq_dimension
    where = [f"{{{{ Dimension('{freq_dimension}') }}}} = '{freq}'"] if freq_dimension else []
    sql = layer.query_sql([kpi.metric], [f"metric_time__{GRAINS[freq]}", *cut], where)
    parts = ", ".join(f"coalesce(cast({part} as varchar), '_U')" for part in cut)
    member = f"concat_ws(':', {parts})" if cut else "'_T'"
    # MetricFlow has no conversion rate where nothing converted.
    is_conversion = layer.metrics[kpi.metric].type.value == "conversion"
    value = f"coalesce({kpi.metric}, 0)" if is_conversion else kpi.metric
    rows = connection.execute(
        f"""select cast(metric_time__{GRAINS[freq]} as date), {member}, cast({value} as double) from ({sql})
            where {value} is not null and metric_time__{GRAINS[freq]} is not null"""
    ).fetchall()
    return {(start, member): value for start, member, value in rows}


def test_a_second_run_appends_nothing(copied: Deployment) -> None:
    before = published(copied, "select count(*), max(sequence) from kpi.vintages")
    result = copied.run()
    assert result.release.release_id is None
    assert result.release.appended_observations == 0
    assert published(copied, "select count(*), max(sequence) from kpi.vintages") == before


def test_dagster_shows_which_months_were_published(deployment: Deployment) -> None:
    from dagster import AssetKey, DagsterInstance

    os.environ["DAGSTER_HOME"] = str(deployment.data / "dagster")
    with DagsterInstance.get() as instance:
        months = instance.get_materialized_partitions(AssetKey(["published", "net_revenue"]))
    assert months == {"2023-11", "2023-12", "2024-01", "2024-02"} - _months_held(deployment, "net_revenue")


def test_dagster_has_one_gate_result_per_kpi_that_names_the_held_periods(deployment: Deployment) -> None:
    from publishing.reader import held as held_back

    held_now = held_back()
    assert held_now
    for kpi_id in ("net_revenue", "energy_use", "headcount"):
        held = {row["time_period"] for row in held_now if row["kpi_id"] == kpi_id}
        result = _gate_result(deployment, kpi_id)
        assert result.partition is None and result.passed == (not held)
        assert set(result.metadata) == {"periods_held", *held}
        assert result.metadata["periods_held"].value == len(held)


def test_dagster_plots_the_published_months_and_none_of_a_protected_kpi(deployment: Deployment) -> None:
    for kpi_id, is_plotted in (("net_revenue", True), ("headcount", False)):
        values = published(
            deployment,
            f"""select time_period, obs_value from kpi.observations
                where kpi_id = '{kpi_id}' and freq = 'M' and segment = '_T'""",
        )
        materializations = _materializations(deployment, kpi_id)
        assert len(values) > 1 and materializations
        plotted = {
            month: metadata["value"].value for month, metadata in materializations.items() if "value" in metadata
        }
        assert plotted == ({month: value for month, value in values if month in materializations} if is_plotted else {})
        assert not any(
            isinstance(fact.value, int | float) for fact in materializations["2024-02"].values() if not is_plotted
        )


def test_a_month_of_one_kpi_can_be_materialised_and_is_published_with_the_others(copied: Deployment) -> None:
    from dagster import AssetKey, AssetSelection, DagsterInstance, define_asset_job

    from orchestration.definitions import build_defs

    selection = AssetSelection.assets(AssetKey(["published", "net_revenue"]))
    job = define_asset_job("one", selection=selection)
    definitions = build_defs(copied.company)
    os.environ["DAGSTER_HOME"] = str(copied.data / "dagster")
    with DagsterInstance.get() as instance:
        resolved = job.resolve(asset_graph=definitions.resolve_asset_graph())
        result = resolved.execute_in_process(
            instance=instance, partition_key="2024-02", resources=definitions.resources
        )
    assert result.success
    keys = {event.asset_key.path[-1] for event in result.all_events if event.is_step_materialization}
    assert {"net_revenue", "web_sessions"} <= keys


def _materializations(deployment: Deployment, kpi_id: str) -> dict[str, Any]:
    """By month the metadata of a published KPI's newest materialization."""
    from dagster import AssetKey, DagsterInstance

    os.environ["DAGSTER_HOME"] = str(deployment.data / "dagster")
    with DagsterInstance.get() as instance:
        records = instance.fetch_materializations(AssetKey(["published", kpi_id]), limit=1000).records
    return {str(event.partition_key): event.asset_materialization.metadata for event in reversed(records)}


def _months_held(deployment: Deployment, kpi_id: str) -> set[str]:
    held = warehouse(
        deployment,
        f"""select distinct strftime(period_end, '%Y-%m') from kpi.verdicts
            where kpi_id = '{kpi_id}' and verdict = 'hold'""",
    )
    return {month for (month,) in held}


def test_persons_of_protected_kpis_stay_in_the_warehouse(deployment: Deployment) -> None:
    small = published(
        deployment,
        """select count(*) from kpi.observations
           where kpi_id = 'turnover_rate' and obs_value is not null and numerator between 1 and 4""",
    )
    assert small == [(0,)]
    assert (
        published(
            deployment, "select count(*) from kpi.observations where kpi_id = 'turnover_rate' and obs_status = 'Q'"
        )[0][0]
        > 0
    )


def test_the_stores_have_their_file_modes(deployment: Deployment) -> None:
    assert deployment.open_to_others == frozenset()
    assert (deployment.data / "warehouse.duckdb").stat().st_mode & 0o777 == 0o600
    assert (deployment.data / "published").stat().st_mode & 0o777 == 0o755
    assert (deployment.data / "published" / "published.duckdb").stat().st_mode & 0o777 == 0o644
    assert not (deployment.data / "published" / "published.duckdb.wal").exists()


def test_a_run_leaves_the_company_folder_alone(deployment: Deployment) -> None:
    text = (PROJECT / "sample_company/models/staging/stg_orders.sql").read_text()
    assert "source('raw', 'orders')" in text and "create" not in text.lower().split("created")[0]


def test_show_prints_the_published_series(deployment: Deployment) -> None:
    shown = kpi_command("show", "net_revenue", "--segment", "country", "--last", "2", "--json")
    assert shown.returncode == 0, shown.stderr
    rows = json.loads(shown.stdout)
    assert {row["time_period"] for row in rows} == {"2024-01", "2024-02"}
    assert {row["member"] for row in rows} >= {"SE", "NO", "DK", "FI"}


def test_sql_answers_from_the_published_tables(deployment: Deployment) -> None:
    query = f"select obs_value, obs_status from kpi.observations where {FEBRUARY_REVENUE}"
    expected = published(deployment, query)
    as_json = kpi_command("sql", "--json", query)
    assert [tuple(row.values()) for row in json.loads(as_json.stdout)] == expected
    as_csv = kpi_command("sql", "--csv", query)
    assert as_csv.stdout == f"obs_value,obs_status\n{expected[0][0]},A\n"
    assert "obs_status" in kpi_command("sql", query).stdout


def test_a_data_folder_without_write_permission_is_reported_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from metrics.core.errors import NyckeltalError
    from orchestration.lock import writing

    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    (tmp_path / "run.lock").touch()
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    with pytest.raises(NyckeltalError, match="can't be written"), writing():
        pass


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "net_revenu"], "did you mean 'net_revenue'?"),
        (["show", "net_revenue", "--segment", "contry"], "did you mean 'country'?"),
        (["show", "turnover_rate", "--freq", "W"], "not published weekly"),
        (["run", "--period", "2026-13"], "there is no such period"),
        (["run", "--period", "1999-01"], "outside the company's history"),
        (["run", "--period", "2024-01", "--history"], "not both"),
        (["sql", "from kpi.observation"], 'Did you mean "observations"?'),
        (["sql", "delete from kpi.observations"], "one SELECT"),
        (["sql", "select ["], "syntax error"),
    ],
)
def test_wrong_arguments_are_reported_in_one_line(deployment: Deployment, arguments: list[str], message: str) -> None:
    result = kpi_command(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_run_while_another_one_writes_is_refused(deployment: Deployment) -> None:
    from orchestration.lock import writing

    command = [str(Path(sys.executable).with_name("kpi")), "run"]
    with writing():
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "another run is writing" in result.stderr


def test_a_corrected_file_revises_a_closed_month_once_someone_decides(copied: Deployment) -> None:
    path = copied.data / "sources/shop/order_lines/order_lines_2024-02-20.csv"
    lines = pd.read_csv(path)
    value = f"select obs_value from kpi.observations where {FEBRUARY_REVENUE}"
    before = published(copied, value)
    lines.assign(net_amount=(lines.net_amount * 0.95).round(2)).to_csv(path, index=False)
    of_january = copied.run(date(2024, 1, 1), date(2024, 1, 31))  # periods of other months that changed are judged, too
    held = {row.key: row for row in of_january.release.held}
    february = held["net_revenue", "M", "2024-02"]
    assert february.checks == ("closed_period",) and "closed on 2024-03-07" in february.reason
    assert published(copied, value) == before
    assert "2024-02" in _gate_result(copied, "net_revenue").metadata
    ours = [row for row in held.values() if row.kpi_id == "net_revenue" and "closed_period" in row.checks]
    assert [row.time_period for row in ours] == ["2024-W08", "2024-02"]
    for row in ours:
        arguments = ["release", row.kpi_id, row.time_period, "--reason", "rebate added", "--by", "cfo@nordvik.example"]
        result = kpi_command(*arguments)
        assert result.returncode == 0 and "recorded, not authenticated" in result.stdout, result.stderr
    after = published(copied, value)
    assert after[0][0] < before[0][0]
    assert not [row for row in copied.run().release.held if row.kpi_id == "net_revenue" and row in ours]
    assert "2024-02" not in _gate_result(copied, "net_revenue").metadata
    vintages = published(
        copied,
        f"select obs_value, revision_type from kpi.vintages where {FEBRUARY_REVENUE} order by sequence",
    )
    assert vintages == [(before[0][0], None), (after[0][0], "C")]


def _gate_result(deployment: Deployment, kpi_id: str) -> Any:
    """The newest result of a published KPI's gate in Dagster."""
    from dagster import AssetCheckKey, AssetKey, DagsterInstance

    os.environ["DAGSTER_HOME"] = str(deployment.data / "dagster")
    key = AssetCheckKey(AssetKey(["published", kpi_id]), "gate")
    with DagsterInstance.get() as instance:
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    return record.event.asset_check_evaluation
