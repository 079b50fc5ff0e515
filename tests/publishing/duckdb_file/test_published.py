"""The published file: its content, that crashes leave it whole, and no small cell of a protected KPI."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable, write_deltalake

from data_quality.gate import verdict
from data_quality.gate.verdict import CheckResult
from data_quality.ledger.lock import releasing
from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import verify
from metrics.core import deployment
from metrics.core.errors import NyckeltalError
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from metrics.definitions.feeds import Feed
from metrics.definitions.kpis.adoption import EarlierTarget
from orchestration.cli import app
from publishing import duckdb_file
from publishing import reader as lookups
from publishing.duckdb_file import rendering
from publishing.duckdb_file.views import views
from tests import warehouse_factory
from tests.ledger_factory import append, observation
from tests.warehouse_factory import Warehouse, cells, cells_of, kpi

SPAN = ("2026-01-01", "2026-02-28")
GOOD = {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(110, SE=80, NO=30)}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse with two judged months, and January published."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("judged"), patch)
        warehouse.add(kpi(), GOOD)
        warehouse.judge(*SPAN)
        warehouse.publish("2026-01-01", "2026-01-31")
        yield warehouse


@pytest.fixture
def warehouse(judged: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.copy(judged, tmp_path, monkeypatch)


def ledger() -> Ledger:
    return Ledger.open(deployment.ledger_path())


def counts() -> tuple[int, int, int]:
    """The number of releases, committed observations and committed verdicts."""
    opened = ledger()
    return len(opened.releases), opened.observations.num_rows, opened.verdicts.num_rows


def test_the_published_file_is_readable_by_all_and_everything_in_it_has_a_comment(warehouse: Warehouse) -> None:
    warehouse.publish(*SPAN)
    path = deployment.published_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert not Path(f"{path}.wal").exists()
    assert warehouse.published("select count(*) from duckdb_tables() where comment is null") == [(0,)]
    uncommented = "select column_name from duckdb_columns() where schema_name = 'kpi' and comment is null"
    assert warehouse.published(uncommented) == []
    views = "select view_name from duckdb_views() where schema_name = 'kpi' and comment is null"
    assert warehouse.published(views) == []
    as_of = "select comment is not null from duckdb_functions() where function_name = 'as_of'"
    assert warehouse.published(as_of) == [(True,)]
    assert warehouse.published("select time_period, member, revenue from kpi.finance_monthly where member = 'NO'") == [
        ("2026-01", "NO", 25.0),
        ("2026-02", "NO", 30.0),
    ]
    statuses = "select member, revenue_status from kpi.finance_monthly where time_period = '2026-02' order by 1"
    assert warehouse.published(statuses) == [("NO", "provisional"), ("SE", "provisional"), ("_T", "provisional")]
    totals = "select kpi_id, name, domain, time_period, obs_value, status from kpi.totals_monthly"
    assert warehouse.published(totals) == [
        ("revenue", "Revenue", "finance", "2026-01", 100.0, "normal"),
        ("revenue", "Revenue", "finance", "2026-02", 110.0, "provisional"),
    ]
    assert warehouse.published("select formula, feeds, entities, model from kpi.catalog") == [
        ("revenue", "orders", "orders", "kpi_revenue")
    ]
    assert warehouse.published("select kpi_id, time_period, closes_on, state from kpi.calendar where is_next") == [
        ("revenue", "2026-02", date(2026, 3, 10), "open")
    ]
    assert warehouse.published("select objective, name from kpi.objectives") == [("growth", "Growth")]


def test_each_segment_has_a_view_for_each_frequency_with_a_column_for_each_part(warehouse: Warehouse) -> None:
    combined = kpi("sales", segments=("country", "country:status"))
    rows = cells(7, NO=7) + cells_of("country:status", {"NO:new%3A5%25": 3, "NO:_U": 4})
    warehouse.add(combined, {"2026-01": rows})
    warehouse.judge(*SPAN)
    warehouse.release(*SPAN)
    columns = "kpi_id, country, status_member, obs_value, status"  # the observations have a column status themselves
    assert warehouse.published(f"select {columns} from kpi.by_country_status_monthly") == [
        ("sales", "NO", "_U", 4.0, "normal"),
        ("sales", "NO", "new:5%", 3.0, "normal"),
    ]
    by_country = (
        "select kpi_id, country, obs_value from kpi.by_country_monthly where time_period = '2026-01' order by all"
    )
    assert warehouse.published(by_country) == [("revenue", "NO", 25.0), ("revenue", "SE", 75.0), ("sales", "NO", 7.0)]


def test_a_combination_and_a_segment_of_the_same_name_have_a_view_each(warehouse: Warehouse) -> None:
    entry = kpi("sales", segments=("sales_channel", "channel:sales", "a:b_c", "a_b:c"))
    catalog = Catalog.read(Company.load())
    names = views(catalog.model_copy(update={"kpis": (entry,)})).keys()
    assert {name for name in names if name.startswith("by_")} == {
        "by_sales_channel_monthly", "by_channel_sales_monthly", "by_a__x__b_c_monthly", "by_a_b__x__c_monthly",
    }  # fmt: skip
    entry = kpi("sales", segments=("channel_sales", "channel:sales"))
    names = views(catalog.model_copy(update={"kpis": (entry,)})).keys()
    assert {"by_channel_sales_monthly", "by_channel__x__sales_monthly"} <= names


def test_the_newest_period_is_marked_and_a_target_is_compared_at_its_own_frequency_only(warehouse: Warehouse) -> None:
    yearly = kpi("margin", freqs=("M", "A"), target_freq="A", target=90.0, kind="ratio", additive_segments=False)
    gone = [{"segment": "_T", "member": "_T", "obs_value": None, "n_obs": 0, "denominator": 0.0}]
    warehouse.add(yearly, {"2025": cells(80), "2026-01": cells(95, SE=95), "2026-02": gone})
    warehouse.judge("2025-12-31", SPAN[1])
    warehouse.release("2025-12-31", SPAN[1])
    newest = "select freq, time_period, member, target, target_attained from kpi.observations where is_newest"
    assert warehouse.published(f"{newest} and kpi_id = 'margin' order by all") == [
        ("A", "2025", "_T", 90.0, False),
        ("M", "2026-01", "SE", None, None),
        ("M", "2026-01", "_T", None, None),
    ]
    assert warehouse.published(f"{newest} and kpi_id = 'revenue' and segment = '_T'") == [
        ("M", "2026-02", "_T", 100.0, True)
    ]


def test_the_scorecard_has_a_row_per_kpi_at_the_frequency_of_its_target(warehouse: Warehouse) -> None:
    yearly = kpi("margin", freqs=("M", "A"), target_freq="A", target=90.0, kind="ratio", additive_segments=False)
    warehouse.add(yearly, {"2025": cells(80), "2025-12": cells(79), "2026-01": cells(95), "2026-02": cells(96)})
    context = kpi("context", target=None, direction="none")
    warehouse.add(context, {"2025-12": cells(4, SE=4), "2026-01": cells(5, SE=5), "2026-02": cells(-5, SE=-5)})
    warehouse.add(kpi("absent", supplied=False), {})
    warehouse.judge("2025-12-31", SPAN[1])
    warehouse.release("2025-12-31", SPAN[1])
    columns = "kpi_id, time_period, obs_value, target, status, provisional, held, objective"
    assert warehouse.published(f"select {columns} from kpi.scorecard") == [
        ("absent", None, None, None, "not supplied", None, 0, "Growth"),
        ("context", "2026-01", 5.0, None, "no target", False, 1, "Growth"),
        ("margin", "2025", 80.0, 90.0, "off target", False, 0, "Growth"),
        ("revenue", "2026-02", 110.0, 100.0, "on target", True, 0, "Growth"),
    ]


def test_a_period_is_compared_with_the_target_that_was_valid_on_its_first_day(warehouse: Warehouse) -> None:
    earlier = (EarlierTarget(value=70, since=date(2025, 12, 1)),)
    changed = kpi("changed", target_since=date(2026, 2, 1), earlier_targets=earlier)
    months = {"2025-11": cells(90, SE=90), "2025-12": cells(90, SE=90)}
    warehouse.add(changed, months | {"2026-01": cells(90, SE=90), "2026-02": cells(90, SE=90)})
    warehouse.judge("2025-11-30", SPAN[1])
    warehouse.release("2025-11-30", SPAN[1])
    columns = "time_period, target, target_attained"
    assert warehouse.published(
        f"select {columns} from kpi.observations where kpi_id = 'changed' and segment = '_T' order by 1"
    ) == [("2025-11", None, None), ("2025-12", 70.0, True), ("2026-01", 70.0, True), ("2026-02", 100.0, False)]
    targets = "select target, valid_from, valid_to from kpi.targets where kpi_id = 'changed' order by 2"
    assert warehouse.published(targets) == [
        (70.0, date(2025, 12, 1), date(2026, 1, 31)),
        (100.0, date(2026, 2, 1), None),
    ]
    of_january, always = changed.target_at("M", date(2026, 1, 1)), kpi("always").target_at("M")
    assert changed.target_at("M", date(2025, 11, 1)) is None and of_january is not None and of_january.value == 70
    assert always is not None and always == kpi("always").target_at("M", date(1999, 1, 1)) and always.value == 100


def test_a_cohort_is_not_compared_with_its_target_while_later_events_count(warehouse: Warehouse) -> None:
    cohort = kpi("cohort", matures_after="20 days", additive_segments=False, kind="ratio")
    warehouse.add(cohort, {code: cells(value, SE=value) for code, value in
                           (("2025-12", 80), ("2026-01", 90), ("2026-02", 60))})  # fmt: skip
    warehouse.judge("2025-12-01", SPAN[1])
    warehouse.release("2025-12-01", SPAN[1])
    total = "from kpi.observations where kpi_id = 'cohort' and segment = '_T' order by time_period"
    columns = "time_period, target_attained, provisional, change_previous, previous_value"
    assert warehouse.published(f"select {columns} {total}") == [
        ("2025-12", False, False, None, None),
        ("2026-01", False, False, 0.125, 80.0),
        ("2026-02", None, True, None, 90.0),
    ]
    status = "select time_period, target, status from kpi.scorecard where kpi_id = 'cohort'"
    assert warehouse.published(status) == [("2026-02", 100.0, "not mature")]


def test_a_value_is_provisional_until_its_period_closes_whatever_its_status(warehouse: Warehouse) -> None:
    few = kpi("few", min_n_obs=10_000_000)
    warehouse.add(few, GOOD)
    warehouse.judge(*SPAN)
    warehouse.release(*SPAN)
    columns = "time_period, status, provisional, provisional_until"
    assert warehouse.published(f"select {columns} from kpi.observations where kpi_id = 'few' and segment = '_T'") == [
        ("2026-01", "few observations", False, None),
        ("2026-02", "few observations", True, date(2026, 3, 10)),
    ]


def test_the_catalogue_has_the_sql_of_each_kpi() -> None:
    company = Company.load(deployment.PROJECT / "sample_company")
    model = Catalog.path(company).parent / "kpi" / "kpi_net_revenue.sql"
    read = Catalog.read(company)
    assert Catalog.parse(read.definitions_json).kpi("net_revenue").sql == model.read_text(encoding="utf-8")


def test_the_reason_of_a_hold_names_the_checks_that_hold_and_no_warning(warehouse: Warehouse) -> None:
    parts = kpi("parts", gate={"parts_add_up": {"flag": 0, "hold": "never"}})
    warehouse.add(parts, {"2026-01": cells(-5, SE=-4), "2026-02": cells(5, SE=4)})
    verdicts = warehouse.judge(*SPAN)
    assert {entry.check for entry in verdicts["parts", "2026-01"].failing} >= {"bounds", "parts_add_up"}
    (held,) = [entry for entry in warehouse.release(*SPAN).held if entry.kpi_id == "parts"]
    reasons = dict(warehouse.published("select time_period, reason from kpi.verdicts where kpi_id = 'parts'"))
    assert held.reason == reasons["2026-01"] and held.reason.startswith("bounds: 2 values outside")
    assert "parts_add_up" not in held.reason
    assert reasons["2026-02"].startswith("parts_add_up: ")
    unknown = CheckResult("rows_unique", "warning", "not_evaluated", None, None, "could not be evaluated")
    assert verdict.reason([unknown]) == "rows_unique: could not be evaluated" and unknown.holds


def test_a_release_records_how_far_each_feed_had_come_without_days_of_personnel(warehouse: Warehouse) -> None:
    fields = {
        "file": Path("x.yml"),
        "line": 1,
        "description": "",
        "path": "x",
        "format": "csv",
        "columns": {"at": "date"},
    }
    for name in ("orders", "leave", "unread"):
        facts = {"name": name, "system": "Shop", "history_from": "2024-01-01", "cadence": "weekly"}
        facts["grain"] = "month" if name == "orders" else "day"
        columns_of = {"time_column": "at", "columns": {"at": "date"}}
        warehouse.feeds[name] = Feed.model_validate({**fields, **facts, **columns_of})
    counts_of_rows = {"newest_event": datetime(2026, 3, 4, 15), "rows_total": 12, "rows_rejected": 3}
    for name in ("orders", "leave"):
        warehouse.feed(name, watermark=date(2026, 3, 3), outstanding="x.csv: secret", **counts_of_rows)
    warehouse.add(kpi("absence", protected=True, feeds=("leave", "orders")))
    warehouse.release(*SPAN)
    columns = "feed, cadence, history_from, complete_through, newest_event, rows_total, rows_rejected, outstanding"
    first = date(2024, 1, 1)
    assert warehouse.published(f"select {columns} from kpi.feeds order by feed") == [
        ("leave", "weekly", first, None, None, None, None, True),  # a row more may be a person
        ("orders", "weekly", first, date(2026, 3, 31), date(2026, 3, 4), 12, 3, True),  # a row is of its month
        ("unread", "weekly", first, None, None, None, None, False),
    ]
    record = json.loads(ledger().newest["company"])  # type: ignore[index]
    assert "secret" not in str(record)
    assert record["deciders"] == {"finance": ["cfo@example.com", "controller"]}
    warehouse.decide("review", "revenue", reason="checked", by="cfo@example.com")
    assert len(warehouse.published("from kpi.feeds")) == 3  # a review reads no feeds
    assert verify(ledger()).findings == ()


def test_a_ledger_of_an_older_version_has_no_record_of_feeds(warehouse: Warehouse) -> None:
    releases = f"{deployment.ledger_path()}/releases"
    rows = DeltaTable(releases).to_pyarrow_table().drop_columns(["company"])
    shutil.rmtree(releases)
    DeltaTable.create(releases, rows.schema, configuration={"delta.appendOnly": "true"})
    write_deltalake(releases, rows, mode="append")
    duckdb_file.build(Ledger.open(deployment.ledger_path(), make=False), deployment.published_path())
    assert warehouse.published("from kpi.feeds") == []
    warehouse.release(*SPAN)
    assert ledger().newest["company"] is not None  # type: ignore[index]


def people(n_se: int, n_no: int, n_dk: int = 20) -> list[dict[str, Any]]:
    counts = {"SE": n_se, "NO": n_no, "DK": n_dk}
    total = sum(counts.values())
    rows = [{"segment": "_T", "member": "_T", "obs_value": float(total), "n_obs": total, "n_persons_numerator": total}]
    return rows + [
        {"segment": "country", "member": m, "obs_value": float(n), "n_obs": n, "n_persons_numerator": n}
        for m, n in counts.items()
    ]


def test_a_protected_kpi_is_published_without_small_cells(warehouse: Warehouse) -> None:
    staff = kpi("staff", protected=True, unit="persons", kind="stock", domain="people")
    warehouse.add(staff, {"2026-01": people(3, 10), "2026-02": people(30, 10)})
    warehouse.judge(*SPAN)
    warehouse.release(*SPAN)
    columns = "member, obs_value, n_obs, obs_status, conf_status, previous_value, change_previous"
    values = f"select {columns} from kpi.observations"
    assert warehouse.published(f"{values} where kpi_id = 'staff' and time_period = '2026-01' order by 1") == [
        ("DK", 20.0, 20, "A", "F", None, None),
        ("NO", None, None, "Q", "C", None, None),
        ("SE", None, None, "Q", "C", None, None),
        ("_T", 33.0, 33, "A", "F", None, None),
    ]
    assert warehouse.published(f"{values} where kpi_id = 'staff' and time_period = '2026-02' and member = 'SE'") == [
        ("SE", 30.0, 30, "P", "F", None, None)
    ]
    wide = "select member, staff, staff_status from kpi.people_monthly where time_period = '2026-01' order by 1"
    assert warehouse.published(wide) == [
        ("DK", 20.0, "normal"),
        ("NO", None, "suppressed"),
        ("SE", None, "suppressed"),
        ("_T", 33.0, "normal"),
    ]
    rows = [row for row in ledger().observations.to_pylist() if row["kpi_id"] == "staff"]
    assert all(row["n_persons_numerator"] is None and row["n_persons_denominator"] is None for row in rows)
    for row in ledger().verdicts.to_pylist():
        if row["kpi_id"] == "staff":
            assert '"figure": null' in row["checks"] and '"figure": 0' not in row["checks"]

    warehouse.add(staff, {"2026-01": people(8, 10), "2026-02": people(30, 10)})  # grown, but hidden for ever
    hashed = warehouse.judge(*SPAN)["staff", "2026-01"].candidate_hash
    assert {key.checks for key in warehouse.release(*SPAN).held if key.kpi_id == "staff"} == {("closed_period",)}
    decided = {"freq": "M", "time_period": "2026-01", "candidate_hash": hashed, "checks": ["closed_period"]}
    ledger().decide("staff", "release", reason="hired back", decided_by="chro", **decided)
    warehouse.release(*SPAN)
    totals = f"{values} where kpi_id = 'staff' and time_period = '2026-01' and member = '_T'"
    assert warehouse.published(totals)[0][1] == 38.0
    revised = "select revised_from, obs_value from kpi.vintages where revision_type is not null and member = '_T'"
    assert warehouse.published(revised) == [(33.0, 38.0)]
    hidden = f"{values} where kpi_id = 'staff' and time_period = '2026-01' and member in ('SE', 'NO')"
    assert {row[1] for row in warehouse.published(hidden)} == {None}


def crash_at(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Make publishing crash just before or after a step."""
    write, swap_in, replace = Ledger._write, duckdb_file._swap_in, Path.replace

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt(step)

    def before_or_after(self: Ledger, name: str, *rest: Any) -> None:
        if step == f"before {name}":
            crash()
        write(self, name, *rest)
        if step == f"after {name}":
            crash()

    def half_a_build(opened: Ledger, path: Path, _: object) -> None:
        (path.parent / f".{path.name}.half").write_bytes(b"half a file")
        crash()

    def before_the_swap(self: Path, target: Path) -> Path:
        if target == deployment.published_path():
            crash()
        return replace(self, target)

    monkeypatch.setattr(Ledger, "_write", before_or_after)
    monkeypatch.setattr(duckdb_file, "_swap_in", half_a_build if step == "in the build" else swap_in)
    monkeypatch.setattr(Path, "replace", before_the_swap if step == "before the swap" else replace)
    if step == "after the swap":
        monkeypatch.setattr(rendering, "keep", crash)


STEPS = ["before observations", "after observations", "after verdicts", "before releases", "after releases"]


@pytest.mark.parametrize("step", [*STEPS, "in the build", "before the swap", "after the swap"])
def test_a_crash_loses_nothing_and_the_next_run_completes_it(warehouse: Warehouse, step: str) -> None:
    published_before = warehouse.published("from kpi.vintages order by all")
    with warehouse.monkeypatch.context() as patch:
        crash_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            warehouse.publish(*SPAN)
    warehouse.unrendered = False  # what the crash left is looked at
    if step != "after the swap":
        assert warehouse.published("from kpi.vintages order by all") == published_before
    outcome = warehouse.publish(*SPAN)
    committed = step in ("after releases", "in the build", "before the swap", "after the swap")
    assert outcome.appended_observations == (0 if committed else 3)
    assert counts() == (2, 6, 2)
    assert warehouse.published("select count(*), count(distinct (time_period, member)) from kpi.vintages") == [(6, 6)]
    left = {path.name for path in deployment.published_path().parent.iterdir()}
    assert left == {"published.duckdb", "site", "parquet"}
    assert not list(deployment.site_path().parent.glob(".*"))  # no draft is left
    assert warehouse.publish(*SPAN).release_id is None


def test_a_lost_or_damaged_published_file_is_rendered_again(warehouse: Warehouse) -> None:
    warehouse.publish(*SPAN)
    good = warehouse.published("from kpi.observations order by all")
    for damage in (None, b"not a database"):
        deployment.published_path().unlink()
        if damage:
            deployment.published_path().write_bytes(damage)
        warehouse.publish(*SPAN)
        assert warehouse.published("from kpi.observations order by all") == good


@pytest.mark.parametrize(
    ("numerator", "denominator", "formula"),
    [
        (None, None, "revenue"),
        ("gross", "coalesce(orders, 0)", "gross / coalesce(orders, 0)"),
        ("gross - returned", "a * f(b)", "(gross - returned) / (a * f(b))"),
    ],
)
def test_a_formula_divides_the_whole_numerator_by_the_whole_denominator(
    numerator: str | None, denominator: str | None, formula: str
) -> None:
    assert kpi(numerator_metric=numerator, denominator_metric=denominator).formula == formula


def test_a_kpi_named_like_a_status_column_keeps_its_column(warehouse: Warehouse) -> None:
    warehouse.add(kpi("revenue_status"), {"2026-01": cells(7, SE=7), "2026-02": cells(8, SE=8)})
    warehouse.judge(*SPAN)
    warehouse.release(*SPAN)
    columns = "revenue, revenue_status, revenue_status_status"
    totals = warehouse.published(f"select {columns} from kpi.finance_monthly where segment = '_T'")
    assert totals[0] == (100, 7, "normal")


def test_a_file_of_an_earlier_version_is_rendered_again(warehouse: Warehouse) -> None:
    path = deployment.published_path()
    with duckdb.connect(str(path)) as connection:
        for view in ("finance_monthly", "totals_monthly"):
            connection.execute(f"drop view kpi.{view}")
        connection.execute("alter table kpi.observations drop column status")
    warehouse.publish("2026-01-01", "2026-01-31")
    assert warehouse.published("select distinct status from kpi.observations") == [("normal",)]


def whole(path: Path) -> dict[str, Any]:
    """The whole content of the file: rows of every table and view, columns and comments, the macro."""
    with duckdb.connect(str(path), read_only=True) as connection:

        def rows(query: str) -> list[Any]:
            return connection.execute(query).fetchall()

        columns = "table_name, column_name, data_type, comment"
        content = {"columns": rows(f"select {columns} from duckdb_columns() where schema_name = 'kpi' order by all")}
        for (table,) in rows("select distinct table_name from duckdb_columns() where schema_name = 'kpi'"):
            content[table] = rows(f"from kpi.{table}")
        for kind in ("table", "view"):
            content[kind] = rows(
                f"select {kind}_name, comment from duckdb_{kind}s() where schema_name = 'kpi' order by 1"
            )
        content["as_of"] = rows("from kpi.as_of('2026-03-05') order by all")
        content["macro"] = rows("select macro_definition, comment from duckdb_functions() where schema_name = 'kpi'")
        return content


def test_a_rebuilt_file_equals_the_one_that_it_replaces(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse.add(kpi("staff", protected=True, unit="persons", domain="people"), {"2026-01": people(3, 10)})
    warehouse.judge(*SPAN)
    warehouse.publish(*SPAN)
    path = deployment.published_path()
    before = whole(path)
    assert len(before["vintages"]) > 6 and len(before["view"]) == 4
    warehouse.path.unlink()
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(path.parent / "no such company"))
    monkeypatch.setattr(Catalog, "read", lambda *_: pytest.fail("the company's compiled folder was read"))
    for damage in ("none", "lost", "altered"):
        if damage == "lost":
            path.unlink()
        elif damage == "altered":
            with duckdb.connect(str(path)) as connection:
                connection.execute("update kpi.vintages set obs_value = 0")
                connection.execute("checkpoint")
            assert whole(path) != before
        monkeypatch.setattr(sys, "argv", ["kpi", "ledger", "rebuild"])
        with pytest.raises(SystemExit) as ended:
            app.main()
        assert not ended.value.code and "2 releases" in capsys.readouterr().out
        assert whole(path) == before
        assert stat.S_IMODE(path.stat().st_mode) == 0o644 and not Path(f"{path}.wal").exists()


def test_a_file_is_rebuilt_under_the_release_lock(warehouse: Warehouse) -> None:
    path = deployment.published_path()
    written = path.stat().st_mtime_ns
    with ThreadPoolExecutor(1) as pool:
        with releasing():
            waiting = pool.submit(duckdb_file.rebuild, deployment.ledger_path(), path)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
            assert path.stat().st_mtime_ns == written
        waiting.result(timeout=30)
    assert path.stat().st_mtime_ns > written


def test_a_catalogue_of_another_version_is_an_error_and_the_file_stays(warehouse: Warehouse) -> None:
    before = whole(deployment.published_path())
    append(ledger(), observation())
    with pytest.raises(NyckeltalError, match="catalogue is of another version"):
        duckdb_file.rebuild(deployment.ledger_path(), deployment.published_path())
    assert whole(deployment.published_path()) == before
    warehouse.now("2026-03-05 13:00")
    assert warehouse.publish(*SPAN).release_id
    assert len(whole(deployment.published_path())["releases"]) == 3


def test_a_run_restores_a_missing_file_and_removes_the_one_in_the_former_place(warehouse: Warehouse) -> None:
    path, former = deployment.published_path(), deployment.former_published_path()
    before = whole(path)
    path.replace(former)
    shutil.rmtree(path.parent)
    with pytest.raises(NyckeltalError, match="kpi ledger rebuild") as raised:
        lookups.newest_totals(warehouse.catalog)
    assert str(path) in str(raised.value)
    with umask(0o077):
        lookups.restore()
    assert whole(path) == before and not former.exists()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755 and stat.S_IMODE(path.stat().st_mode) == 0o644
    assert lookups.newest_totals(warehouse.catalog)


def test_a_missing_file_waits_for_the_release_where_the_newest_one_is_of_another_version(warehouse: Warehouse) -> None:
    append(ledger(), observation())
    deployment.published_path().unlink()
    lookups.restore()
    assert not deployment.published_path().exists()


@contextmanager
def umask(mode: int) -> Iterator[None]:
    before = os.umask(mode)
    try:
        yield
    finally:
        os.umask(before)
