"""A company of few rows, all of them random: what the gate must not find anything in."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from metrics.core.periods import period_of
from metrics.definitions.catalog import CatalogKpi
from metrics.definitions.feeds import Feed
from tests.warehouse_factory import OPEN_FOR_YEARS, Warehouse, kpi

FIRST, LAST = date(2023, 7, 3), date(2026, 2, 28)
COUNTRIES = ("SE", "NO", "DK")
KPIS: dict[str, dict[str, Any]] = {
    "revenue": {"unit": "currency", "kind": "flow"},
    "orders": {"unit": "count", "kind": "flow"},
    "paid_share": {"unit": "fraction", "kind": "ratio", "metric_type": "ratio", "additive_segments": False},
    "order_value": {"unit": "currency", "kind": "ratio", "metric_type": "ratio", "additive_segments": False},
}


def fill(warehouse: Warehouse, seed: int, rows_a_week: float, *, with_id: bool = True) -> None:
    """Orders and the KPIs computed from them: so many a week by chance, each of a random country, size and payment.

    Without `with_id` rows are of few values, so that some are the same by chance.
    """
    rng = np.random.default_rng(seed)
    warehouse.calendar = OPEN_FOR_YEARS
    days = [FIRST + timedelta(days=int(day)) for day in range((LAST - FIRST).days + 1)]
    counts = rng.poisson(rows_a_week / 7, len(days))
    on = [day for day, count in zip(days, counts, strict=True) for _ in range(count)]
    n = len(on)
    notes = np.where(rng.random(n) < 0.9, rng.choice(["a", "b"], n), None)
    rows: dict[str, Any] = {
        "ordered_at": pa.array(on, pa.date32()).cast(pa.timestamp("us")),
        "country": rng.choice(COUNTRIES, n, p=[0.7, 0.2, 0.1]).tolist(),
        "amount": (rng.lognormal(4, 0.8, n).round() if with_id else rng.integers(1, 4, n)).tolist(),
        "paid": (rng.random(n) < 0.7).tolist(),
        "note": notes.tolist(),
    }
    columns = {"country": "text", "amount": "number", "paid": "boolean", "note": "text"}
    if with_id:
        rows = {"order_id": [f"A{number:06d}" for number in range(n)], **rows}
        columns = {"order_id": "text", **columns}
    warehouse.feeds["orders"] = _feed(columns)
    warehouse.feed("orders", history_from=FIRST, watermark=LAST)
    table = pa.table(rows)
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.register("rows", table)
        connection.execute(
            "create table raw.orders as select *, ordered_at + interval 6 hour as _loaded_at,"
            " 'orders_' || ordered_at::date || '.csv' as _source_file from rows"
        )
    for kpi_id, fields in KPIS.items():
        entry = kpi(kpi_id, freqs=("W", "M"), observable_from=FIRST, inputs={"orders": tuple(columns)}, **fields)
        warehouse.add(entry, _values(entry, rows, on))


def _feed(columns: dict[str, str]) -> Feed:
    return Feed.model_validate(
        {
            "name": "orders",
            "system": "shop",
            "file": "shop.yml",
            "line": 1,
            "description": "",
            "path": "orders/*.csv",
            "format": "csv",
            "columns": {"ordered_at": "timestamp", **columns},
            "time_column": "ordered_at",
            "history_from": FIRST,
        }
    )


def _values(entry: CatalogKpi, rows: dict[str, Any], on: list[date]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, dict[tuple[str, str], list[int]]] = defaultdict(lambda: defaultdict(list))
    for freq in entry.freqs:
        period = period_of(freq, FIRST)
        while period.end <= LAST:
            groups[period.code]["_T", "_T"] = []
            period = period.next()
        for number, day in enumerate(on):
            if (code := period_of(freq, day).code) in groups:
                groups[code]["_T", "_T"].append(number)
                groups[code]["country", rows["country"][number]].append(number)
    return {
        code: [
            {"segment": segment, "member": member, **_value(entry.kpi_id, rows, chosen)}
            for (segment, member), chosen in cells.items()
        ]
        for code, cells in groups.items()
    }


def _value(kpi_id: str, rows: dict[str, Any], chosen: list[int]) -> dict[str, Any]:
    n, amount = len(chosen), float(sum(rows["amount"][number] for number in chosen))
    if kpi_id in ("revenue", "orders"):
        value = amount if kpi_id == "revenue" else float(n)
        return {"obs_value": value, "numerator": value, "n_obs": n}
    numerator = amount if kpi_id == "order_value" else float(sum(rows["paid"][number] for number in chosen))
    return {"obs_value": numerator / n if n else None, "numerator": numerator, "denominator": float(n), "n_obs": n}
