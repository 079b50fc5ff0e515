"""The gate: every check on tiny data, and that it fails closed."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from data_quality.gate import expectations, keys
from data_quality.gate.checks import frame as checks
from data_quality.gate.checks import reference
from data_quality.gate.checks.computation import missing_results
from data_quality.gate.checks.registry import CHECKS, LIMITS, NAMES
from data_quality.gate.verdict import CheckResult, Verdict, answer
from metrics.compiler.sql.kpi_sql import candidates_sql
from metrics.definitions.kpis.gate_settings import CHECK_NAMES, FIXED, CheckSetting
from tests import warehouse_factory
from tests.warehouse_factory import OPEN_FOR_YEARS, Warehouse, cells, cells_of, failing, kpi, months


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.make(tmp_path, monkeypatch)


def wave(n: int) -> float:
    """A series with growth, season and some noise."""
    return 1000 * 1.01**n * (1 + 0.2 * math.sin(n * math.pi / 6)) * (1 + 0.02 * math.sin(n * 7.3))


def outcome(verdict: Verdict, check: str) -> str:
    return next(result.outcome for result in verdict.checks if result.check == check)


def test_good_values_are_published(warehouse: Warehouse) -> None:
    warehouse.add(kpi(), months("2024-01", "2026-02", wave))
    verdicts = warehouse.judge("2024-01-01", "2026-03-31")
    assert len(verdicts) == 26
    assert {verdict.verdict for verdict in verdicts.values()} == {"publish"}
    assert all(sorted(result.check for result in verdict.checks) == sorted(NAMES) for verdict in verdicts.values())
    assert outcome(verdicts["revenue", "2024-05"], "expected_range") == "not_applicable"
    assert outcome(verdicts["revenue", "2026-02"], "expected_range") == "pass"


def test_a_month_that_has_not_ended_is_not_planned(warehouse: Warehouse) -> None:
    warehouse.add(kpi(), months("2026-01", "2026-03", wave))
    warehouse.now("2026-03-31T12:00:00")
    assert ("revenue", "2026-03") not in warehouse.judge("2026-01-01", "2026-12-31")
    warehouse.now("2026-03-31T23:30:00")  # the first of April in Stockholm
    assert ("revenue", "2026-03") in warehouse.judge("2026-01-01", "2026-12-31")


def test_periods_that_begin_before_the_history_are_not_judged(warehouse: Warehouse) -> None:
    begins = kpi(freqs=("W", "M", "Q", "A"), observable_from=date(2024, 11, 15))
    warehouse.add(begins, {"2024": cells(5, SE=5), **months("2024-11", "2025-02", wave)})
    verdicts = warehouse.judge("2023-01-01", "2025-02-28")
    assert [period for _, period in verdicts if "W" not in period] == ["2024-12", "2025-01", "2025-02"]
    assert next(iter(verdicts)) == ("revenue", "2024-W47")  # from the first Monday on
    assert verdicts["revenue", "2024-12"].verdict == "publish"


def test_of_kpis_whose_feeds_begin_at_different_days_each_has_its_own_first_period(warehouse: Warehouse) -> None:
    warehouse.add(kpi("early", observable_from=date(2024, 1, 1)), {})
    warehouse.add(kpi("late", observable_from=date(2024, 3, 2)), {})
    warehouse.add(kpi("too_late", observable_from=date(2027, 1, 1)), {})
    warehouse.add(kpi("no_feed", feeds=(), observable_from=None), {})
    planned = keys.plan(warehouse.catalog, date(2024, 2, 1), date(2024, 4, 30), also={("early", "M", "2024-01")})
    assert [(key.kpi.kpi_id, key.period.code) for key in planned] == [
        *(("early", f"2024-0{month}") for month in (1, 2, 3, 4)),
        ("late", "2024-04"),
        *(("no_feed", f"2024-0{month}") for month in (2, 3, 4)),  # and held: no feed of it is known
    ]
    assert keys.history(warehouse.catalog) == (date(2024, 1, 1), date(2026, 3, 4))


def test_incomplete_inputs_hold_and_a_coarse_grain_is_complete_less_one_grain(warehouse: Warehouse) -> None:
    cases: dict[str, tuple[dict[str, object], str]] = {
        "late": ({"watermark": date(2026, 2, 9)}, "feed late reaches 2026-02-09, the period ends 2026-02-28"),
        "empty": ({"watermark": None}, "has no data"),
        "broken": ({"outstanding": "orders/x.csv: no column price"}, "orders/x.csv: no column price"),
        "stray": ({"outstanding": "README.csv", "outstanding_from": date(2026, 2, 28)}, "any day from 2026-02-28 on"),
        "stray_later": ({"outstanding": "README.csv", "outstanding_from": date(2026, 3, 1)}, ""),
        "day_before": ({"watermark": date(2026, 2, 27)}, "reaches 2026-02-27, the period ends 2026-02-28"),
        "week_before": ({"grain": "week", "watermark": date(2026, 2, 21)}, "reaches 2026-02-21"),
        "month_before": ({"grain": "month", "watermark": date(2026, 1, 31)}, "reaches 2026-01-31"),
        "same_day": ({"watermark": date(2026, 2, 28)}, ""),
        "same_week": ({"grain": "week", "watermark": date(2026, 2, 22)}, ""),
        "same_month": ({"grain": "month", "watermark": date(2026, 2, 1)}, ""),
    }
    for name, (feed_fields, _) in cases.items():
        warehouse.feed(name, **feed_fields)
        warehouse.add(kpi(name, feeds=("orders", name)), months("2026-02", "2026-02", wave))
    verdicts = warehouse.judge("2026-02-28", "2026-02-28")
    for name, (_, detail) in cases.items():
        verdict = verdicts[name, "2026-02"]
        assert (verdict.verdict, failing(verdict)) == (("hold", {"complete"}) if detail else ("publish", set()))
        assert not detail or detail in verdict.failing[0].detail


def test_a_feed_that_was_never_taken_in_holds(warehouse: Warehouse) -> None:
    warehouse.add(kpi(feeds=("orders", "rates")), months("2026-02", "2026-02", wave))
    verdict = warehouse.judge("2026-02-28", "2026-02-28")["revenue", "2026-02"]
    assert [result.detail for result in verdict.failing] == ["feed rates was never ingested"]


def test_a_missing_period_holds(warehouse: Warehouse) -> None:
    rows = months("2026-01", "2026-02", wave)
    del rows["2026-02"]
    warehouse.add(kpi(), rows)
    verdicts = warehouse.judge("2026-01-01", "2026-02-28")
    assert verdicts["revenue", "2026-01"].verdict == "publish"
    missing = verdicts["revenue", "2026-02"]
    assert missing.verdict == "hold" and missing.candidate_hash is None
    assert outcome(missing, "built") == "fail"
    assert outcome(missing, "missing_results") == "not_evaluated"


def test_an_empty_table_a_lost_one_and_a_broken_one_hold_only_their_own_kpi(warehouse: Warehouse) -> None:
    rows = months("2026-02", "2026-02", wave)
    for name in ("good", "empty", "lost", "broken"):
        warehouse.add(kpi(name), rows if name != "empty" else None)
    warehouse.sql("drop table kpi.kpi_lost")
    warehouse.sql("create or replace table kpi.kpi_broken as select 'broken' as kpi_id")
    verdicts = warehouse.judge("2026-02-28", "2026-02-28")
    assert {name: verdict.verdict for (name, _), verdict in verdicts.items()} == {
        "good": "publish",
        "empty": "hold",
        "lost": "hold",
        "broken": "hold",
    }


def test_an_older_batch_a_failed_build_and_another_definition_hold(warehouse: Warehouse) -> None:
    rows = months("2026-02", "2026-02", wave)
    warehouse.add(kpi("stale"), rows)
    warehouse.add(kpi("failed"), rows)
    warehouse.add(kpi("changed"), rows)
    warehouse.sql("delete from kpi._builds where kpi_id = 'never'")
    warehouse.add(kpi("never"), rows)
    warehouse.sql("delete from kpi._builds where kpi_id = 'never'")
    warehouse.kpis[2] = kpi("changed", definition_hash="def2")
    warehouse.batch = "batch2"
    warehouse.built("stale")
    warehouse.built("failed", ok=False, reason="division by zero")
    verdicts = warehouse.judge("2026-02-28", "2026-02-28")
    details = {name: verdict.failing[0].detail for (name, _), verdict in verdicts.items()}
    assert {verdict.failing[0].check for verdict in verdicts.values()} == {"built"}
    assert "older build" in details["stale"]
    assert "division by zero" in details["failed"]
    assert "another definition" in details["changed"]
    assert "no build" in details["never"]


def test_totals_that_are_missing_repeated_or_null_hold(warehouse: Warehouse) -> None:
    month = "2026-02"
    warehouse.add(kpi("no_total"), {month: cells(5, SE=5)[1:]})
    warehouse.add(kpi("twice"), {month: [*cells(5, SE=5), *cells(5)]})
    warehouse.add(kpi("null", additive_segments=False), {month: [{"segment": "_T", "member": "_T", "n_obs": 1}]})
    verdicts = warehouse.judge("2026-02-28", "2026-02-28")
    assert failing(verdicts["no_total", month]) >= {"built"}
    assert "built" in failing(verdicts["twice", month])
    assert failing(verdicts["null", month]) == {"missing_results"}


@pytest.mark.parametrize("metric_type", ["simple", "ratio"])
@pytest.mark.parametrize(("n_women", "n_men", "checks"), [(0, 4, set()), (3, 0, set()), (3, 4, {"missing_results"})])
def test_what_compares_persons_may_have_no_value_where_there_are_none_of_some_yet(
    warehouse: Warehouse, metric_type: str, n_women: int, n_men: int, checks: set[str]
) -> None:
    """Without women at first there is no value; once there was one, they may be lost. A member may always have none."""
    gap = kpi("pay_gap", kind="ratio", metric_type=metric_type, additive_segments=False)
    total = {"segment": "_T", "member": "_T", "n_obs": 7, "denominator": 100.0}
    persons = {"n_persons_numerator": n_women, "n_persons_denominator": n_men}
    both = {"obs_value": 0.1, "numerator": 10.0, "n_persons_numerator": 3, "n_persons_denominator": 4}
    member = {"segment": "country", "member": "SE", "n_obs": 2, "denominator": 50.0, "n_persons_numerator": 0}
    rows = {"2025-12": [total | persons], "2026-01": [total | both, member], "2026-02": [total | persons]}
    warehouse.add(gap, rows)
    verdicts = warehouse.judge("2025-12-31", "2026-02-28")
    assert failing(verdicts["pay_gap", "2025-12"]) & {"missing_results"} == checks
    assert failing(verdicts["pay_gap", "2026-01"]) == set()
    assert "missing_results" in failing(verdicts["pay_gap", "2026-02"])


def test_a_ratio_member_may_lack_a_value_only_where_there_is_nothing_to_divide_by(warehouse: Warehouse) -> None:
    total = {"segment": "_T", "member": "_T", "obs_value": 0.5, "numerator": 1.0, "denominator": 2.0}
    nothing = {"segment": "country", "member": "SE", "denominator": 0.0}
    something = {"segment": "country", "member": "NO", "denominator": 3.0}
    ratio = {"kind": "ratio", "metric_type": "ratio", "additive_segments": False}
    warehouse.add(kpi("fine", **ratio), {"2026-02": [total, nothing]})
    warehouse.add(kpi("lacks", **ratio), {"2026-02": [total, nothing, something]})
    verdicts = warehouse.judge("2026-02-28", "2026-02-28")
    assert verdicts["fine", "2026-02"].verdict == "publish"
    assert failing(verdicts["lacks", "2026-02"]) == {"missing_results"}


def test_values_outside_their_bounds_and_no_numbers_hold(warehouse: Warehouse) -> None:
    for number, value in enumerate([math.nan, math.inf, -1.0, 1.1]):
        share = kpi(f"share{number}", unit="fraction", additive_segments=False, upper_bound=1.0)
        warehouse.add(share, {"2026-02": cells(0.5, SE=value)})
    verdicts = warehouse.judge("2026-02-28", "2026-02-28")
    assert [failing(verdict) for verdict in verdicts.values()] == [{"bounds"}] * 4


def test_segments_that_do_not_add_up_hold(warehouse: Warehouse) -> None:
    warehouse.add(kpi("lacks"), {"2026-02": cells(100, SE=75, NO=24.9)})
    warehouse.add(kpi("none"), {"2026-02": cells(100)})
    warehouse.add(kpi("rounding"), {"2026-02": cells(0.3, SE=0.1, NO=0.2)})
    warehouse.add(kpi("zero"), {"2026-02": cells(0, SE=0)})
    verdicts = {name: verdict for (name, _), verdict in warehouse.judge("2026-02-28", "2026-02-28").items()}
    assert failing(verdicts["lacks"]) == failing(verdicts["none"]) == {"parts_add_up"}
    assert verdicts["rounding"].verdict == verdicts["zero"].verdict == "publish"


@pytest.mark.parametrize(
    ("combined", "detail"),
    [
        ({"web:NO": 25, "web:SE": 35, "shop:SE": 40}, None),
        ({"web:NO": 35, "web:SE": 25, "shop:SE": 40}, "differs from its segments: channel:country"),  # the total fits
        ({"web:SE": 60, "shop:SE": 40}, "differs from its segments: channel:country"),
        ({"web:NO": 25, "web:SE": 35}, "differs from its segments: channel:country"),
    ],
)
def test_a_combination_adds_up_to_each_of_its_segments(
    warehouse: Warehouse, combined: dict[str, float], detail: str | None
) -> None:
    rows = (
        cells(100, SE=75, NO=25) + cells_of("channel", {"web": 60, "shop": 40}) + cells_of("channel:country", combined)
    )
    warehouse.add(kpi("sales", segments=("country", "channel", "channel:country")), {"2026-02": rows})
    (verdict,) = warehouse.judge("2026-02-28", "2026-02-28").values()
    assert failing(verdict) == ({"parts_add_up"} if detail else set())
    assert detail is None or detail in str(verdict.checks)


def test_an_implausible_change_holds_and_is_judged_by_earlier_periods_only(warehouse: Warehouse) -> None:
    for number, factor in enumerate([0.3, 2.5, 100.0]):
        rows = months("2024-01", "2026-02", lambda n: wave(n) * (factor if n == 22 else 1))  # noqa: B023
        warehouse.add(kpi(f"revenue{number}"), rows)
    warehouse.calendar = OPEN_FOR_YEARS
    tolerant = {"expected_range": CheckSetting(off="promised by nobody")}
    warehouse.add(kpi("tolerant", gate=tolerant), rows)
    verdicts = warehouse.judge("2024-01-01", "2026-02-28")
    held = {name: failing(verdict) for name, verdict in verdicts.items() if verdict.verdict == "hold"}
    assert held == {(f"revenue{number}", "2025-11"): {"expected_range"} for number in range(3)}
    off = next(result for result in verdicts["tolerant", "2025-11"].checks if result.check == "expected_range")
    assert (off.outcome, off.detail) == ("not_applicable", "off: promised by nobody")


def test_limits_of_its_own_flag_what_would_hold(warehouse: Warehouse) -> None:
    gate = {"bounds": CheckSetting(flag=0, hold="never")}
    for name, settings in (("strict", {}), ("lenient", gate)):
        warehouse.add(kpi(name, gate=settings), {"2026-02": cells(-1, SE=-1)})
    verdicts = warehouse.judge("2026-02-28", "2026-02-28")
    assert {name: verdict.verdict for (name, _), verdict in verdicts.items()} == {
        "strict": "hold",
        "lenient": "publish_flagged",
    }
    released = warehouse.release("2026-02-28", "2026-02-28")
    assert [verdict.kpi_id for verdict in released.held] == ["strict"]


def test_a_change_under_five_percent_never_holds(warehouse: Warehouse) -> None:
    warehouse.add(kpi("under"), months("2024-01", "2026-02", lambda n: 1049.0 if n == 25 else 1000.0))
    warehouse.add(kpi("over"), months("2024-01", "2026-02", lambda n: 1051.0 if n == 25 else 1000.0))
    verdicts = warehouse.judge("2026-02-28", "2026-02-28")
    assert {name: verdict.verdict for (name, _), verdict in verdicts.items()} == {
        "under": "publish_flagged",
        "over": "hold",
    }


def test_a_rate_of_few_events_does_not_alarm_when_one_happens(warehouse: Warehouse) -> None:
    leavers = [0] * 18 + [1, 0, 0, 2, 0, 1, 0, 60]
    rate = kpi("turnover", unit="fraction", kind="ratio", metric_type="ratio", additive_segments=False, segments=())
    rows = {
        f"{2024 + n // 12}-{n % 12 + 1:02d}": [{"segment": "_T", "member": "_T", "obs_value": left / 200, "n_obs": 200}]
        for n, left in enumerate(leavers)
    }
    warehouse.add(rate, rows)
    verdicts = warehouse.judge("2024-01-01", "2026-02-28")
    assert [period for (_, period), verdict in verdicts.items() if verdict.verdict == "hold"] == ["2026-02"]


def test_no_figure_of_a_protected_kpi_is_in_its_verdict(warehouse: Warehouse) -> None:
    person = {"n_persons_numerator": 40, "protected": True}
    rows = {"2026-02": [{"segment": "_T", "member": "_T", "obs_value": -37.0, **person}]}
    warehouse.add(kpi("staff", protected=True, additive_segments=False), rows)
    verdict = warehouse.judge("2026-02-28", "2026-02-28")["staff", "2026-02"]
    assert failing(verdict) == {"bounds"}
    assert all(result.figure is None and result.limit is None for result in verdict.checks)
    assert "37" not in verdict.checks_json
    plain = warehouse.sql("select sha256('x')")[0][0]
    assert len(verdict.candidate_hash or "") == len(plain)
    warehouse.monkeypatch.setenv("NYCKELTAL_PSEUDONYM_KEY", "another key of the company")
    again = warehouse.judge("2026-02-28", "2026-02-28")["staff", "2026-02"]
    assert again.candidate_hash != verdict.candidate_hash


def test_a_candidates_hash_is_that_of_the_compiled_view_and_keyed_where_protected(warehouse: Warehouse) -> None:
    persons = {"n_persons_numerator": 40}
    warehouse.add(kpi(), {"2026-02": cells(5, SE=4, _U=1)})
    warehouse.add(kpi("staff", protected=True), {"2026-02": [cell | persons for cell in cells(40, SE=40)]})
    verdicts = warehouse.judge("2026-02-28", "2026-02-28")
    _, view = candidates_sql(()).split("hashes as (", 1)
    rows = "from kpi.kpi_revenue union all by name from kpi.kpi_staff"
    query = f"select distinct kpi_id, candidate_hash from (with observations as ({rows}), hashes as ({view})"
    in_view = dict(warehouse.sql(query))
    assert verdicts["revenue", "2026-02"].candidate_hash == in_view["revenue"]
    assert verdicts["staff", "2026-02"].candidate_hash != in_view["staff"]


def frame(**columns: list[float]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    table = pd.DataFrame({"key_no": range(count)})
    for check in CHECKS:
        table[check.name] = columns.get(check.name, [0.0] * count)
        table[f"{check.name}__flag"] = np.nan if check.flag is None else check.flag
        table[f"{check.name}__hold"] = np.nan if check.hold is None else check.hold
        table[f"{check.name}__applies"] = True
    return table


def test_a_missing_figure_counts_as_not_evaluated() -> None:
    outcomes = expectations.judge(frame(missing_results=[0.0, np.nan, 1.0]), LIMITS)
    assert outcomes["missing_results__hold"] == ["pass", "not_evaluated", "fail"]
    assert set(outcomes["bounds__hold"]) == {"pass"}
    none_known = expectations.judge(frame(missing_results=[np.nan] * 2), LIMITS)
    assert set(none_known["missing_results__hold"]) == {"not_evaluated"}
    assert expectations.judge(frame(missing_results=[]), LIMITS)["missing_results__hold"] == []


def test_an_exception_in_great_expectations_counts_as_not_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    from great_expectations.execution_engine import PandasExecutionEngine

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(PandasExecutionEngine, "resolve_metrics", fail)
    outcomes = expectations.judge(frame(missing_results=[0.0, 0.0]), LIMITS)
    stated = [outcomes[of.name] for of in LIMITS if getattr(of.check, of.level) is not None]
    assert {outcome for column in stated for outcome in column} == {"not_evaluated"}


def test_a_figure_that_the_suite_does_not_list_as_evaluated_is_not_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Great Expectations counts what it looked at: a figure less, a missing one or an uncounted failure is no pass."""
    real = expectations.validate

    def altered(**changes: object) -> set[str]:
        def validate(*arguments: Any) -> Any:
            suite_result = real(*arguments)
            suite_result.results[0].result.update(changes)
            return suite_result

        monkeypatch.setattr(expectations, "validate", validate)
        return set(expectations.judge(frame(missing_results=[0.0, 1.0]), LIMITS)["missing_results__hold"])

    assert altered() == {"pass", "fail"}
    for changes in ({"element_count": 1}, {"missing_count": 1}, {"unexpected_count": 0}, {"unexpected_index_list": []}):
        assert altered(**changes) == {"not_evaluated"}


def test_a_verdict_needs_every_check_and_each_once() -> None:
    passed = [CheckResult(name, "critical", "pass", 0.0, 0.0, "") for name in NAMES]
    assert answer(passed, NAMES) == "publish"
    assert answer(passed[1:], NAMES) == "hold"
    assert answer([*passed, passed[0]], NAMES) == "hold"
    failed = CheckResult("missing_results", "critical", "fail", 1.0, 0.0, "")
    other_results = [result for result in passed if result.check != "missing_results"]
    assert answer([failed, *other_results], NAMES) == "hold"
    assert answer([replace(failed, severity="warning"), *other_results], NAMES) == "publish_flagged"
    strange = replace(failed, severity="warning", outcome="maybe")  # type: ignore[arg-type]
    assert answer([strange, *other_results], NAMES) == "hold"


def test_a_key_that_a_query_lost_or_gave_twice_and_a_query_that_fails_are_not_evaluated(
    warehouse: Warehouse,
) -> None:
    def lost(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        return connection.execute(f"select * from ({missing_results._FIGURE}) where key_no <> 1").df()

    def twice(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        return connection.execute(f"from ({missing_results._FIGURE}) union all from ({missing_results._FIGURE})").df()

    def broken(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        return connection.execute("select 1 / 0 from nowhere").df()

    warehouse.add(kpi(), months("2026-01", "2026-02", wave))
    for compute, held in ((lost, ["publish", "hold"]), (twice, ["hold"] * 2), (broken, ["hold"] * 2)):
        changed = replace(missing_results.CHECK, figure=compute)
        warehouse.monkeypatch.setattr(checks, "CHECKS", [changed if c.name == changed.name else c for c in CHECKS])
        verdicts = warehouse.judge("2026-01-01", "2026-02-28")
        assert [verdict.verdict for verdict in verdicts.values()] == held
        assert outcome(verdicts["revenue", "2026-02"], "missing_results") == "not_evaluated"


def test_every_check_has_a_name_of_its_own_a_sentence_and_a_limit_and_settings_know_it() -> None:
    assert set(NAMES) == set(CHECK_NAMES) and len(set(NAMES)) == len(NAMES)
    assert all(check.sentence.endswith(".") for check in CHECKS)
    assert all(check.flag is not None or check.hold is not None for check in CHECKS)
    assert {check.name for check in CHECKS if check.fixed} == set(FIXED)
    assert all(check.flag is None or check.hold is None or check.flag < check.hold for check in CHECKS)


def test_the_page_of_checks_is_up_to_date() -> None:
    """`python -m data_quality.gate.checks.reference`, or UPDATE_SNAPSHOTS=1, writes it anew."""
    if os.environ.get("UPDATE_SNAPSHOTS"):
        reference.PAGE.write_text(reference.page(), encoding="utf-8")
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page()


def launched(n: int) -> float:
    """A business that tripled in August 2025, and stays there."""
    return wave(n) * (3 if n >= 19 else 1)


def test_in_the_baseline_a_level_is_flagged_at_most_and_is_a_level(warehouse: Warehouse) -> None:
    warehouse.add(kpi(), months("2024-01", "2026-02", launched))
    verdicts = warehouse.judge("2024-01-01", "2026-02-28")
    assert {verdict.verdict for verdict in verdicts.values()} == {"publish", "publish_flagged"}
    assert verdicts["revenue", "2025-08"].verdict == "publish_flagged"
    assert verdicts["revenue", "2026-02"].verdict == "publish"  # open, and judged against the level that is there


def test_in_the_baseline_a_fault_of_computation_holds(warehouse: Warehouse) -> None:
    rows = months("2024-01", "2026-02", wave)
    rows["2025-06"][0]["obs_value"] = -1.0
    warehouse.add(kpi(), rows)
    verdict = warehouse.judge("2024-01-01", "2026-02-28")["revenue", "2025-06"]
    assert verdict.verdict == "hold" and failing(verdict) >= {"bounds"}


def test_what_closes_after_the_first_release_is_no_baseline_also_when_it_is_judged_late(warehouse: Warehouse) -> None:
    rows = months("2024-01", "2026-02", wave)
    warehouse.add(kpi(), rows)
    warehouse.now("2026-02-05T06:00:00")
    warehouse.judge("2024-01-01", "2025-12-31")
    warehouse.release("2024-01-01", "2025-12-31")
    warehouse.now("2026-06-05T06:00:00")
    warehouse.add(kpi(), rows | {code: cells(100 * 1000.0, SE=100 * 1000.0) for code in ("2026-01", "2026-02")})
    verdicts = warehouse.judge("2024-01-01", "2026-02-28")
    assert [verdicts["revenue", code].verdict for code in ("2026-01", "2026-02")] == ["hold", "hold"]


def test_what_was_held_before_its_series_was_released_stays_held_when_it_closes(warehouse: Warehouse) -> None:
    young = kpi()
    warehouse.add(young, {"2026-01": cells(-5.0, SE=-5.0)} | months("2025-01", "2025-12", wave))
    warehouse.feed("orders", history_from=date(2025, 1, 1))
    warehouse.kpis = [young.model_copy(update={"gate": {"bounds": CheckSetting(hold="never", flag=0)}})]
    warehouse.now("2026-02-05T06:00:00")
    assert warehouse.judge("2026-01-31", "2026-01-31")["revenue", "2026-01"].verdict == "hold"
    warehouse.release("2026-01-31", "2026-01-31")
    warehouse.now("2026-02-15T06:00:00")
    assert warehouse.judge("2026-01-31", "2026-01-31")["revenue", "2026-01"].verdict == "hold"


def test_a_definition_of_a_newer_version_starts_with_its_history(warehouse: Warehouse) -> None:
    warehouse.add(kpi(), months("2024-01", "2026-02", wave))
    warehouse.judge("2024-01-01", "2025-12-31")
    warehouse.release("2024-01-01", "2025-12-31")
    newer = kpi(definition_version=2, definition_hash="def2")
    warehouse.add(newer, months("2024-01", "2026-02", launched))
    verdicts = warehouse.judge("2024-01-01", "2026-01-31")
    assert not [code for (_, code), verdict in verdicts.items() if verdict.verdict == "hold"]
