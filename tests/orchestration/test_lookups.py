"""Past values and dates on the command line: the revision value_histories, as-of, the calendar, and wrong arguments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from metrics.core.errors import NyckeltalError
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.cli.app import app
from orchestration.cli.reports.values.revisions import History, Value, statistics, value_histories
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, cells, kpi

SPAN = ("2025-12-01", "2026-02-28")


def history(period: str, *values: float | None, last_type: str | None = "R2") -> History:
    revision_types = [None, *["R2"] * (len(values) - 2), last_type][: len(values)]
    return History(
        period,
        tuple(
            Value(v, date(2026, 1, 1), revision_type) for v, revision_type in zip(values, revision_types, strict=True)
        ),
    )


def test_statistics_by_hand() -> None:
    """Relative revisions +10 %, 0, -5 %, +3 %: mean 2 %, mean size 4.5 %, s² = (64 + 4 + 49 + 1) / 3 in %²."""
    message = [history("1", 100, 108, 110), history("2", 50), history("3", -200, -210), history("4", 10, 10.3)]
    computed = statistics(message, "currency")
    assert (computed.periods, computed.revised, computed.relative) == (4, 3, True)
    assert computed.mean_revision == pytest.approx(0.02)
    assert computed.mean_absolute_revision == pytest.approx(0.045)
    assert computed.standard_error == pytest.approx((118 / 3) ** 0.5 / 2 / 100)
    shares = statistics([history("1", 0.50, 0.52), history("2", 0.0, 0.01)], "fraction")
    assert not shares.relative
    assert shares.mean_revision == pytest.approx(0.015)
    assert shares.standard_error == pytest.approx(0.005)  # s = 0.01 / √2, over √2


def test_values_that_statistics_leave_out() -> None:
    methodology = history("1", 100, 200, last_type="R3")
    assert statistics([methodology], "currency").mean_revision == 0  # R3 isn't compared with the first value
    nothing = statistics([history("1", 0, 5), history("2", None, 5), history("3", 5, None)], "currency")
    assert (nothing.periods, nothing.mean_revision, nothing.standard_error) == (0, None, None)
    assert statistics([history("1", 100, 110)], "currency").standard_error is None


@given(st.lists(st.lists(st.floats(0.1, 1e6), min_size=1, max_size=4), min_size=2, max_size=8))
def test_the_mean_revision_is_never_larger_than_the_mean_absolute_one(values: list[list[float]]) -> None:
    computed = statistics([history(str(n), *value) for n, value in enumerate(values)], "fraction")
    assert computed.mean_revision is not None and computed.mean_absolute_revision is not None
    assert abs(computed.mean_revision) <= computed.mean_absolute_revision * (1 + 1e-12)
    assert computed.standard_error is not None and computed.standard_error >= 0


def test_another_status_is_no_new_value_and_a_suppressed_value_is_left_out() -> None:
    def row(value: float | None, status: str, revision_type: str | None = None) -> dict[str, Any]:
        columns = {"obs_value": value, "obs_status": status, "revision_type": revision_type}
        return {"time_period": "2026-01", "realtime_start": date(2026, 2, 1), **columns}

    (history,) = value_histories([row(10, "P"), row(10, "A"), row(12, "A", "C"), row(None, "Q")])
    assert [(value.obs_value, value.revision_type) for value in history.values] == [(10, None), (12, "C")]
    assert value_histories([row(None, "Q")]) == []


@pytest.fixture(scope="module")
def revised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Published on 5 March 2026, February revised on the 6th and the 9th; today is the 20th."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("revised"), patch)
        before = {"2025-12": cells(90, SE=90), "2026-01": cells(100, SE=75, NO=25)}
        for day, value in (("05", 110), ("06", 115.5), ("09", 121), ("20", 121)):
            warehouse.now(f"2026-03-{day}T06:00:00")
            warehouse.batch = day
            warehouse.feed("orders", newest_delivery=datetime(2026, 3, int(day), 5, tzinfo=UTC))
            warehouse.add(kpi(), {**before, "2026-02": cells(value, SE=value)})
            warehouse.judge(*SPAN)
            warehouse.publish(*SPAN)
        patch.setattr(Company, "load", staticmethod(lambda: warehouse.company))
        patch.setattr(Catalog, "read", staticmethod(lambda _: warehouse.catalog))
        yield warehouse


def answer(*arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return " ".join(result.stdout.split())


@pytest.mark.parametrize(("day", "value"), [("05", 110), ("06", 115.5), ("08", 115.5), ("09", 121), ("20", 121)])
def test_as_of_a_day(revised: Warehouse, day: str, value: float) -> None:
    rows = answer("as-of", f"2026-03-{day}", "revenue")
    assert [(row["time_period"], row["obs_value"]) for row in rows] == [
        ("2025-12", 90), ("2026-01", 100), ("2026-02", value)
    ]  # fmt: skip
    (newest,) = answer("as-of", f"2026-03-{day}")
    assert (newest["kpi_id"], newest["time_period"], newest["obs_value"]) == ("revenue", "2026-02", value)
    assert f"{value:.1f} SEK" in printed("as-of", f"2026-03-{day}")


def test_revisions_of_a_kpi(revised: Warehouse) -> None:
    result = answer("revisions", "revenue")
    values = result["periods"][2]["values"]
    assert [(period["obs_value"], period["revision_type"], period["realtime_start"]) for period in values] == [
        (110, None, "2026-03-05"), (115.5, "R1", "2026-03-06"), (121, "R1", "2026-03-09")
    ]  # fmt: skip
    assert result["statistics"]["mean_revision"] == pytest.approx(0.1 / 3)  # 10 % of one period in three
    assert result["statistics"]["standard_error"] == pytest.approx(0.1 / 3)
    assert [period["time_period"] for period in answer("revisions", "revenue", "--last", "1")["periods"]] == ["2026-02"]
    message = printed("revisions", "revenue")
    assert "1 of 3 periods revised" in message and "+3.33 % ± 3.33 % (standard error)" in message and "third" in message


def test_the_next_closing_dates(revised: Warehouse) -> None:
    rows = answer("calendar", "--next", "2")
    assert [(row["time_period"], row["closes_on"], row["state"], row["kpis"]) for row in rows] == [
        ("2026-03", "2026-04-13", "open", ["revenue"]), ("2026-04", "2026-05-12", "open", ["revenue"])
    ]  # fmt: skip
    assert "2026-03 in 11 days revenue" in printed("calendar")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["as-of", "2026-03-21"], "DAY: lies in the future; found '2026-03-21'; expected 2026-03-20 at the latest"),
        (["as-of", "2026-03-04"], "nothing had been published by then; .* expected 2026-03-05 or later"),
        (["as-of", "yesterday"], "DAY: no such day; found 'yesterday'"),
        (["as-of", "2026-03-05", "revenu"], r"no KPI 'revenu' is adopted \(did you mean 'revenue'"),
        (["as-of", "2026-03-05", "revenue", "--freq", "W"], "revenue is not published weekly"),
        (["revisions", "revenu"], r"no KPI 'revenu' is adopted \(did you mean 'revenue'"),
        (["revisions", "revenue", "--freq", "X"], "not published at this frequency"),
        (["calendar", "--freq", "X"], "not published at this frequency"),
    ],
)
def test_wrong_arguments_are_refused_with_a_message(revised: Warehouse, arguments: list[str], message: str) -> None:
    with pytest.raises(NyckeltalError, match=message):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_before_anything_is_published(revised: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    assert answer("calendar", "--next", "1")[0]["time_period"] == "2026-03"
    with pytest.raises(NyckeltalError, match="nothing has been published yet"):
        CliRunner().invoke(app, ["as-of", "2026-03-05"], catch_exceptions=False)
