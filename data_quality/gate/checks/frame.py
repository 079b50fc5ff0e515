"""The frame that the gate judges: the figure and the limits of every check, for every planned key.

The checks read the temporary tables of `candidates.py`, `description.py`, `history.py` and `profiles/`, and those made
here: spans, limits (key_no, check_name, holds_above), and for checks of a later stage failing_keys and held_periods.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from datetime import datetime

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_quality.gate.candidates import Loaded
from data_quality.gate.checks import blocks, description, history
from data_quality.gate.checks.check import LEVELS, Check, Level
from data_quality.gate.checks.registry import CHECKS
from data_quality.gate.checks.rows import unmatched_keys
from data_quality.gate.checks.series import Numbers
from data_quality.gate.checks.spans import SPANS, spans
from data_quality.gate.keys import Planned
from data_quality.gate.profiles import feed_statistics
from data_quality.ledger.queries import published_keys
from data_quality.ledger.store import Ledger
from metrics.core import clock
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from metrics.definitions.gate_settings import Limit

COLUMNS = ("key_no", "figure", "applies", "detail")
Limits = Mapping[tuple[str, Level], Numbers]
"""Of every check and level the limit for each planned key, NaN where it has none."""

_FAILING = """
create or replace temp table failing_keys as
select key_no, for_data or r.kpi_id is not null as for_data
from failing
join planned using (key_no)
left join rejected r using (kpi_id, freq, time_period)
where held or r.kpi_id is not null;
create or replace temp table held_periods as
select kpi_id, freq, time_period, period_start, period_end
from failing
join planned using (key_no)
anti join released using (kpi_id, freq, time_period)
where held_by_chance
union all
select kpi_id, freq, time_period, period_start, period_end
from held_by_chance_before
join candidate_rows using (kpi_id, freq, time_period)
anti join planned using (kpi_id, freq, time_period)
anti join released using (kpi_id, freq, time_period)
where segment = '_T' and member = '_T'
"""


def limits(kpi: CatalogKpi, check: Check, *, in_baseline: bool = False) -> tuple[float, float]:
    """The figures above which the check flags and holds a value of the KPI; NaN where it doesn't.

    In the baseline nothing is held but for faults of computation: what would be is flagged.
    """
    setting = kpi.gate.get(check.name)
    if setting is not None and setting.off is not None:
        return math.nan, math.nan
    flag = _limit(check.flag, setting.flag if setting else None)
    hold = _limit(check.hold, setting.hold if setting else None)
    if in_baseline and check.family != "computation":
        return (flag if math.isnan(hold) else hold), math.nan
    return flag, hold


def _limit(default: float | None, own: Limit | None) -> float:
    stated = default if own is None else own
    return math.nan if stated is None or stated == "never" else float(stated)


def figures(
    connection: duckdb.DuckDBPyConnection,
    company: Company,
    catalog: Catalog,
    planned: Sequence[Planned],
    in_baseline: Sequence[bool],
    loaded: Loaded,
    ledger: Ledger | None,
) -> pd.DataFrame:
    """One row per planned key in the plan's order (`key_no`).

    Columns: key_no, and for each check c: c (its figure), c__applies, c__detail, c__feed, and for each level its limit
    c__flag and c__hold, NaN where there is none. A check that is off doesn't apply.
    `in_baseline` says which keys are the history that the company started with; `ledger` is None where there is none
    yet.
    """
    limits_of_keys: dict[tuple[str, Level], Numbers] = {}
    for check in CHECKS:
        by_key = [limits(item.kpi, check, in_baseline=old) for item, old in zip(planned, in_baseline, strict=True)]
        for level, of_level in zip(LEVELS, np.array(by_key, dtype=float).reshape(-1, 2).T, strict=True):
            limits_of_keys[check.name, level] = of_level
    description.load(connection, company, catalog, planned, loaded.unreadable)
    history.load(connection, ledger, loaded.candidates)
    held = set(connection.execute("select kpi_id, freq, time_period from held_keys").fetchall())
    published = published_keys(ledger) if ledger else set()
    description.put(connection, "spans", spans(planned, in_baseline, published, held), SPANS)
    _put_limits(connection, limits_of_keys, len(planned))
    connection.execute("set variable company_started = ?", [_started(ledger)])
    _look_at_feeds(connection, company, catalog)
    frame = pd.DataFrame({"key_no": range(len(planned))})
    for stage in (1, 2, 3):
        if stage > 1:
            _tell_failing(connection, frame, [check for check in CHECKS if check.stage < stage])
        columns: dict[str, pd.Series] = {}
        for check in (check for check in CHECKS if check.stage == stage):
            columns |= _columns(connection, check, limits_of_keys, len(planned))
        frame = frame.join(pd.DataFrame(columns))
    return frame


def _started(ledger: Ledger | None) -> datetime:
    """When the company judged something first: now, where it hasn't yet."""
    first = pc.min(ledger.verdicts.column("judged_at")).as_py() if ledger else None
    return first or clock.now()


def _put_limits(connection: duckdb.DuckDBPyConnection, limits_of_keys: Limits, count: int) -> None:
    """Put the limits above which checks hold into the temporary table `limits`."""
    holding = pd.concat(
        pd.DataFrame(
            {"key_no": range(count), "check_name": check.name, "holds_above": limits_of_keys[check.name, "hold"]}
        )
        for check in CHECKS
    )
    connection.register("holding", pa.Table.from_pandas(holding, preserve_index=False))
    connection.execute("create or replace temp table limits as from holding where not isnan(holds_above)")
    connection.unregister("holding")


def _columns(
    connection: duckdb.DuckDBPyConnection, check: Check, limits_of_keys: Limits, count: int
) -> dict[str, pd.Series]:
    """The frame's columns of one check."""
    computed = _figure(check, connection, count)
    of_levels = {level: limits_of_keys[check.name, level] for level in LEVELS}
    is_made = ~np.isnan(of_levels["flag"]) | ~np.isnan(of_levels["hold"])
    return {
        check.name: computed["figure"],
        f"{check.name}__applies": computed["applies"] & is_made,
        f"{check.name}__detail": computed["detail"],
        f"{check.name}__feed": computed["feed"],
        **{f"{check.name}__{level}": pd.Series(limit) for level, limit in of_levels.items()},
    }


def _tell_failing(connection: duckdb.DuckDBPyConnection, frame: pd.DataFrame, checks: Sequence[Check]) -> None:
    """Put into temporary tables what those checks hold.

    `failing_keys` has the key_no of keys that they hold, or whose candidate was rejected, and `for_data`: whether
    their data are at fault, rather than still to come or surprising. `held_periods` has the periods that are complete
    and that a check by chance holds, in this run or an earlier one; but for those that were released.
    """
    failing = pd.DataFrame({"key_no": frame.index, "held": False, "for_data": False, "held_by_chance": False})
    to_come = pd.Series(False, index=failing.index)
    for check in checks:
        limit = frame[f"{check.name}__hold"]
        fails = frame[f"{check.name}__applies"] & limit.notna() & ~(frame[check.name] <= limit)
        failing["held"] |= fails
        failing["for_data"] |= fails & (not (check.fixed or check.by_chance))
        failing["held_by_chance"] |= fails & frame[check.name].notna() & check.by_chance
        to_come |= fails & check.fixed
    failing["held_by_chance"] &= ~to_come
    connection.register("failing", pa.Table.from_pandas(failing, preserve_index=False))
    connection.execute(_FAILING)
    connection.unregister("failing")


def _look_at_feeds(connection: duckdb.DuckDBPyConnection, company: Company, catalog: Catalog) -> None:
    """Statistics that can't be made are missing to the figures that need them, which then have no value."""
    for table in ("feed_sums", "rejected_days", "column_blocks", "key_days"):
        connection.execute(f"drop table if exists temp.{table}")
    try:
        feed_statistics.update(connection, company.feeds, catalog.labels, company.calendar)
        connection.execute(blocks.BLOCKS)
        unmatched_keys.count(connection, company.feeds)
    except duckdb.Error as error:
        logging.getLogger(__name__).error("the feeds' statistics could not be made: %s", type(error).__name__)


def _figure(check: Check, connection: duckdb.DuckDBPyConnection, count: int) -> pd.DataFrame:
    """The figure of every key by key_no. One that fails altogether has no value, and so passes nothing."""
    try:
        found = check.figure(connection)
        table = found[list(COLUMNS)].assign(feed=found.get("feed"))
    except Exception as error:  # whatever goes wrong, what it would have judged is held; the message may hold values
        logging.getLogger(__name__).error("the check %s could not be made: %s", check.name, type(error).__name__)
        table = pd.DataFrame({column: [] for column in (*COLUMNS, "feed")})
    table = table.drop_duplicates("key_no", keep=False).set_index("key_no").reindex(range(count))
    return pd.DataFrame(
        {
            "figure": table["figure"].astype("float64"),
            # A key that the query lost, or gave twice, is one to which the figure applies and that has none.
            "applies": table["applies"].astype("boolean").fillna(True).astype(bool),
            "detail": table["detail"].astype("object").fillna(""),
            "feed": table["feed"].astype("object").where(table["feed"].notna(), None),
        }
    )
