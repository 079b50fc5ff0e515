"""The product information system's ideas: every launch was one, months before, and most come to nothing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sample_company.simulator.business import pick
from sample_company.simulator.files import SourceFolder, labels
from sample_company.simulator.sales.products import Products
from sample_company.simulator.technology.launches import launches_of
from sample_company.simulator.timeline import Days, Month, Span

MONTHS_TO_LAUNCH = (4, 17)
"""From accepting an idea to the month of its launch: at least, and less than."""
OTHERS = 7.0
"""Ideas a month that are accepted and never launched."""
SOURCES = ("customer", "employee", "supplier", "market study")
SOURCE_SHARES = np.array([0.34, 0.30, 0.22, 0.14])


def write_ideas(folder: SourceFolder, span: Span, products: Products) -> None:
    """pim/ideas.csv: the ideas accepted since the first day, with the launch of each that has been launched."""
    accepted: dict[int, list[tuple[np.datetime64, np.datetime64, str | None]]] = {}
    month = Month.of(span.start)
    while month.number < Month.of(span.until).number + MONTHS_TO_LAUNCH[1]:
        rng = span.rng("ideas of launches", month)
        launches = launches_of(span, products, month)
        waits = rng.integers(*MONTHS_TO_LAUNCH, len(launches.day))
        for name, day, wait in zip(launches.names(), launches.day, waits.tolist(), strict=True):
            since = np.datetime64(Month((month.number - wait) // 12, (month.number - wait) % 12 + 1).first)
            accepted.setdefault(month.number - wait, []).append((since + rng.integers(0, 28), day, name))
        month = month.next()

    accepted_on: list[np.datetime64] = []
    launched: list[np.datetime64] = []
    names: list[str] = []
    launch_names: list[str | None] = []
    source: list[int] = []
    for month in span.months():
        rng = span.rng("ideas", month)
        others: Days = month.days[0] + rng.integers(0, 28, int(rng.poisson(OTHERS)))
        ideas = accepted.get(month.number, []) + [(since, np.datetime64("NaT", "D"), None) for since in others]
        ideas.sort(key=lambda idea: idea[0])
        source += pick(rng, len(ideas), SOURCE_SHARES).tolist()
        for number, (since, launch, name) in enumerate(ideas, start=1):
            has_come = bool(launch <= np.datetime64(span.until))
            accepted_on.append(since)
            launched.append(launch if has_come else np.datetime64("NaT", "D"))
            names.append(f"I{month.year % 100}{month.month:02}-{number:02}")
            launch_names.append(name if has_come else None)
    table = pa.table(
        {
            "idea_no": pa.array(names),
            "accepted_on": np.array(accepted_on),
            "submitted_by": labels(np.array(source), SOURCES),
            "launched_on": np.array(launched),
            "launch_no": pa.array(launch_names, pa.string()),
        }
    ).filter(pa.array(np.array(accepted_on) <= np.datetime64(span.until)))
    folder.csv("pim/ideas.csv", table, span.until)
