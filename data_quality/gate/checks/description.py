"""Temporary tables that describe the planned keys, their KPIs and feeds to the SQL of the checks.

They come from the catalogue: planned, rules (one row per KPI), kpi_feeds, kpi_daily_rollups, kpi_inputs, kpi_joins,
kpi_covers, kpi_segments, kpi_combinations, identity_terms, ended_feeds and feeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import duckdb

from data_quality.gate.keys import Planned
from data_quality.warehouse import has_table, put
from metrics.core.segments import is_combination, parts_of
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from metrics.definitions.identities import Identity

_PLANNED = """
key_no bigint, kpi_id varchar, freq varchar, time_period varchar, period_start date, period_end date, reaches_to date,
is_over boolean
"""
# The fields of a KPI that are columns of `rules` as they are.
_FIELDS = (
    *("kpi_id", "definition_version", "definition_hash", "unit", "kind", "lower_bound", "upper_bound", "lookback"),
    *("observable_from", "protected"),
)
_RULES = """
kpi_id varchar, definition_version bigint, definition_hash varchar, unit varchar, kind varchar, lower_bound double,
upper_bound double, lookback varchar, observable_from date, protected boolean, additive boolean, null_rule varchar,
unreadable varchar
"""
_TERMS = """
identity varchar, holds varchar, relation varchar, n_terms bigint, is_left boolean, kpi_id varchar, number varchar,
sign bigint
"""


def load(
    connection: duckdb.DuckDBPyConnection,
    company: Company,
    catalog: Catalog,
    planned: Sequence[Planned],
    unreadable: dict[str, str],
) -> None:
    """Create the temporary tables: the planned keys, what the catalogue says of their KPIs, and the state of the feeds.

    `unreadable` has the KPIs whose candidates can't be read, with the reason.
    """
    keys = [
        (number, *key.key, key.period.start, key.period.end, key.kpi.reaches_to(key.period), key.is_over)
        for number, key in enumerate(planned)
    ]
    put(connection, "planned", _PLANNED, keys)
    kpis = list({planned_key.kpi.kpi_id: planned_key.kpi for planned_key in planned}.values())
    rules = [
        (*(getattr(kpi, name) for name in _FIELDS), kpi.additive_segments, _null_rule(kpi), unreadable.get(kpi.kpi_id))
        for kpi in kpis
    ]
    put(connection, "rules", _RULES, rules)
    of_kpis: dict[str, tuple[str, Callable[[CatalogKpi], Iterable[tuple[Any, ...]]]]] = {
        "kpi_feeds": ("feed varchar", lambda kpi: ((feed,) for feed in kpi.feeds)),
        "kpi_daily_rollups": ("daily_rollup varchar", lambda kpi: ((name,) for name in kpi.daily_rollups)),
        "kpi_inputs": ("feed varchar, column_name varchar", lambda kpi: kpi.input_columns),
        "kpi_joins": (
            "feed varchar, column_name varchar, other varchar, other_column varchar",
            lambda kpi: ((join.feed, join.column, join.other_feed, join.other_column) for join in kpi.joins),
        ),
        "kpi_covers": ("covered varchar", lambda kpi: ((covered,) for covered in (kpi.kpi_id, *kpi.covers))),
        "kpi_segments": (
            "segment varchar, is_combination boolean",
            lambda kpi: ((segment, is_combination(segment)) for segment in kpi.segments),
        ),
        "kpi_combinations": ("segment varchar, part varchar, number bigint", _combinations),
    }
    for name, (columns, rows_of) in of_kpis.items():
        put(
            connection, name, f"kpi_id varchar, {columns}", [(kpi.kpi_id, *row) for kpi in kpis for row in rows_of(kpi)]
        )
    put(connection, "identity_terms", _TERMS, [row for identity in catalog.identities for row in _terms(identity)])
    ended = [(name, feed.ended) for name, feed in company.feeds.items()]
    put(connection, "ended_feeds", "feed varchar, ended date", ended)
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


def _combinations(kpi: CatalogKpi) -> Iterator[tuple[str, str, int]]:
    for segment in filter(is_combination, kpi.segments):
        for number, part in enumerate(parts_of(segment), 1):
            if part in kpi.segments:
                yield segment, part, number


def _terms(identity: Identity) -> Iterator[tuple[Any, ...]]:
    n_terms = len(identity.left) + len(identity.right)
    for is_left, terms in ((True, identity.left), (False, identity.right)):
        for term in terms:
            of_identity = (identity.name, identity.holds, identity.relation, n_terms)
            yield (*of_identity, is_left, term.kpi_id, term.number, term.sign)


def _null_rule(kpi: CatalogKpi) -> str:
    """When a value may be missing.

    - "no denominator": of a ratio with a known denominator, where that is missing or zero.
    - "no rows or member": of a ratio whose denominator isn't known, such as growth. The value of a segment member may
      always be missing, the total only without rows.
    - "no rows": of a quantile, without rows.
    - "before its first": of a stock, in periods before its first value.
    - "never": of all others.
    """
    if kpi.metric_type == "ratio":
        return "no denominator"
    if kpi.kind == "ratio":
        return "no rows or member"
    if kpi.kind == "quantile":
        return "no rows"
    return "before its first" if kpi.without_rows is None else "never"
