"""Which days the checks of rows and values look at."""

from __future__ import annotations

from data_quality.gate.checks.spans import spans
from data_quality.gate.keys import Planned
from metrics.core.periods import parse
from metrics.definitions.catalog import Key
from tests.warehouse_factory import kpi

REVENUE = kpi("revenue", freqs=("M", "Q"))
MONTHS = [("revenue", "M", f"2026-0{month}") for month in (7, 8, 9)]


def looked_at(*codes: str, baseline: tuple[str, ...] = (), published: list[Key], held: list[Key]) -> list[str]:
    """The first months of the spans of the last of those periods."""
    planned = [Planned(REVENUE, parse(code), is_over=True) for code in codes]
    rows = spans(planned, [code in baseline for code in codes], published, held)
    return [f"{start:%Y-%m}" for key_no, _, _, start, _ in rows if key_no == len(codes) - 1]


def test_a_quarter_is_judged_by_the_months_that_were_not_published_by_themselves() -> None:
    assert looked_at("2026-Q3", published=[], held=[]) == ["2026-07", "2026-08", "2026-09"]
    assert looked_at("2026-Q3", published=MONTHS[:2], held=[]) == ["2026-09"]
    assert looked_at("2026-Q3", published=MONTHS, held=[]) == []


def test_a_month_that_was_published_and_is_held_now_is_looked_at_in_its_quarter() -> None:
    assert looked_at("2026-Q3", published=MONTHS, held=MONTHS[:1]) == ["2026-07"]
    assert looked_at("2026-09", "2026-Q3", published=MONTHS, held=[]) == ["2026-09"]


def test_months_of_the_baseline_are_no_suspects_in_a_quarter_that_goes_on_after_it() -> None:
    judged_months = looked_at("2026-07", "2026-08", "2026-Q3", baseline=("2026-07",), published=[], held=[])
    assert judged_months == ["2026-08", "2026-09"]
