"""Which products the warehouse runs out of, and when: a supplier doesn't deliver, and nobody can order them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sample_company.simulator.business import Floats
from sample_company.simulator.sales.products import SUBSCRIPTION, Products
from sample_company.simulator.timeline import Days, Span

FAILING = 0.008
"""Chance of a product to run out in a week."""
WEEKS_OUT = 3
"""The most weeks that it is out."""
WEEKS_OF_COVER = 8
"""Before it is out, stock isn't filled up for so many weeks."""


def weeks_to_go(span: Span, products: Products, days: Days) -> npt.NDArray[np.int64]:
    """Weeks until each product is out, (days, products): 0 while it is, WEEKS_OF_COVER where that is far away."""
    left = np.full((len(days), len(products.names)), WEEKS_OF_COVER)
    for ahead in range(WEEKS_OF_COVER - 1, -WEEKS_OUT, -1):
        drawn = _chances(span, products, days + 7 * ahead)
        weeks_out = np.where(drawn < FAILING, 1 + drawn / FAILING * WEEKS_OUT, 0).astype(np.int64)
        left[weeks_out + min(ahead, 0) > 0] = max(ahead, 0)
    left[:, products.category == SUBSCRIPTION] = WEEKS_OF_COVER
    return left


def _chances(span: Span, products: Products, days: Days) -> Floats:
    """A number from 0 to 1 for each day's week and product."""
    mondays, week = np.unique(days - (days.astype(np.int64) + 3) % 7, return_inverse=True)
    drawn = [span.weekly_rng("supply", monday).random(len(products.names)) for monday in mondays]
    return np.asarray(np.array(drawn)[week])
