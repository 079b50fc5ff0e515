"""What the rules look at: the newest year of a KPI's published values, and when its review is due."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from publishing import reader
from publishing.analysis.leads import read
from publishing.analysis.relevance import relevance
from publishing.answers import Answer
from publishing.language import language

# The closed periods of a frequency that are looked at, and their name: a year's, and of years four.
PERIODS = {"W": (52, "weeks"), "M": (12, "months"), "Q": (4, "quarters"), "A": (4, "years")}
_KPIS = """
select kpi_id, due_on, coalesce(target_freq, main_freq) as freq
from kpi.catalog join kpi.reviews using (kpi_id) where retired_on is null order by domain, kpi_id
"""
_TOTALS = """
select kpi_id, freq, obs_value, target_attained from kpi.observations
where segment = '_T' and not provisional and obs_status not in ('O', 'M')
qualify row_number() over (partition by kpi_id, freq order by period_start desc) <= 52
order by period_start desc
"""


@dataclass(frozen=True)
class Record:
    """A KPI in use, with its newest closed totals at the frequency of its target, else at its main one.

    `values` are the year's (of years the newest four), newest first; empty unless all of them are published. `attained`
    says of each of them whether it met its target; empty unless all were compared with one. `periods` names them, such
    as "12 months". `due_on` is the day by which it has to be reviewed, None where nothing is published. `leads_to` says
    of a leading KPI what it moved before (`analysis.relevance`).
    """

    kpi_id: str
    values: tuple[float, ...]
    attained: tuple[bool, ...]
    periods: str
    due_on: date | None
    leads_to: Answer | None = None


def records() -> Iterator[Record]:
    """The record of each KPI in use. Raises NyckeltalError without a published file."""
    totals = defaultdict(list)
    catalog = reader.newest_catalog()
    with reader.opened() as connection:
        leads = read(connection, catalog, language("en"))
    for row in reader.query(_TOTALS):
        totals[row["kpi_id"], row["freq"]].append(row)
    for kpi in reader.query(_KPIS):
        count, name = PERIODS[kpi["freq"]]
        rows = totals[kpi["kpi_id"], kpi["freq"]][:count]
        values = tuple(row["obs_value"] for row in rows if row["obs_value"] is not None)
        attained = tuple(row["target_attained"] for row in rows if row["target_attained"] is not None)
        yield Record(
            kpi_id=kpi["kpi_id"],
            values=values if len(values) == count else (),
            attained=attained if len(attained) == count else (),
            periods=f"{count} {name}",
            due_on=kpi["due_on"],
            leads_to=relevance(catalog.kpi(kpi["kpi_id"]), leads),
        )
