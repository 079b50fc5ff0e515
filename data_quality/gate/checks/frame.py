"""The frame that the gate judges: the figure and the limits of every check, for every planned key.

The checks read the temporary tables of `candidates.py`, `description.py`, `history.py` and `profiles/`, and those
created here: spans, limits (key_no, check_name, holds_above), and for checks of stages 2 and 3 failing_keys and
held_periods.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

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
from data_quality.gate.profiles import feed_statistics, mended_days
from data_quality.ledger.queries import published_keys
from data_quality.ledger.store import Ledger
from data_quality.warehouse import put
from metrics.core import clock
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from metrics.definitions.kpis.gate_settings import Limit

Limits = Mapping[tuple[str, Level], Numbers]
"""By check name and level: an array with the limit of each planned key, NaN where it has none."""

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
    """The limits (flag, hold) above which the check flags or holds a value of the KPI; NaN where it never does.

    In the baseline only checks of computation hold. What another check would hold is flagged.
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
    """The KPI's own limit, else the default of the check."""
    limit = default if own is None else own
    return math.nan if limit is None or limit == "never" else float(limit)


def figures(
    connection: duckdb.DuckDBPyConnection,
    company: Company,
    catalog: Catalog,
    planned: Sequence[Planned],
    in_baseline: Sequence[bool],
    loaded: Loaded,
    ledger: Ledger | None,
) -> pd.DataFrame:
    """The frame that the gate judges: one row per planned key, in their order (`key_no`).

    Columns: key_no, and for each check c: c (its figure), c__applies, c__detail, c__feed, and its limits c__flag and
    c__hold, NaN where there is none. A check that is off doesn't apply. `in_baseline` has an element for each planned
    key: whether it belongs to the history that the company started with. `ledger` is None if nothing was ever judged.
    """
    limits_of_keys: dict[tuple[str, Level], Numbers] = {}
    for check in CHECKS:
        flag_and_hold = [
            limits(planned_key.kpi, check, in_baseline=is_old)
            for planned_key, is_old in zip(planned, in_baseline, strict=True)
        ]
        for level, level_limits in zip(LEVELS, np.array(flag_and_hold, dtype=float).reshape(-1, 2).T, strict=True):
            limits_of_keys[check.name, level] = level_limits
    description.load(connection, company, catalog, planned, loaded.unreadable)
    history.load(connection, ledger, loaded.candidates)
    held = set(connection.execute("select kpi_id, freq, time_period from held_keys").fetchall())
    published = published_keys(ledger) if ledger else set()
    put(connection, "spans", SPANS, spans(planned, in_baseline, published, held))
    _put_limits(connection, limits_of_keys, len(planned))
    connection.execute("set variable company_started = ?", [_started(ledger)])
    _update_feed_statistics(connection, company, catalog)
    frame = pd.DataFrame({"key_no": range(len(planned))})
    for stage in (1, 2, 3):
        if stage > 1:
            _record_failing(connection, frame, [check for check in CHECKS if check.stage < stage])
        columns: dict[str, Any] = {}
        for check in (check for check in CHECKS if check.stage == stage):
            columns |= _columns(connection, check, limits_of_keys, len(planned))
        frame = frame.join(pd.DataFrame(columns))
    return frame


def _started(ledger: Ledger | None) -> datetime:
    """When the company first judged a value; now, if it never has."""
    first = pc.min(ledger.verdicts.column("judged_at")).as_py() if ledger else None
    return first or clock.now()


def _put_limits(connection: duckdb.DuckDBPyConnection, limits_of_keys: Limits, count: int) -> None:
    """Put the limits above which checks hold into the temporary table `limits`; NaN limits are left out."""
    holding = pd.concat(
        pd.DataFrame(
            {"key_no": range(count), "check_name": check.name, "holds_above": limits_of_keys[check.name, "hold"]}
        )
        for check in CHECKS
    )
    connection.register("holding", pa.Table.from_pandas(holding, preserve_index=False))
    connection.execute("create or replace temp table limits as from holding where not isnan(holds_above)")
    connection.unregister("holding")


def _columns(connection: duckdb.DuckDBPyConnection, check: Check, limits_of_keys: Limits, count: int) -> dict[str, Any]:
    """The columns of one check, as `figures` describes them."""
    computed = _figure(check, connection, count)
    limit_by_level = {level: limits_of_keys[check.name, level] for level in LEVELS}
    is_made = ~np.isnan(limit_by_level["flag"]) | ~np.isnan(limit_by_level["hold"])
    return {
        check.name: computed["figure"],
        f"{check.name}__applies": computed["applies"] & is_made,
        f"{check.name}__detail": pd.Series(computed["detail"], dtype=object),
        f"{check.name}__feed": pd.Series(computed["feed"], dtype=object),  # not of strings, where None becomes NaN
        **{f"{check.name}__{level}": limit for level, limit in limit_by_level.items()},
    }


def _record_failing(connection: duckdb.DuckDBPyConnection, frame: pd.DataFrame, checks: Sequence[Check]) -> None:
    """Put into temporary tables what these checks hold, for the checks of the next stage.

    `failing_keys` has a row for each planned key that they hold or whose candidate was rejected: key_no and for_data,
    whether it is held for a fault of its data, rather than for data that are still to come or a statistical deviation.
    `held_periods` has the periods with complete data that a statistical check (`by_chance`) holds, in this run or an
    earlier one, without those that were released.
    """
    # In arrays of NumPy, and so below: with pandas, this took a third of the gate's time for a few keys.
    held, for_data, held_by_chance, is_to_come = (np.zeros(len(frame), dtype=bool) for _ in range(4))
    for check in checks:
        figure, limit = frame[check.name].to_numpy(), frame[f"{check.name}__hold"].to_numpy()
        fails = frame[f"{check.name}__applies"].to_numpy() & ~np.isnan(limit) & ~(figure <= limit)
        held |= fails
        if check.fixed:
            is_to_come |= fails
        if check.by_chance:
            held_by_chance |= fails & ~np.isnan(figure)
        if not (check.fixed or check.by_chance):
            for_data |= fails
    columns = {"held": held, "for_data": for_data, "held_by_chance": held_by_chance & ~is_to_come}
    connection.register("failing", pa.table({"key_no": np.arange(len(frame)), **columns}))
    connection.execute(_FAILING)
    connection.unregister("failing")


def _update_feed_statistics(connection: duckdb.DuckDBPyConnection, company: Company, catalog: Catalog) -> None:
    """Bring the statistics of the feeds up to date, and create the temporary tables computed from them.

    After an error the tables are missing. The checks that read them then have no figure, and hold.
    """
    for table in ("feed_sums", "rejected_days", "mended_days", "column_blocks", "key_days"):
        connection.execute(f"drop table if exists temp.{table}")
    try:
        feed_statistics.update(connection, company.feeds, catalog.labels, company.calendar)
        mended_days.find(connection)
        connection.execute(blocks.BLOCKS)
        unmatched_keys.create_key_days(connection, company.feeds)
    except duckdb.Error as error:
        logging.getLogger(__name__).error("the statistics of the feeds could not be computed: %s", type(error).__name__)


def _figure(check: Check, connection: duckdb.DuckDBPyConnection, count: int) -> dict[str, Any]:
    """Run the check: arrays with figure, applies, detail and feed, which have an element for each of `count` keys.

    A key without a row, or with several rows, has no figure, and so has every key after an error. Then it is held.
    """
    columns: dict[str, Any] = {
        "figure": np.full(count, np.nan),
        "applies": np.ones(count, dtype=bool),
        "detail": np.full(count, "", dtype=object),
        "feed": np.full(count, None, dtype=object),
    }
    try:
        computed = check.compute(connection)
        keys = computed["key_no"].to_numpy(dtype="int64")
        rows = np.flatnonzero((np.bincount(keys, minlength=count)[keys] == 1) & (keys < count))
        values = {
            "figure": computed["figure"].to_numpy(dtype="float64", na_value=np.nan),
            "applies": computed["applies"].astype("boolean").fillna(True).to_numpy(dtype=bool),
            "detail": _texts(computed["detail"], ""),
        }
        if "feed" in computed:
            values["feed"] = _texts(computed["feed"], None)
        for name, column in values.items():
            columns[name][keys[rows]] = column[rows]
    except Exception as error:  # fails closed: every key is held. The message isn't logged, as it may quote values.
        logging.getLogger(__name__).error("the check %s could not be computed: %s", check.name, type(error).__name__)
    return columns


def _texts(column: pd.Series, missing: str | None) -> Any:
    texts = column.to_numpy(dtype=object, copy=True)
    texts[pd.isna(texts)] = missing
    return texts
