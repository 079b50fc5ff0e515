"""`future_rows`: the share of rows dated more than a day after their delivery, beyond the usual share."""

from __future__ import annotations

from data_quality.gate.checks.check import Check
from data_quality.gate.checks.feed_shares import share_beyond_usual_sql

_FIGURE = share_beyond_usual_sql("n_ahead", "of the rows are dated after their delivery")

CHECK = Check(
    __name__,
    _FIGURE,
    "No more rows than usual are dated after their delivery.",
    "rows are dated after their delivery",
    flag=0.001,
)
