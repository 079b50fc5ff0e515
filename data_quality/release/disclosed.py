"""Disclosed observations: the cells of eligible keys. Cells of protected KPIs have passed disclosure control."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from data_quality.disclosure.control import controlled
from data_quality.release.comparison.vintages import INCOMING
from data_quality.release.snapshot import ReleaseSnapshot
from metrics.core import clock
from metrics.definitions.catalog import Catalog, Key


def cells(
    eligible: Collection[Key], release_snapshot: ReleaseSnapshot, catalog: Catalog, committed: pa.Table
) -> pa.Table:
    """The cells of the eligible keys, with the columns INCOMING; `committed` are the ledger's observations."""
    keys: dict[str, set[str]] = defaultdict(set)
    for kpi_id, _, time_period in eligible:
        keys[kpi_id].add(time_period)  # the code of a period implies its freq
    tables = [INCOMING.empty_table()]
    protected = {kpi.kpi_id: kpi for kpi in catalog.kpis if kpi.protected and kpi.kpi_id in release_snapshot.rows}
    for kpi_id, periods in keys.items():
        if kpi_id in protected:
            continue
        rows = release_snapshot.rows[kpi_id]
        rows = rows.filter(pc.is_in(rows.column("time_period"), value_set=pa.array(sorted(periods), pa.string())))
        free = pa.array(["F"] * rows.num_rows, pa.string())
        tables.append(rows.append_column("conf_status", free).select(INCOMING.names).cast(INCOMING))
    if protected.keys() & keys.keys():
        protected_rows = [row for kpi_id in protected for row in release_snapshot.rows[kpi_id].to_pylist()]
        today = clock.today(catalog.calendar.time_zone)
        disclosed = controlled(protected_rows, eligible, protected, committed, today, release_snapshot.histories)
        tables.append(
            pa.Table.from_pylist([{name: row[name] for name in INCOMING.names} for row in disclosed], schema=INCOMING)
        )
    return pa.concat_tables(tables)
