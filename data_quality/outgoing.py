"""The cells of admitted keys as they may leave the warehouse: those of protected KPIs after disclosure control."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import pyarrow as pa

from data_quality import disclosure
from data_quality.offer import Offer
from data_quality.verdict import Key
from data_quality.vintages import INCOMING
from metrics.catalog import Catalog, CatalogKpi

# Of a protected KPI: how many persons there are, and sums that could be taken apart into suppressed months.
_UNSAID = dict.fromkeys(("n_persons_numerator", "n_persons_denominator", "year_to_date", "rolling_12_months"))


def cells(admitted: Collection[Key], offer: Offer, catalog: Catalog, committed: pa.Table) -> pa.Table:
    """The cells of the admitted keys in the columns INCOMING; `committed` are the ledger's observations."""
    keys: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for kpi_id, freq, time_period in admitted:
        keys[kpi_id].add((freq, time_period))
    tables = []
    for kpi_id, chosen in keys.items():
        rows = offer.rows[kpi_id]
        wanted = [
            pair in chosen
            for pair in zip(rows.column("freq").to_pylist(), rows.column("time_period").to_pylist(), strict=True)
        ]
        rows = rows.filter(pa.array(wanted, pa.bool_()))
        kpi = catalog.kpi(kpi_id)
        if kpi.protected:
            tables.append(_disclosed(rows, kpi, committed))
        else:
            free = pa.array(["F"] * rows.num_rows, pa.string())
            tables.append(rows.append_column("conf_status", free).select(INCOMING.names).cast(INCOMING))
    return pa.concat_tables(tables) if tables else INCOMING.empty_table()


def _disclosed(rows: pa.Table, kpi: CatalogKpi, committed: pa.Table) -> pa.Table:
    """A protected KPI's cells as they may leave the warehouse: without persons, and without what is suppressed."""
    hidden_before: dict[tuple[str, str], set[disclosure.Cell]] = defaultdict(set)
    columns = ["kpi_id", "freq", "time_period", "segment", "member", "conf_status"]
    for row in committed.select(columns).to_pylist():
        if row["kpi_id"] == kpi.kpi_id and row["conf_status"] != "F":
            hidden_before[row["freq"], row["time_period"]].add((row["segment"], row["member"]))
    cells: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows.to_pylist():
        cells[row["freq"], row["time_period"]].append(row)
    free = []
    for key, members in cells.items():
        hidden = disclosure.control(
            members, kpi.disclosure_threshold, nested=kpi.nested_persons, hidden_before=hidden_before[key]
        )
        for row in members:
            status = hidden.get((row["segment"], row["member"]), "F")
            shown = row if status == "F" else disclosure.suppressed(row)
            free.append({**shown, **_UNSAID, "conf_status": status})
    names = set(INCOMING.names)
    return pa.Table.from_pylist([{k: v for k, v in row.items() if k in names} for row in free], schema=INCOMING)
