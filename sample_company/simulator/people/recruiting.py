"""The recruiting system: positions, and the applications for them. Whoever is hired stood in it weeks before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sample_company.simulator.business import COUNTRIES
from sample_company.simulator.files import SourceFolder, known, labels
from sample_company.simulator.people.staff import DEPARTMENTS, Staff
from sample_company.simulator.timeline import Days, Month, Span

NOTICE_DAYS = (20, 60)
"""From the accepted offer to the first day at work."""
MEDIAN_DAYS_TO_HIRE, SPREAD = 24.0, 0.35
DEPARTMENT_PACE = np.array([0.85, 0.9, 0.85, 1.35, 1.1, 1.1])
DAYS_ADVERTISED = (8, 30)
"""From opening a position to the application of the one who is hired."""
OTHERS = 9
"""Applications for a position that come to nothing, on average."""


def write_recruiting(folder: SourceFolder, span: Span, ahead: Staff) -> None:
    """ats/requisitions.csv and ats/applications_<month>.parquet. `ahead` are the staff some months later."""
    start = np.datetime64(span.start)
    hired_in = ahead.hired.astype("datetime64[M]")
    who: list[npt.NDArray[np.int64]] = []
    position: list[npt.NDArray[np.int64]] = []
    opened: list[Days] = []
    received: list[Days] = []
    accepted: list[Days] = []
    count = 0
    for month in np.unique(hired_in[ahead.hired >= start]):
        year, number = int(str(month)[:4]), int(str(month)[5:])
        rng = span.rng("recruiting", Month(year, number))
        hired = np.flatnonzero(hired_in == month)
        accepts = ahead.hired[hired] - rng.integers(*NOTICE_DAYS, len(hired))
        pace = DEPARTMENT_PACE[ahead.department[hired]]
        waits = np.ceil(MEDIAN_DAYS_TO_HIRE * pace * rng.lognormal(0, SPREAD, len(hired))).clip(3, 90).astype(np.int64)
        applies = accepts - waits
        opens = applies - rng.integers(*DAYS_ADVERTISED, len(hired))
        others = rng.poisson(OTHERS, len(hired))
        of = np.repeat(np.arange(len(hired)), others)
        at = (rng.random(len(of)) * (accepts - opens)[of].astype(np.int64)).astype(np.int64)
        who.append(hired)
        opened.append(opens)
        position += [count + np.arange(len(hired)), count + of]
        received += [applies, opens[of] + at]
        accepted += [accepts, np.full(len(of), np.datetime64("NaT", "D"))]
        count += len(hired)
    _write(
        folder,
        span,
        ahead,
        np.concatenate(who),
        np.concatenate(opened),
        np.concatenate(position),
        np.concatenate(received),
        np.concatenate(accepted),
    )


def _write(
    folder: SourceFolder,
    span: Span,
    ahead: Staff,
    who: npt.NDArray[np.int64],
    opened: Days,
    position: npt.NDArray[np.int64],
    received: Days,
    accepted: Days,
) -> None:
    """`position` is the place in `who` of the one hired for it; the accepted day of other applications is NaT."""
    start, until = np.datetime64(span.start), np.datetime64(span.until)
    filled = np.full(len(who), until + 1)
    offered = ~np.isnat(accepted)
    filled[position[offered]] = accepted[offered]
    is_shown = (opened <= until) & (filled >= start)
    numbers = [f"R{index:05}" for index in who.tolist()]
    requisitions = pa.table(
        {
            "req_no": pa.array(numbers),
            "department": labels(ahead.first_department[who], DEPARTMENTS),
            "country": labels(ahead.country[who], COUNTRIES),
            "opened_on": opened,
        }
    )
    folder.csv("ats/requisitions.csv", requisitions.filter(pa.array(is_shown)), span.until)

    by_day = np.lexsort((position, received))
    position, received, accepted = position[by_day], received[by_day], known(accepted[by_day], until + 1)
    of_position = np.zeros(len(who), dtype=np.int64)
    names = []
    for index in position.tolist():
        of_position[index] += 1
        names.append(f"{numbers[index]}-{of_position[index]:02}")
    stage = np.where(~np.isnat(accepted), 2, np.where(filled[position] <= until, 1, 0))
    applications = pa.table(
        {
            "application_no": pa.array(names),
            "req_no": pa.array([numbers[index] for index in position.tolist()]),
            "received_on": received,
            "stage": labels(stage, ("in progress", "rejected", "hired")),
            "offer_accepted_on": accepted,
        }
    )
    # What came before the first month is in its file.
    month_of = np.maximum(received, start).astype("datetime64[M]")
    for month in span.months():
        mask = is_shown[position] & (received <= until) & (month_of == np.datetime64(month.code))
        decided = filled[position][mask & (filled[position] <= until)]
        newest = max([span.newest(month), *decided.astype(object)])
        folder.parquet(f"ats/applications_{month.code}.parquet", applications.filter(pa.array(mask)), newest)
