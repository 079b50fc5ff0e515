"""How good Nordvik's software is from week to week: what defects, failed deployments and customers' answers share."""

from __future__ import annotations

import numpy as np

from sample_company.simulator.business import Floats
from sample_company.simulator.timeline import Days, Span

SPREAD = 0.28
WEEKS_TO_NOTICE = {2: 0.2, 3: 0.6, 4: 0.2}
"""How much the defects of so many weeks before weigh with customers: they meet them, report them, and remember."""


def defect_pressure(span: Span, days: Days) -> Floats:
    """Relative number of defects on each day, 1 in an ordinary week: some weeks' releases are worse than others."""
    return np.asarray(np.exp(SPREAD * span.weekly("quality", days)))


def annoyance(span: Span, days: Days) -> Floats:
    """How many defects customers remember on each day, as log2 of an ordinary week's: 1 is twice as many, -1 half."""
    remembered = [share * np.log2(defect_pressure(span, days - 7 * weeks)) for weeks, share in WEEKS_TO_NOTICE.items()]
    return np.asarray(np.sum(remembered, axis=0))
