"""How good Nordvik's software is from month to month: what defects, failed deployments and customers' answers share."""

from __future__ import annotations

import numpy as np

from sample_company.simulator.timeline import Month, Span

SPREAD = 0.16
MEMORY = np.array([1.0, 0.7, 0.4])
"""Weight of a month's chance and of those of the two months before: a bad spell lasts."""


def defect_pressure(span: Span, month: Month) -> float:
    """Relative number of defects of a month, 1 in an ordinary one.

    Customers notice: their recommendations (`survey`) fall one and two months after it has risen.
    """
    chances = []
    for _ in MEMORY:
        chances.append(span.rng("quality", month).normal())
        month = month.previous()
    return float(np.exp(SPREAD * MEMORY @ chances))
