"""The figures that the gate's checks judge, one per planned key and figure; which check judges which says
`metrics/check_rules.py`.

A figure is computed by a function or a query over the warehouse and the temporary tables of `candidates.py`
(candidate_rows, builds), of `history.py` and of this module (planned, rules, kpi_feeds, kpi_inputs, kpi_covers,
kpi_segments, identity_terms, limits, feeds). One of LATER is computed after the others, and finds what they found in
`doubted` and `unusual`. It gives key_no, figure (what the limit is held against; a key passes when figure <= limit),
applies, and detail (for a reader; may hold figures). A figure that is NULL or NaN where it applies counts as not
evaluated, and so does a key that isn't there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from data_quality import feed_statistics
from data_quality.candidates import Loaded
from data_quality.checks import (
    candidate,
    change,
    drift,
    feeds,
    held,
    history,
    identities,
    inputs,
    members,
    references,
    states,
)
from data_quality.ledger import Ledger
from data_quality.plan import Planned
from data_quality.warehouse import has_table
from metrics import clock
from metrics.catalog import CatalogKpi
from metrics.check_rules import BY_CHANCE, RULES, Rule
from metrics.company import Company
from metrics.identities import Identity

Figure = Callable[[duckdb.DuckDBPyConnection], pd.DataFrame]
COLUMNS = ("key_no", "figure", "applies", "detail")


def _by(query: str) -> Figure:
    return lambda connection: connection.execute(query).df()


FIGURES: dict[str, Figure] = {
    "candidates": _by(candidate.CANDIDATES),
    "missing_values": _by(candidate.MISSING_VALUES),
    "out_of_bounds": _by(candidate.OUT_OF_BOUNDS),
    "segment_gap": _by(candidate.SEGMENT_GAP),
    "lacking_observations": _by(candidate.LACKING_OBSERVATIONS),
    "incomplete_feeds": _by(feeds.INCOMPLETE_FEEDS),
    "surprise": change.surprise,
    "member_shift": members.shift,
    "broken_identities": _by(identities.BROKEN_IDENTITIES),
    "nesting_gap": _by(identities.NESTING_GAP),
    "set_aside": _by(feeds.SET_ASIDE),
    "duplicates": _by(feeds.share("n_duplicates", "of the rows equal another")),
    "lacking_rows": _by(feeds.share("n_lacking", "of the rows lack, on missing or thin days")),
    "lost_rows": _by(feeds.share("n_lost", "of the rows lack, on missing or thin days apart from holidays")),
    "repeated_days": _by(feeds.share("n_repeated", "of the rows are of days that say what an earlier one said")),
    "surplus_rows": _by(feeds.share("n_surplus", "of the rows are more than usual, on days fuller than any before")),
    "null_share": _by(inputs.NULL_SHARE),
    "drift": drift.drift,
    "state_change": states.state_change,
    "unmatched_keys": _by(references.UNMATCHED_KEYS),
    "rows_ahead": _by(feeds.ROWS_AHEAD),
    "held_beside": _by(held.HELD_BESIDE),
    "part_of_held": _by(held.PART_OF_HELD),
    "part_of_unusual": _by(held.PART_OF_UNUSUAL),
}
LATER = ("surprise", "member_shift", "broken_identities", "held_beside", "part_of_held", "part_of_unusual")
_BY_OWN_LIMITS = (*LATER, "state_change")

_DOUBT = """
create or replace temp table doubted as
select key_no, for_values or r.kpi_id is not null as for_values
from found
join planned using (key_no)
left join rejected r using (kpi_id, freq, time_period)
where held or r.kpi_id is not null;
create or replace temp table unusual as
select kpi_id, freq, time_period, period_start, period_end, unusual_held as held
from found
join planned using (key_no)
anti join released using (kpi_id, freq, time_period)
where unusual
union all
select kpi_id, freq, time_period, period_start, period_end, held
from unusual_before
join candidate_rows using (kpi_id, freq, time_period)
anti join planned using (kpi_id, freq, time_period)
anti join released using (kpi_id, freq, time_period)
where segment = '_T' and member = '_T'
"""


def figures(
    connection: duckdb.DuckDBPyConnection,
    company: Company,
    planned: Sequence[Planned],
    loaded: Loaded,
    between: Sequence[Identity],
    ledger: Ledger | None,
) -> pd.DataFrame:
    """One row per planned key in the plan's order (`key_no`), with figure, limit, applies and detail of every check.

    Columns: key_no, then for each check c: c, c__limit, c__applies, c__detail. A check that is off doesn't apply.
    `between` are the identities between KPIs; `ledger` is None where there is none yet.
    """
    _describe(connection, planned, loaded.unreadable, between)
    history.load(connection, ledger, loaded.candidates)
    _look_at_feeds(connection, company)
    settings = {item.kpi.kpi_id: item.kpi.rules for item in planned}
    rules = [settings[item.kpi.kpi_id] for item in planned]
    at_once = _columns(connection, [name for name in FIGURES if name not in LATER], rules)
    frame = pd.DataFrame({"key_no": range(len(planned)), **at_once})
    for name in LATER:
        _doubt(connection, frame, rules)
        frame = pd.concat([frame, pd.DataFrame(_columns(connection, [name], rules))], axis=1)
    return frame


def _columns(
    connection: duckdb.DuckDBPyConnection, names: Sequence[str], rules: Sequence[dict[str, Rule]]
) -> dict[str, pd.Series]:
    """The frame's columns of the checks on those figures. `rules` are those of each key."""
    columns = {}
    for name in names:
        found = _figure(name, FIGURES[name], connection, len(rules))
        for check in (check.name for check in RULES if check.figure == name):
            columns[check] = found["figure"]
            columns[f"{check}__limit"] = pd.Series([own[check].limit for own in rules])
            columns[f"{check}__applies"] = found["applies"] & pd.Series([own[check].off is None for own in rules])
            columns[f"{check}__detail"] = found["detail"]
    return columns


def _doubt(connection: duckdb.DuckDBPyConnection, frame: pd.DataFrame, rules: Sequence[dict[str, Rule]]) -> None:
    """Tell the figures that come later what the other checks found.

    `doubted` has the key_no of keys that they hold, or whose candidate was rejected, and `for_values`: whether values
    are there and held, rather than still to come. `unusual` has the periods that a check of BY_CHANCE flags, or holds
    (`held`), in this run or an earlier one; but for those that were released.
    """
    none = dict.fromkeys(("held", "for_values", "unusual", "unusual_held"), False)
    found = pd.DataFrame({"key_no": frame.index, **none})
    for check in (check for check in RULES if check.name in frame):
        critical = pd.Series([own[check.name].severity == "critical" for own in rules])
        passed = frame[check.name] <= frame[f"{check.name}__limit"]
        fails = frame[f"{check.name}__applies"] & ~passed
        found["held"] |= fails & critical
        found["for_values"] |= fails & critical & (not check.fixed)
        unusual = fails & frame[check.name].notna() & (check.figure in BY_CHANCE)
        found["unusual"] |= unusual
        found["unusual_held"] |= unusual & critical
    connection.register("found", pa.Table.from_pandas(found, preserve_index=False))
    connection.execute(_DOUBT)
    connection.unregister("found")


def _look_at_feeds(connection: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Statistics that can't be made are missing to the figures that need them, which then have no value."""
    for table in ("feed_sums", "file_days", "states", "column_blocks", "key_days"):
        connection.execute(f"drop table if exists temp.{table}")
    try:
        feed_statistics.update(connection, company.feeds, company.calendar, clock.now())
        connection.execute(inputs.BLOCKS)
        references.count(connection, company.feeds)
    except duckdb.Error as error:
        logging.getLogger(__name__).error("the feeds' statistics could not be made: %s", type(error).__name__)


def _figure(name: str, compute: Figure, connection: duckdb.DuckDBPyConnection, count: int) -> pd.DataFrame:
    """The figure of every key by key_no. One that fails altogether has no value, and so passes nothing."""
    try:
        table = compute(connection)[list(COLUMNS)]
    except Exception as error:  # whatever goes wrong, what it would have judged is held; the message may hold values
        logging.getLogger(__name__).error("the figure '%s' could not be computed: %s", name, type(error).__name__)
        table = pd.DataFrame({column: [] for column in COLUMNS})
    table = table.drop_duplicates("key_no", keep=False).set_index("key_no").reindex(range(count))
    return pd.DataFrame(
        {
            "figure": table["figure"].astype("float64"),
            # A key that the query lost, or gave twice, is one to which the figure applies and that has none.
            "applies": table["applies"].astype("boolean").fillna(True).astype(bool),
            "detail": table["detail"].astype("object").fillna(""),
        }
    )


def _describe(
    connection: duckdb.DuckDBPyConnection,
    planned: Sequence[Planned],
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
            "min_n_obs": item.kpi.min_n_obs,
            "protected": item.kpi.protected,
            "unreadable": unreadable.get(item.kpi.kpi_id),
        }
        for item in kpis.values()
    ]
    tables: dict[str, tuple[list[dict[str, Any]], pa.Schema]] = {
        "planned": (keys, _PLANNED),
        "rules": (rules, _RULES),
        "kpi_feeds": ([{"kpi_id": i, "feed": f} for i, item in kpis.items() for f in item.kpi.feeds], _FEEDS),
        "kpi_inputs": (
            [{"kpi_id": i, "feed": f, "column_name": c} for i, item in kpis.items() for f, c in item.kpi.input_columns],
            _INPUTS,
        ),
        "kpi_covers": (
            [{"kpi_id": i, "covered": c} for i, item in kpis.items() for c in (i, *item.kpi.covers)],
            _COVERS,
        ),
        "kpi_segments": (
            [{"kpi_id": i, "segment": s} for i, item in kpis.items() for s in item.kpi.segments],
            _SEGMENTS,
        ),
        "limits": ([row for item in kpis.values() for row in _limits(item.kpi)], _LIMITS),
        "identity_terms": ([row for one in between for row in _terms(one)], _TERMS),
    }
    for name, (rows, schema) in tables.items():
        connection.register("described", pa.Table.from_pylist(rows, schema=schema))
        connection.execute(f"create or replace temp table {name} as from described")
        connection.unregister("described")
    connection.execute(
        "create or replace temp table feeds"
        " (feed varchar, history_from date, grain varchar, watermark date, outstanding varchar)"
    )
    if has_table(connection, "raw", "_feeds"):
        connection.execute("insert into feeds select feed, history_from, grain, watermark, outstanding from raw._feeds")


def _terms(identity: Identity) -> list[dict[str, Any]]:
    sides = [(True, term) for term in identity.left] + [(False, term) for term in identity.right]
    facts = {"identity": identity.name, "holds": identity.holds, "relation": identity.relation, "n_terms": len(sides)}
    return [facts | {"is_left": is_left} | term.model_dump() for is_left, term in sides]


def _limits(kpi: CatalogKpi) -> list[dict[str, Any]]:
    """From which figure on a KPI is held, of each of those that need to know it and may hold it."""
    held: dict[str, float] = {}
    for check in RULES:
        own = kpi.rules[check.name]
        if check.figure in _BY_OWN_LIMITS and own.severity == "critical" and own.off is None:
            held[check.figure] = min(own.limit, held.get(check.figure, own.limit))
    return [{"kpi_id": kpi.kpi_id, "figure": figure, "holds_above": limit} for figure, limit in held.items()]


def _null_rule(kpi: CatalogKpi) -> str:
    """When a segment member may lack a value: "no denominator", "no rows" or "never"."""
    if kpi.kind == "ratio" or kpi.metric_type in ("ratio", "derived"):
        return "no denominator"
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
    ]
)
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
        ("min_n_obs", pa.int64()),
        ("protected", pa.bool_()),
        ("unreadable", _TEXT),
    ]
)
_FEEDS = pa.schema([("kpi_id", _TEXT), ("feed", _TEXT)])
_INPUTS = pa.schema([("kpi_id", _TEXT), ("feed", _TEXT), ("column_name", _TEXT)])
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
_LIMITS = pa.schema([("kpi_id", _TEXT), ("figure", _TEXT), ("holds_above", pa.float64())])
