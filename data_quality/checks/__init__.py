"""The figures that the gate's checks judge, one per planned key and figure; which check judges which says
`metrics/check_rules.py`.

A figure is computed by a function or a query over the warehouse and the temporary tables of `candidates.py`
(candidate_rows, builds) and of this module (planned, rules, kpi_feeds, kpi_segments, feeds). It gives key_no, figure
(what the limit is held against; a key passes when figure <= limit), applies, and detail (for a reader; may hold
figures). A figure that is NULL or NaN where it applies counts as not evaluated, and so does a key that isn't there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from data_quality import feed_statistics
from data_quality.checks import candidate, change, feeds
from data_quality.plan import Planned
from data_quality.warehouse import has_table
from metrics.catalog import CatalogKpi
from metrics.check_rules import RULES, Rule
from metrics.company import Company

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
    "set_aside": _by(feeds.SET_ASIDE),
    "duplicates": _by(feeds.share("n_duplicates", "of the rows equal another")),
    "lacking_rows": _by(feeds.share("n_lacking", "of the rows lack, on missing or thin days")),
    "lost_rows": _by(feeds.share("n_lost", "of the rows lack, on missing or thin days apart from holidays")),
    "repeated_days": _by(feeds.share("n_repeated", "of the rows are of days that say what an earlier one said")),
    "rows_ahead": _by(feeds.share("n_ahead", "of the rows are dated after their delivery")),
}


def figures(
    connection: duckdb.DuckDBPyConnection, company: Company, planned: Sequence[Planned], unreadable: dict[str, str]
) -> pd.DataFrame:
    """One row per planned key in the plan's order (`key_no`), with figure, limit, applies and detail of every check.

    Columns: key_no, then for each check c: c, c__limit, c__applies, c__detail. A check that is off doesn't apply.
    """
    _describe(connection, planned, unreadable)
    _look_at_feeds(connection, company)
    found = {name: _figure(name, compute, connection, len(planned)) for name, compute in FIGURES.items()}
    settings = {item.kpi.kpi_id: item.kpi.rules for item in planned}
    columns: dict[str, Any] = {"key_no": range(len(planned))}
    for check in RULES:
        own: list[Rule] = [settings[item.kpi.kpi_id][check.name] for item in planned]
        figure = found[check.figure]
        columns[check.name] = figure["figure"]
        columns[f"{check.name}__limit"] = [rule.limit for rule in own]
        columns[f"{check.name}__applies"] = figure["applies"] & pd.Series([rule.off is None for rule in own])
        columns[f"{check.name}__detail"] = figure["detail"]
    return pd.DataFrame(columns)


def _look_at_feeds(connection: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Statistics that can't be made are missing to the figures that need them, which then have no value."""
    for table in ("feed_sums", "file_days"):
        connection.execute(f"drop table if exists temp.{table}")
    try:
        feed_statistics.update(connection, company.feeds, company.calendar)
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


def _describe(connection: duckdb.DuckDBPyConnection, planned: Sequence[Planned], unreadable: dict[str, str]) -> None:
    """Put the plan and what the catalogue says of its KPIs into temporary tables."""
    keys = [
        {
            "key_no": number,
            "kpi_id": item.kpi.kpi_id,
            "freq": item.period.freq,
            "time_period": item.period.code,
            "period_start": item.period.start,
            "period_end": item.period.end,
        }
        for number, item in enumerate(planned)
    ]
    kpis = {item.kpi.kpi_id: item for item in planned}
    rules = [
        {
            "kpi_id": item.kpi.kpi_id,
            "definition_hash": item.kpi.definition_hash,
            "unit": item.kpi.unit,
            "lower_bound": item.kpi.lower_bound,
            "upper_bound": item.kpi.upper_bound,
            "additive": item.kpi.additive_segments,
            "null_rule": _null_rule(item.kpi),
            "lookback": item.kpi.lookback,
            "observable_from": item.observable_from,
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
        "kpi_segments": (
            [{"kpi_id": i, "segment": s} for i, item in kpis.items() for s in item.kpi.segments],
            _SEGMENTS,
        ),
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
    ]
)
_RULES = pa.schema(
    [
        ("kpi_id", _TEXT),
        ("definition_hash", _TEXT),
        ("unit", _TEXT),
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
_SEGMENTS = pa.schema([("kpi_id", _TEXT), ("segment", _TEXT)])
