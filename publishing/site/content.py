"""What the site shows, read from the published file in a few queries. `rows.py` describes the rows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import duckdb

from metrics.definitions.catalog import Catalog, CatalogKpi
from publishing.analysis.noise import Usual, usual_changes
from publishing.answers import Against, Answer, why
from publishing.site.rows import (
    Cell,
    Closing,
    Decision,
    FeedRow,
    Finding,
    FirstValues,
    Incident,
    Opinion,
    ReleaseRow,
    Review,
    Score,
    Total,
    Vintage,
)

_SHOWN_PERIODS = {"W": 53, "M": 37, "Q": 13, "A": 10}  # of the newest periods of a series
RowType = TypeVar("RowType", bound=NamedTuple)


_TOTALS = """
select {columns} from kpi.observations
where segment = '_T' and (kpi_id, freq) in (
    select kpi_id, freq from kpi.catalog, unnest(string_split(freqs, ', ')) as of_kpi(freq)
    where freq <> 'W' or freq in (main_freq, target_freq)
)
qualify row_number() over (partition by kpi_id, freq order by period_start desc)
    <= case freq {counts} end
order by kpi_id, freq, period_start
"""
_CELLS = """
select {columns} from kpi.observations
where segment <> '_T' and (kpi_id, freq) in (select kpi_id, main_freq from kpi.catalog)
qualify dense_rank() over (partition by kpi_id order by period_start desc) <= 24
order by kpi_id, segment, member, period_start
"""
_VINTAGES = """
with compared as (
    select
        *,
        lag(obs_value) over (partition by kpi_id, freq, time_period order by sequence) as previous_value
    from kpi.vintages where segment = '_T'
)
select {columns}
from (
    select v.*, c.closes_on as closed_on
    from compared v
    left join kpi.calendar c using (kpi_id, freq, time_period)
)
where revision_type is not null or (kpi_id, freq) in (select kpi_id, main_freq from kpi.catalog)
qualify row_number() over (partition by kpi_id, freq order by period_start desc) <= 400
order by kpi_id, freq, period_start, sequence
"""
_RELEASES = """
select {columns} from kpi.releases
left join (
    select release_id, count(revision_type) as n_revised from kpi.vintages group by release_id
) using (release_id)
order by sequence desc
"""
_FINDINGS = "select {columns} from kpi.verdicts where held or verdict <> 'publish' order by kpi_id, time_period desc"
_INCIDENTS = "select {columns} from kpi.incidents order by state = 'flagged', periods_held desc, since desc"
_DECISIONS = "select {columns} from kpi.decisions order by decided_at desc"
_CLOSINGS = """
select {columns} from kpi.calendar
where state = 'open' and period_start <= (select max(realtime_start) from kpi.releases)
group by all
order by closes_on, domain, max(period_end)
"""
# Of the first release they would be all.
_FIRST_VALUES = """
with firsts as (
    select time_period, period_end, min(sequence) as sequence from kpi.vintages where segment = '_T'
    group by kpi_id, freq, time_period, period_end
)
select time_period, count(*) as n_kpis from firsts
where sequence > 1 and sequence = (select max(sequence) from kpi.releases)
group by time_period, period_end
order by period_end desc, time_period
"""
_FEEDS = "select {columns} from kpi.feeds order by feed"
# The newest verdict on a period of the main frequency that has a value: which checks it passed.
_NEWEST_CHECKS = """
select v.kpi_id, v.checks from kpi.verdicts v
join kpi.observations o using (kpi_id, freq, time_period)
where o.segment = '_T' and o.is_newest and (v.kpi_id, v.freq) in (select kpi_id, main_freq from kpi.catalog)
"""
_REVIEWS = "select {columns} from kpi.reviews"
_OPINIONS = "select {columns} from kpi.opinions where counts order by stated_at"
_SCORECARD = "select {columns} from kpi.scorecard"


@dataclass(frozen=True)
class Content:
    """All rows that the site shows. The dictionaries are by kpi_id, those of totals, vintages and usual changes by
    (kpi_id, freq), feeds by name. `reasons` are the answers on why the value of the scorecard moved. The catalogue has
    the names of the page's language, and `english_names` those of the definitions.
    """

    catalog: Catalog
    releases: list[ReleaseRow]
    scores: dict[str, Score]
    totals: dict[tuple[str, str], list[Total]]
    cells: dict[str, list[Cell]]
    vintages: dict[tuple[str, str], list[Vintage]]
    findings: dict[str, list[Finding]]
    incidents: list[Incident]
    decisions: list[Decision]
    first_values: list[FirstValues]
    closings: list[Closing]
    feeds: dict[str, FeedRow]
    newest_checks: dict[str, list[dict[str, Any]]]
    reviews: dict[str, Review]
    opinions: dict[str, list[Opinion]]
    usual: dict[tuple[str, str], Usual]
    reasons: dict[str, dict[Against, Answer]]
    english_names: dict[str, str]

    @property
    def release(self) -> ReleaseRow:
        """The newest release."""
        return self.releases[0]

    @property
    def zone(self) -> ZoneInfo:
        """The company's time zone."""
        return ZoneInfo(self.catalog.calendar.time_zone)

    def series(self, kpi: CatalogKpi, freq: str) -> list[Total]:
        """The newest totals of a KPI at a frequency, oldest first."""
        return self.totals.get((kpi.kpi_id, freq), [])

    def newest(self, kpi: CatalogKpi, freq: str) -> Total | None:
        """The newest total that has a value or is suppressed; None without one."""
        shown = [total for total in self.series(kpi, freq) if total.obs_status not in ("O", "M")]
        return shown[-1] if shown else None

    def review_due(self, kpi: CatalogKpi) -> date | None:
        """The day by which the owner has to review the KPI, where that day had passed at the newest release."""
        due = self.reviews[kpi.kpi_id].due_on
        return due if due is not None and due < self.release.realtime_start else None


def read(path: Path, catalog: Catalog) -> Content:
    """The content of the published file; `catalog` is that of its newest release."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")

        def rows(kind: type[RowType], sql: str) -> list[RowType]:
            counts = " ".join(f"when '{freq}' then {count}" for freq, count in _SHOWN_PERIODS.items())
            query = sql.format(columns=", ".join(kind._fields), counts=counts)
            return [kind._make(row) for row in connection.execute(query).fetchall()]

        return Content(
            catalog=catalog,
            releases=rows(ReleaseRow, _RELEASES),
            scores={score.kpi_id: score for score in rows(Score, _SCORECARD)},
            totals=_grouped(rows(Total, _TOTALS), lambda row: (row.kpi_id, row.freq)),
            cells=_grouped(rows(Cell, _CELLS), lambda row: row.kpi_id),
            vintages=_grouped(rows(Vintage, _VINTAGES), lambda row: (row.kpi_id, row.freq)),
            findings=_grouped(rows(Finding, _FINDINGS), lambda row: row.kpi_id),
            incidents=rows(Incident, _INCIDENTS),
            decisions=rows(Decision, _DECISIONS),
            first_values=rows(FirstValues, _FIRST_VALUES),
            closings=rows(Closing, _CLOSINGS),
            feeds={feed.feed: feed for feed in rows(FeedRow, _FEEDS)},
            newest_checks={key: json.loads(checks) for key, checks in connection.execute(_NEWEST_CHECKS).fetchall()},
            reviews={review.kpi_id: review for review in rows(Review, _REVIEWS)},
            opinions=_grouped(rows(Opinion, _OPINIONS), lambda row: row.kpi_id),
            usual=usual_changes(connection),
            reasons=why.of_newest(connection),
            english_names=dict(connection.execute("select kpi_id, name from kpi.catalog").fetchall()),
        )


KeyType = TypeVar("KeyType")


def _grouped(rows: Sequence[RowType], key: Callable[[RowType], KeyType]) -> dict[KeyType, list[RowType]]:
    groups: dict[KeyType, list[RowType]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups
