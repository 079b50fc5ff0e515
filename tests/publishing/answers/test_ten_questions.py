"""The SQL of `docs/how-to/ten_questions.md` against a published file: short, and without a trap."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

import publishing
from data_quality.ledger.schemas import VERDICTS
from data_quality.ledger.store import Ledger
from metrics.core import deployment
from metrics.core.deployment import PROJECT
from metrics.core.periods import parse
from metrics.definitions.catalog import Catalog
from publishing import reader
from publishing.answers.values import value
from tests import warehouse_factory
from tests.ledger_factory import observation, table
from tests.warehouse_factory import Warehouse, kpi

PAGE = PROJECT / "docs" / "how-to" / "ten_questions.md"
QUESTIONS = re.findall(r"^## \d+\. ([^\n]+)\n\n```sql\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


MORE = re.findall(r"^### ([^\n]+)\n\n```sql\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def row(kpi_id: str, code: str, value: float | None, segment: str = "_T", member: str = "_T", **facts: Any) -> Any:
    period = parse(code)
    return observation(
        kpi_id=kpi_id, freq=period.freq, time_period=code, period_start=period.start, period_end=period.end,
        segment=segment, member=member, obs_value=value, **facts,
    )  # fmt: skip


def catalog(warehouse: Warehouse) -> Catalog:
    ratio: dict[str, Any] = {"kind": "ratio", "additive_segments": False, "direction": "down"}
    kpis = (
        kpi("cac", name="CAC", freqs=("M",), segments=(), target=400.0, metric="cac", numerator_metric="cost",
            denominator_metric="customers", sql="select 1", description="Cost per new customer.", **ratio),
        kpi("women_in_management", name="Women in management", freqs=("M",), segments=("department",), target=None,
            direction="none", protected=True, unit="fraction"),
        kpi("net_revenue", name="Net revenue", freqs=("W", "M", "Q"), target=90.0, target_freq="M",
            segments=("country", "channel", "channel:country")),
        kpi("nps", name="NPS", freqs=("M",), segments=(), target=None, unit="points", lower_bound=-100.0),
        kpi("stock_days", name="Stock days", freqs=("M",), segments=(), target=None, direction="band"),
        kpi("return_rate", name="Return rate", freqs=("M",), segments=(), target=0.1, unit="fraction", **ratio),
    )  # fmt: skip
    return Catalog(
        company="Test", reporting_currency="SEK", calendar=warehouse.company.calendar,
        objectives=warehouse.company.objectives, kpis=kpis,
    )  # fmt: skip


def release(warehouse: Warehouse, day: date, rows: list[Any]) -> None:
    Ledger.open(deployment.ledger_path()).append(
        table(rows),
        table([], VERDICTS),
        realtime_start=day,
        published_at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        catalog=catalog(warehouse).definitions_json,
        batch_id="b",
    )


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[tuple[Any, ...]]]]:
    """The answer to each question, by the question."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("questions")
        warehouse_factory.point_at(folder, patch)
        warehouse = Warehouse(folder / "warehouse.duckdb", patch)
        hidden = {"obs_status": "Q", "conf_status": "C"}
        first = [
            *(row("net_revenue", code, 80.0) for code in ("2025-10", "2025-Q3")),
            *(row("net_revenue", "2026-10", 100.0), row("net_revenue", "2026-Q3", 270.0)),
            row("net_revenue", "2025-Q3", 50.0, "country", "SE"), row("net_revenue", "2026-Q3", 75.0, "country", "SE"),
            row("net_revenue", "2026-Q3", 195.0, "country", "NO"),
            row("net_revenue", "2026-Q3", 270.0, "channel", "web"),
            row("net_revenue", "2026-10", 60.0, "channel:country", "web:SE"),
            row("net_revenue", "2026-10", 40.0, "channel:country", "shop:_U"),
            *(row("net_revenue", code, 25.0) for code in ("2026-W43", "2026-W44", "2026-W47")),
            row("women_in_management", "2026-10", 0.60),
            row("women_in_management", "2026-10", 0.57, "department", "Sales"),
            row("women_in_management", "2026-10", None, "department", "Legal", **hidden),
            row("women_in_management", "2026-10", None, "department", "Board", **hidden),
            row("cac", "2025-10", 400.0), row("cac", "2026-09", 450.0, rolling_12_months=430.0),
            row("cac", "2026-10", 500.0, rolling_12_months=440.0, obs_status="U"),
            row("nps", "2025-10", 8.0), row("nps", "2026-10", 4.0),
            row("stock_days", "2025-10", 30.0), row("stock_days", "2026-10", 10.0),
            row("return_rate", "2025-10", 0.10), row("return_rate", "2026-10", 0.05),
        ]  # fmt: skip
        release(warehouse, date(2026, 11, 5), first)
        revised = row(
            "cac", "2026-09", 455.0, rolling_12_months=431.0, revision_type="R1", revision_reason="newer rows"
        )
        release(warehouse, date(2026, 11, 9), [row("women_in_management", "2026-10", 0.61, revision_type="R1")])
        release(warehouse, date(2026, 11, 20), [revised])
        publishing.publish()
        yield {question: reader.table(sql)[1] for question, sql in [*QUESTIONS, *MORE]}


def test_there_are_ten_and_each_has_at_most_three_lines() -> None:
    assert len(QUESTIONS) == 10 and len(MORE) == 6
    assert all(len(sql.splitlines()) <= 3 for _, sql in [*QUESTIONS, *MORE])


def test_the_answers_are_right(answers: dict[str, list[tuple[Any, ...]]]) -> None:
    expected: list[list[tuple[Any, ...]]] = [
        [("NO", "2026-Q3", 195.0, None, None, "normal"), ("SE", "2026-Q3", 75.0, 50.0, 0.5, "normal")],
        [("CAC", "cfo@example.com", "2026-10", 500.0, 400.0, False)],
        [("cac", "2026-09", "_T", "_T", 450.0, 455.0, "R1", "newer rows")],
        [("Board", None, "suppressed"), ("Legal", None, "suppressed"), ("Sales", 0.57, "normal")],
        [("CAC", "2026-10", -0.25), ("Net revenue", "2026-10", 0.25), ("Return rate", "2026-10", 0.5)],
        [
            ("2026-10", 500.0, 440.0, "few observations"),
            ("2026-09", 455.0, 431.0, "normal"),
            ("2025-10", 400.0, None, "normal"),
        ],
        [("Cost per new customer.", "cost / customers", "orders", 1, "select 1")],
        [("Net revenue", "W", "2026-W47", 25.0, "normal", date(2026, 12, 1))],
        [
            ("2026-W44", date(2026, 10, 26), date(2026, 11, 1), 25.0, "normal"),
            ("2026-W47", date(2026, 11, 16), date(2026, 11, 22), 25.0, "normal"),
        ],
        [("SE", "web", 60.0, None, "normal"), ("_U", "shop", 40.0, None, "normal")],
    ]
    for (question, _), rows in zip(QUESTIONS, expected, strict=True):
        assert answers[question] == [pytest.approx(entry) for entry in rows], question


@pytest.mark.usefixtures("answers")
def test_an_assistant_asks_for_a_combination_in_any_order() -> None:
    for segment in ("country:channel", "channel:country"):
        quote = value("net_revenue", "2026-10", segment, "web:SE")["quote"]
        assert quote.startswith("Net revenue (channel × country web × SE), October 2026: 60.00\N{NO-BREAK SPACE}SEK")
