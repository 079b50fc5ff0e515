"""What the shop sold and delivered, by day: what ledger and warehouse are made from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sample_company.simulator.sales.products import Products
from sample_company.simulator.timeline import Days, Month, Span


class Sold:
    """Units sold less those returned, by day and product, and parcels by day: of the months that the shop has run."""

    def __init__(self, span: Span, products: Products) -> None:
        self._first = np.datetime64(span.start)
        size = int((np.datetime64(Month.of(span.until).last) - self._first).astype(np.int64)) + 1
        self._units = np.zeros((size, len(products.names)), dtype=np.int64)
        self._parcels = np.zeros(size, dtype=np.int64)

    def book(self, day: Days, product: npt.NDArray[np.int64], units: npt.NDArray[np.int64]) -> None:
        """Lines booked, with the units of each; negative for returns. Days after the simulated months are left out."""
        index = (day - self._first).astype(np.int64)
        known = index < len(self._units)
        np.add.at(self._units, (index[known], product[known]), units[known])

    def deliver(self, day: Days) -> None:
        """Parcels, by the day of delivery of each."""
        index = (day - self._first).astype(np.int64)
        self._parcels += np.bincount(index[index < len(self._parcels)], minlength=len(self._parcels))

    def units(self, days: Days) -> npt.NDArray[np.int64]:
        """Units of each day and product, (days, products)."""
        return self._units[(days - self._first).astype(np.int64)]

    def parcels(self, month: Month) -> int:
        """Parcels delivered in a month."""
        return int(self._parcels[(month.days - self._first).astype(np.int64)].sum())
