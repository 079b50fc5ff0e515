"""How much the totals of each KPI change by themselves: what a change must exceed to be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isclose
from typing import Any

import duckdb

from publishing import reader
from publishing.usual_changes import PUBLISHED, SPREADS

_NOISE = f"""
select kpi_id, freq, level, seen_on_before, seen_on_year_ago
from ({SPREADS})
where freq in ('M', 'Q')
qualify row_number() over (partition by kpi_id order by freq) = 1
order by kpi_id
"""


@dataclass(frozen=True)
class Noise:
    """Of a KPI's months, or quarters where it has no months: the usual level, and the smallest changes that are seen.

    A change on the period before, or on a year ago, is seen when it differs from the median one by more than nineteen
    of twenty do; None with fewer than FEWEST_CHANGES of them. In the KPI's unit.
    """

    kpi_id: str
    freq: str
    level: float | None
    seen_on_before: float | None
    seen_on_year_ago: float | None


def noise() -> list[Noise]:
    """The noise of each KPI with published totals by month or quarter.

    Raises NyckeltalError as `reader.opened` does.
    """
    with reader.opened() as connection:
        return noise_of(connection, PUBLISHED)


def noise_of(connection: duckdb.DuckDBPyConnection, totals: str) -> list[Noise]:
    """The noise of the totals that a query gives: kpi_id, freq, obs_value, and its change on_before and on_year_ago."""
    rows = connection.execute(_NOISE.format(totals=totals)).fetchall()
    return [Noise(*row) for row in rows]


@dataclass(frozen=True)
class Usual:
    """The usual changes of a KPI's totals at a frequency: the median one, and how far nineteen of twenty lie from it.

    Of changes on the period before and on a year ago, in the KPI's unit; None where fewer than FEWEST_CHANGES are
    published.
    """

    on_before: float | None
    seen_on_before: float | None
    on_year_ago: float | None
    seen_on_year_ago: float | None

    def times_before(self, change: float) -> float | None:
        """How many times its usual distance from the median a change on the period before is; 1 or less is usual.

        None where that isn't known.
        """
        return _times(change, self.on_before, self.seen_on_before)

    def times_year_ago(self, change: float) -> float | None:
        """As `times_before`, of a change on a year ago."""
        return _times(change, self.on_year_ago, self.seen_on_year_ago)

    def expected(self, previous: float | None, year_ago: float | None) -> tuple[float, float] | None:
        """The range of values that would be a usual change since the period before, or since a year ago.

        Of the two, the one whose usual changes vary less is taken; None where neither is known.
        """
        ranges = [
            (within, earlier + median)
            for earlier, median, within in (
                (previous, self.on_before, self.seen_on_before),
                (year_ago, self.on_year_ago, self.seen_on_year_ago),
            )
            if earlier is not None and median is not None and within is not None
        ]
        within, middle = min(ranges, default=(0.0, None))
        return None if middle is None else (middle - within, middle + within)

    def are_usual(
        self, value: float | None, previous: float | None, year_ago: float | None
    ) -> tuple[bool | None, bool | None]:
        """Whether the value's changes on the period before and on a year ago are usual; None where it isn't known."""
        multiples = (
            times(value - earlier) if value is not None and earlier is not None else None
            for times, earlier in ((self.times_before, previous), (self.times_year_ago, year_ago))
        )  # fmt: skip
        on_before, on_year_ago = (None if times is None else times <= 1 for times in multiples)
        return on_before, on_year_ago


def _times(change: float, usual: float | None, seen: float | None) -> float | None:
    if usual is None or seen is None:
        return None
    if isclose(change, usual, rel_tol=1e-9, abs_tol=1e-12):
        return 0.0
    return abs(change - usual) / seen if seen else inf


def usual_changes(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], Usual]:
    """By (kpi_id, freq), from a connection to the published file."""
    rows = connection.execute(
        "select kpi_id, freq, usual_previous, usual_previous_within, usual_year_ago, usual_year_ago_within"
        " from kpi.usual_changes"
    ).fetchall()
    return {(kpi_id, freq): Usual(*columns) for kpi_id, freq, *columns in rows}


def with_usual(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `kpi.observations`, each with whether its changes lie within the KPI's usual variation.

    In `change_previous_is_usual` and `change_year_ago_is_usual`: None where that isn't known, and of members, whose
    variation is another one. Raises NyckeltalError as `reader.opened` does.
    """
    with reader.opened() as connection:
        usual = usual_changes(connection)
    marked = []
    for row in rows:
        known = usual.get((row["kpi_id"], row["freq"])) if row["segment"] == "_T" else None
        values = (row[name] for name in ("obs_value", "previous_value", "year_ago_value"))
        on_before, on_year_ago = known.are_usual(*values) if known else (None, None)
        marked.append({**row, "change_previous_is_usual": on_before, "change_year_ago_is_usual": on_year_ago})
    return marked
