"""The frame that the gate judges: the figure and the limits of every check, for every planned key.

Here the temporary tables are made that checks read, beside those of `candidates.py` and `history.py`: planned, spans,
rules, kpi_feeds, kpi_inputs, kpi_joins, kpi_covers, kpi_segments, identity_terms, feeds, limits (key_no, check_name,
holds_above), and for checks of a later stage failing_keys and held_periods.
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
from data_quality.gate.checks import blocks, history
from data_quality.gate.checks.check import LEVELS, Check, Level
from data_quality.gate.checks.registry import CHECKS
from data_quality.gate.checks.rows import unmatched_keys
from data_quality.gate.checks.series import Numbers
from data_quality.gate.checks.spans import spans
from data_quality.gate.keys import Planned
from data_quality.gate.profiles import feed_statistics
from data_quality.ledger.queries import newest_decisions, published_keys
from data_quality.ledger.store import Ledger
from data_quality.warehouse import has_table
from metrics.core import clock
from metrics.definitions.catalog import Catalog, CatalogKpi, Join, Key
from metrics.definitions.company import Company
from metrics.definitions.gate_settings import Limit
from metrics.definitions.identities import Identity

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
    published = published_keys(ledger) if ledger else set()
    read = spans(planned, in_baseline, published, _held(ledger, loaded) if ledger else set())
    started = _started(ledger)
    _describe(connection, company, planned, started, read, limits_of_keys, loaded.unreadable, catalog.identities)
    history.load(connection, ledger, loaded.candidates)
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


def _held(ledger: Ledger, loaded: Loaded) -> set[Key]:
    """The keys whose newest verdict holds them, or whose candidate was rejected; but for candidates that a person let
    through.
    """
    names = ("kpi_id", "freq", "time_period")
    newest = {
        tuple(row[name] for name in names): row["verdict"]
        for row in ledger.verdicts.sort_by("sequence").select([*names, "verdict"]).to_pylist()
    }
    held = {key for key, answer in newest.items() if answer == "hold"}
    decisions = newest_decisions(ledger)
    for key, candidate in loaded.candidates.items():
        if made := decisions.get((*key, candidate.candidate_hash)):
            (held.discard if made["decision"] == "release" else held.add)(key)
    return held


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
    their data are at fault, rather than still to come, or surprising. `held_periods` has the periods that a check by
    chance holds, in this run or an earlier one; but for those that were released.
    """
    failing = pd.DataFrame({"key_no": frame.index, "held": False, "for_data": False, "held_by_chance": False})
    for check in checks:
        limit = frame[f"{check.name}__hold"]
        fails = frame[f"{check.name}__applies"] & limit.notna() & ~(frame[check.name] <= limit)
        failing["held"] |= fails
        failing["for_data"] |= fails & (not (check.fixed or check.by_chance))
        failing["held_by_chance"] |= fails & frame[check.name].notna() & check.by_chance
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


def _describe(
    connection: duckdb.DuckDBPyConnection,
    company: Company,
    planned: Sequence[Planned],
    started: datetime,
    read: list[dict[str, Any]],
    limits_of_keys: Limits,
    unreadable: dict[str, str],
    between: Sequence[Identity],
) -> None:
    """Put the plan and what the catalogue says of its KPIs into temporary tables."""
    keys = [
        {
            "key_no": number,
            "kpi_id": item.kpi.kpi_id,
            "freq": item.period.freq,
            "time_period": item.period.code,
            "period_start": item.period.start,
            "period_end": item.period.end,
            "reaches_to": item.kpi.reaches_to(item.period),
            "is_over": item.is_over,
            "company_started": started,
        }
        for number, item in enumerate(planned)
    ]
    kpis = {item.kpi.kpi_id: item for item in planned}
    rules = [
        {
            "kpi_id": item.kpi.kpi_id,
            "definition_version": item.kpi.definition_version,
            "definition_hash": item.kpi.definition_hash,
            "unit": item.kpi.unit,
            "kind": item.kpi.kind,
            "lower_bound": item.kpi.lower_bound,
            "upper_bound": item.kpi.upper_bound,
            "additive": item.kpi.additive_segments,
            "null_rule": _null_rule(item.kpi),
            "lookback": item.kpi.lookback,
            "observable_from": item.kpi.observable_from,
            "protected": item.kpi.protected,
            "unreadable": unreadable.get(item.kpi.kpi_id),
        }
        for item in kpis.values()
    ]
    tables: dict[str, tuple[list[dict[str, Any]], pa.Schema]] = {
        "planned": (keys, _PLANNED),
        "spans": (read, _SPANS),
        "rules": (rules, _RULES),
        "kpi_feeds": ([{"kpi_id": i, "feed": f} for i, item in kpis.items() for f in item.kpi.feeds], _FEEDS),
        "kpi_inputs": (
            [{"kpi_id": i, "feed": f, "column_name": c} for i, item in kpis.items() for f, c in item.kpi.input_columns],
            _INPUTS,
        ),
        "kpi_joins": ([_join(i, join) for i, item in kpis.items() for join in item.kpi.joins], _JOINS),
        "kpi_covers": (
            [{"kpi_id": i, "covered": c} for i, item in kpis.items() for c in (i, *item.kpi.covers)],
            _COVERS,
        ),
        "kpi_segments": (
            [{"kpi_id": i, "segment": s} for i, item in kpis.items() for s in item.kpi.segments],
            _SEGMENTS,
        ),
        "identity_terms": ([row for one in between for row in _terms(one)], _TERMS),
        "ended_feeds": ([{"feed": name, "ended": feed.ended} for name, feed in company.feeds.items()], _ENDED),
    }
    for name, (rows, schema) in tables.items():
        connection.register("described", pa.Table.from_pylist(rows, schema=schema))
        connection.execute(f"create or replace temp table {name} as from described")
        connection.unregister("described")
    holding = pd.concat(
        pd.DataFrame({"key_no": range(len(planned)), "check_name": check.name, "holds_above": limit})
        for check in CHECKS
        for limit in [limits_of_keys[check.name, "hold"]]
    )
    connection.register("described", pa.Table.from_pandas(holding, preserve_index=False))
    connection.execute("create or replace temp table limits as from described where not isnan(holds_above)")
    connection.unregister("described")
    connection.execute(
        "create or replace temp table feeds"
        " (feed varchar, history_from date, grain varchar, watermark date, outstanding varchar,"
        " outstanding_from date, ended date)"
    )
    if has_table(connection, "raw", "_feeds"):
        connection.execute(
            "insert into feeds select feed, history_from, grain, watermark, outstanding, outstanding_from, ended"
            " from raw._feeds left join ended_feeds using (feed)"
        )


def _join(kpi_id: str, join: Join) -> dict[str, str]:
    return {
        "kpi_id": kpi_id,
        "feed": join.feed,
        "column_name": join.column,
        "other": join.other_feed,
        "other_column": join.other_column,
    }


def _terms(identity: Identity) -> list[dict[str, Any]]:
    sides = [(True, term) for term in identity.left] + [(False, term) for term in identity.right]
    facts = {"identity": identity.name, "holds": identity.holds, "relation": identity.relation, "n_terms": len(sides)}
    return [facts | {"is_left": is_left} | term.model_dump() for is_left, term in sides]


def _null_rule(kpi: CatalogKpi) -> str:
    """When a total or a member may lack a value: "no denominator", "no rows" or "never".

    Where the denominator isn't known, members may, but the total only without rows: "no rows or member".
    """
    if kpi.metric_type == "ratio":
        return "no denominator"
    if kpi.kind == "ratio":
        return "no rows or member"
    return "no rows" if kpi.kind == "quantile" else "never"


_TEXT, _DAY = pa.string(), pa.date32()
_PLANNED = pa.schema(
    [
        ("key_no", pa.int64()),
        ("kpi_id", _TEXT),
        ("freq", _TEXT),
        ("time_period", _TEXT),
        ("period_start", _DAY),
        ("period_end", _DAY),
        ("reaches_to", _DAY),
        ("is_over", pa.bool_()),
        ("company_started", pa.timestamp("us", "UTC")),
    ]
)
_SPANS = pa.schema([_PLANNED.field(name) for name in ("key_no", "kpi_id", "freq", "period_start", "period_end")])
_RULES = pa.schema(
    [
        ("kpi_id", _TEXT),
        ("definition_version", pa.int64()),
        ("definition_hash", _TEXT),
        ("unit", _TEXT),
        ("kind", _TEXT),
        ("lower_bound", pa.float64()),
        ("upper_bound", pa.float64()),
        ("additive", pa.bool_()),
        ("null_rule", _TEXT),
        ("lookback", _TEXT),
        ("observable_from", _DAY),
        ("protected", pa.bool_()),
        ("unreadable", _TEXT),
    ]
)
_ENDED = pa.schema([("feed", _TEXT), ("ended", _DAY)])
_FEEDS = pa.schema([("kpi_id", _TEXT), ("feed", _TEXT)])
_INPUTS = pa.schema([("kpi_id", _TEXT), ("feed", _TEXT), ("column_name", _TEXT)])
_JOINS = pa.schema([(name, _TEXT) for name in ("kpi_id", "feed", "column_name", "other", "other_column")])
_COVERS = pa.schema([("kpi_id", _TEXT), ("covered", _TEXT)])
_SEGMENTS = pa.schema([("kpi_id", _TEXT), ("segment", _TEXT)])
_TERMS = pa.schema(
    [
        ("identity", _TEXT),
        ("holds", _TEXT),
        ("relation", _TEXT),
        ("n_terms", pa.int64()),
        ("is_left", pa.bool_()),
        ("kpi_id", _TEXT),
        ("number", _TEXT),
        ("sign", pa.int64()),
    ]
)
