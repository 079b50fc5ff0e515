"""What a release of some periods reads of the ledger gives the same vintages and contradictions as all of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from data_quality.ledger import queries
from data_quality.ledger.store import Ledger
from data_quality.release.comparison import reconciliation, vintages
from data_quality.release.comparison.vintages import ELIGIBLE, INCOMING
from metrics.core.periods import parse
from tests.examples import examples
from tests.ledger_factory import append, observation

KPIS = ("revenue", "margin")
PERIODS = (
    *(f"{year}-{month:02}" for year in (2023, 2024, 2025) for month in (1, 2, 3, 12)),
    *("2023-Q1", "2024-Q1", "2025-Q1", "2023", "2025", "2024-W10", "2025-W10"),
)
TODAY = date(2026, 1, 15)
Row = dict[str, Any]


def cell(kpi_id: str, code: str, member: str, value: float | None) -> Row:
    period = parse(code)
    return {
        "kpi_id": kpi_id, "freq": period.freq, "time_period": code,
        "period_start": period.start, "period_end": period.end,
        "segment": "_T" if member == "_T" else "country", "member": member, "obs_value": value,
        "year_to_date": value, "rolling_12_months": value, "conf_status": "F",
    }  # fmt: skip


cells = st.dictionaries(
    st.tuples(st.sampled_from(KPIS), st.sampled_from(PERIODS), st.sampled_from(["_T", "SE"])),
    st.sampled_from([None, 1.0, 2.0, 3.0]),
    min_size=1,
    max_size=25,
)


def eligible_rows(rows: list[Row], version: int) -> pa.Table:
    keys = {(row["kpi_id"], row["time_period"]): row for row in rows}
    columns = ("kpi_id", "freq", "time_period", "period_start", "period_end")
    facts = {
        "closes_on": date(2025, 3, 1), "candidate_hash": "new", "definition_version": version,
        "definition_hash": "def", "breaks": False, "min_n_obs": 0, "estimate": False,
    }  # fmt: skip
    return pa.Table.from_pylist([{name: row[name] for name in columns} | facts for row in keys.values()], ELIGIBLE)


@examples(8, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(1, 2), cells), min_size=1, max_size=3), cells, st.sampled_from(PERIODS))
def test_a_part_of_the_ledger_gives_what_all_of_it_gives(
    tmp_path_factory: Any, releases: list[tuple[int, dict[Any, Any]]], candidates: dict[Any, Any], first: str
) -> None:
    root = str(Path(tmp_path_factory.mktemp("ledger")) / "ledger")
    version = 1
    for step, values in releases:
        version = max(version, step)
        rows = [cell(*key, value) for key, value in values.items()]
        append(Ledger.open(root), *(observation(**row, definition_version=version) for row in rows))
    incoming = [cell(*key, value) for key, value in candidates.items()]
    incoming = [row for row in incoming if row["period_start"] >= parse(first).start]
    table, eligible = pa.Table.from_pylist(incoming, INCOMING), eligible_rows(incoming, version)
    ledger = Ledger.open(root)
    part = queries.compared_with(ledger, parse(first).start, (), dict.fromkeys(KPIS, version))
    assert set(map(str, part.to_pylist())) <= set(map(str, ledger.observations.to_pylist()))
    of_part, of_all = (
        (
            vintages.select(table, eligible, committed, today=TODAY).to_pylist(),
            *((reconciled.sort_by([(name, "ascending") for name in INCOMING.names]).to_pylist(), contradictions)
              for reconciled, contradictions in [reconciliation.reconcile(table, eligible, committed, ["revenue"])]),
        )
        for committed in (part, ledger.observations)
    )  # fmt: skip
    assert of_part == of_all


def test_old_periods_are_not_read_unless_another_version_or_all_of_a_kpi_is_needed(tmp_path: Path) -> None:
    root = str(tmp_path / "ledger")
    old, new = cell("revenue", "2022-12", "_T", 1.0), cell("revenue", "2025-01", "_T", 1.0)
    append(Ledger.open(root), observation(**old), observation(**new), observation(**cell("margin", "2022-12", "_T", 1)))
    ledger = Ledger.open(root)

    def periods(whole: tuple[str, ...] = (), version: int = 1) -> set[tuple[str, str]]:
        versions = {"revenue": version, "margin": 1}
        rows = queries.compared_with(ledger, date(2025, 6, 1), whole, versions).to_pylist()
        return {(row["kpi_id"], row["time_period"]) for row in rows}

    assert periods() == {("revenue", "2025-01")}
    assert periods(version=2) == {("revenue", "2025-01"), ("revenue", "2022-12")}
    assert periods(whole=("margin",)) == {("revenue", "2025-01"), ("margin", "2022-12")}
