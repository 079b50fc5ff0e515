"""The cells of eligible keys as they may leave the warehouse: those of protected KPIs after disclosure control."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from data_quality.disclosure.control import controlled
from data_quality.release.snapshot import ReleaseSnapshot
from data_quality.release.vintages import INCOMING
from metrics.core import clock
from metrics.definitions.catalog import Catalog, Key


def cells(eligible: Collection[Key], offer: ReleaseSnapshot, catalog: Catalog, committed: pa.Table) -> pa.Table:
    """The cells of the eligible keys in the columns INCOMING; `committed` are the ledger's observations."""
    keys: dict[str, set[str]] = defaultdict(set)
    for kpi_id, _, time_period in eligible:
        keys[kpi_id].add(time_period)  # a period's code tells its freq
    tables = [INCOMING.empty_table()]
    protected = {kpi.kpi_id: kpi for kpi in catalog.kpis if kpi.protected and kpi.kpi_id in offer.rows}
    for kpi_id, periods in keys.items():
        if kpi_id in protected:
            continue
        rows = offer.rows[kpi_id]
        rows = rows.filter(pc.is_in(rows.column("time_period"), value_set=pa.array(sorted(periods), pa.string())))
        free = pa.array(["F"] * rows.num_rows, pa.string())
        tables.append(rows.append_column("conf_status", free).select(INCOMING.names).cast(INCOMING))
    if protected.keys() & keys.keys():
        people = [row for kpi_id in protected for row in offer.rows[kpi_id].to_pylist()]
        today = clock.today(catalog.calendar.time_zone)
        free_rows = controlled(people, eligible, protected, committed, today, offer.histories)
        tables.append(
            pa.Table.from_pylist([{name: row[name] for name in INCOMING.names} for row in free_rows], schema=INCOMING)
        )
    return pa.concat_tables(tables)
