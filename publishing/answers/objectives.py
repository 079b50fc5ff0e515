"""The objectives with all that serves them, from the published file: for `kpi objectives`, assistants and the site.

How attainment is worked out: `publishing/duckdb_file/strategy.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import date
from typing import Any, get_args

import duckdb

from metrics.core.text import visible
from metrics.definitions.catalog import Catalog
from metrics.definitions.objectives import PERSPECTIVES
from publishing import reader
from publishing.language import language

Row = dict[str, Any]

ATTAINMENT_RULE = (
    "Attainment is the mean over an objective's key KPIs (on target 1, at risk 0.5, off target 0; each weighs 1) and"
    " over the objectives that are a part of it, with their weights. What isn't judged is left out. Supporting KPIs"
    " don't count."
)
_KPIS = """
select
    c.objective, c.kpi_id, c.name, c.level, c.type, c.owner, s.status, s.freq, s.time_period, s.obs_value, s.target,
    s.target_to,
    c.unit, c.currency, c.target_freq
from kpi.catalog c
join kpi.scorecard s using (kpi_id)
where c.retired_on is null
order by c.level <> 'key', c.domain, c.kpi_id
"""
_INITIATIVES = """
select i.*, c.name as kpi_name from kpi.initiatives i left join kpi.catalog c using (kpi_id) order by since, initiative
"""
# Of the newest period at the KPI's main frequency. Where teams are cut by the KPI that their goals serve,
# a row for each of both; else a row for each KPI, of all teams.
_TEAM_GOALS = """
with newest as (
    select g.*, s.name as kpi_served_name
    from kpi.team_goals g
    join kpi.catalog c using (kpi_id)
    join kpi.catalog s on s.kpi_id = g.kpi_served
    where g.is_newest and g.kpi_served <> '_T' and g.freq = c.main_freq
)
select objective, kpi_id, time_period, team, kpi_served, kpi_served_name, attainment, goal_weight, share_of_objective,
    status
from newest
where (team <> '_T') = (select coalesce(bool_or(team <> '_T'), false) from newest)
order by share_of_objective desc nulls last, team, kpi_served
"""


_RELEASE = "select sequence, realtime_start from kpi.releases order by sequence desc limit 1"


def answer(as_of: date | None = None, lang: str = "en") -> Row:
    """The tree of objectives as rows, the rule for their attainment, and the release that they are from.

    `as_of` is a past day: they are then as at its end, from the targets, values and objectives that were published.
    Names are in the language `lang`, where the company gives them.
    Raises NyckeltalError when nothing is, or was, published.
    """
    with reader.as_it_stood(as_of) if as_of else nullcontext(), reader.opened() as connection:
        words = language(lang)
        (release,) = reader.rows(connection, _RELEASE)
        return {
            "attainment": words.t(ATTAINMENT_RULE),
            "release": release["sequence"],
            "published_on": release["realtime_start"],
            "objectives": _named(tree(connection), reader.newest_catalog().in_language(words.code)),
        }


def _named(objectives: list[Row], catalog: Catalog) -> list[Row]:
    """The tree with the catalogue's names, which are in its language."""
    kpis = {kpi.kpi_id: kpi.name for kpi in catalog.kpis}
    for row in objectives:
        row["name"], row["description"] = (
            visible(getattr(catalog.objectives[row["objective"]], name)) for name in ("name", "description")
        )
        for kpi in row["kpis"]:
            kpi["name"] = visible(kpis[kpi["kpi_id"]])
        for initiative in row["initiatives"]:
            initiative["name"] = visible(catalog.initiatives[initiative["initiative"]].name)
            initiative["kpi_name"] = visible(kpis[initiative["kpi_id"]]) if initiative["kpi_name"] else None
        for goal in row["team_goals"]:
            goal["kpi_served_name"] = visible(kpis.get(goal["kpi_served"], goal["kpi_served_name"]))
    return objectives


def tree(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """The objectives by perspective, each before its parts: the rows of kpi.objectives with further keys.

    `depth` counts the objectives above it. `kpis`, `initiatives` and `team_goals` are lists of rows of those that serve
    the objective itself; `history` has its attainment by month.
    """
    objectives = _rows(connection, "from kpi.objectives")
    serving = {
        "kpis": _by_objective(_rows(connection, _KPIS)),
        "initiatives": _by_objective(_rows(connection, _INITIATIVES)),
        "team_goals": _by_objective(_rows(connection, _TEAM_GOALS)),
        "history": _by_objective(_rows(connection, "from kpi.attainment order by period_end")),
    }
    perspectives = list(get_args(PERSPECTIVES))

    def with_parts(parent: str | None, depth: int) -> list[Row]:
        subtree: list[Row] = []
        siblings = [row for row in objectives if row["part_of"] == parent]
        for row in sorted(siblings, key=lambda row: perspectives.index(row["perspective"]) if depth == 0 else 0):
            lists = {name: rows[row["objective"]] for name, rows in serving.items()}
            subtree += [row | {"depth": depth} | lists, *with_parts(row["objective"], depth + 1)]
        return subtree

    return with_parts(None, 0)


def _by_objective(rows: Sequence[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.pop("objective")].append(row)
    return groups


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[Row]:
    """The rows of a query; texts have their control characters spelt out."""
    return [
        {name: visible(value) if isinstance(value, str) else value for name, value in row.items()}
        for row in reader.rows(connection, query)
    ]
