"""How much Nordvik is talked of, week by week, beyond the demand that season and growth explain.

Press and word of mouth bring visitors at once. Whoever came for the first time looks around, leaves an address, and
buys about six weeks later.
"""

from __future__ import annotations

import numpy as np

from sample_company.simulator.business import Floats
from sample_company.simulator.timeline import Days, Span

SPREAD = 0.10
WEEKS_TO_ORDER = {5: 0.2, 6: 0.6, 7: 0.2}
"""Share of the newcomers of a week who place their first order so many weeks later."""
FOLLOWING = 0.8
"""How much of a week's attention is found again in first orders: the rest only looks."""


def attention(span: Span, days: Days) -> Floats:
    """Relative number of visitors on each day, 1 in an ordinary week."""
    return np.asarray(np.exp(SPREAD * span.weekly("attention", days)))


def newcomers(span: Span, days: Days) -> Floats:
    """Relative number of first orders on each day, 1 in an ordinary week: they follow the attention of weeks before."""
    earlier = sum(share * attention(span, days - 7 * weeks) for weeks, share in WEEKS_TO_ORDER.items())
    return np.asarray(1 + FOLLOWING * (np.asarray(earlier) - 1))
