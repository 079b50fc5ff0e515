"""Near misses: what might have hurt somebody and didn't, as reported by whoever saw it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sample_company.simulator.business import OFFICE_WEEK, pick, weekday
from sample_company.simulator.files import SourceFolder
from sample_company.simulator.technology.operations import SITES
from sample_company.simulator.timeline import Month, Span

A_DAY, YEARLY_REPORTING = 0.45, 1.15
"""Reports on an ordinary day of 2023, and how people learn to report by the year."""
SITE_SHARES = np.array([0.70, 0.10, 0.20])
HAZARDS = ("trucks and pallets", "falling goods", "slips and trips", "tools and machines", "electricity")
HAZARD_SHARES = np.array([0.36, 0.22, 0.24, 0.13, 0.05])


def write_near_misses(folder: SourceFolder, span: Span, month: Month) -> None:
    """hse/near_misses_<month>.jsonl: the reports of a month; they carry no name."""
    rng = span.rng("near misses", month)
    usual = A_DAY * YEARLY_REPORTING ** (month.year - 2023) * OFFICE_WEEK[weekday(month.days)]
    day = np.repeat(month.days, rng.poisson(usual))
    site, hazard = pick(rng, len(day), SITE_SHARES), pick(rng, len(day), HAZARD_SHARES)
    frame = pd.DataFrame(
        {
            "report_no": [f"T{month.code}-{number:02}" for number in range(1, len(day) + 1)],
            "reported_on": np.datetime_as_string(day),
            "site": np.array(SITES)[site],
            "hazard": np.array(HAZARDS)[hazard],
        }
    )
    known = frame[day <= np.datetime64(span.until)]
    folder.jsonl(f"hse/near_misses_{month.code}.jsonl", known, span.newest(month))
