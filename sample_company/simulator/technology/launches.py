"""The product information system: launches of products and of their new generations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sample_company.simulator.files import SourceFolder
from sample_company.simulator.sales.products import FIRST_ID, Products
from sample_company.simulator.timeline import Days, Month, Span

SINCE = Month(2019, 1)
PER_MONTH, YEARLY_MORE = 1.05, 1.04
"""Launches a month in 2023, and how they grow by the year."""
# From January to December: spring and autumn collections.
SEASON = np.array([0.4, 0.9, 1.9, 1.6, 1.0, 0.5, 0.3, 1.1, 1.9, 1.5, 0.7, 0.2])


@dataclass(frozen=True)
class Launches:
    """The launches of a month, by day: indexes of products and days."""

    product: npt.NDArray[np.int64]
    day: Days

    def names(self) -> list[str]:
        """The number of each launch, such as L2026-09-01."""
        return [f"L{str(day)[:7]}-{number:02}" for number, day in enumerate(self.day, start=1)]


def launches_of(span: Span, products: Products, month: Month) -> Launches:
    """What is launched in a month; the same whenever it is asked, also of a month to come."""
    rng = span.rng("launches", month)
    count = int(rng.poisson(PER_MONTH * YEARLY_MORE ** (month.year - 2023) * SEASON[month.month - 1]))
    product = rng.choice(len(products.names), count, replace=False)
    return Launches(product, np.sort(rng.choice(month.days, count)))


def write_launches(folder: SourceFolder, span: Span, products: Products) -> None:
    """Write pim/launches.csv: the launches since 2019, tab-separated; `generation` counts the launches of a product."""
    months = []
    month = SINCE
    while month.first <= span.until:
        months.append(launches_of(span, products, month))
        month = month.next()
    day = np.concatenate([launches.day for launches in months])
    product = np.concatenate([launches.product for launches in months])
    generations = np.zeros(len(products.names), dtype=np.int64)
    generation = np.empty(len(day), dtype=np.int64)
    for row, index in enumerate(product):
        generations[index] += 1
        generation[row] = generations[index]
    table = pa.table(
        {
            "launch_no": pa.array([name for launches in months for name in launches.names()]),
            "product_id": product + FIRST_ID,
            "generation": generation,
            "launched_on": day,
        }
    ).filter(pa.array(day <= np.datetime64(span.until)))
    folder.csv("pim/launches.csv", table, span.until, delimiter="\t")
