"""What answers a question from the published file alone: for assistants, commands and the site.

`values.py` answers what a KPI means and what its values are, `why.py` why they moved, `reviews.py` what a review looks
at, `objectives.py` how far objectives are attained. `lookup.py` finds what a question names, `quotes.py` says a value
with all that must be said with it. Statistics on the history are in `publishing/analysis/`.
"""

from __future__ import annotations

from typing import Any, Literal

Answer = dict[str, Any]
Against = Literal["previous", "year_ago", "target"]
"""With what a total is compared: the period before, the same period a year ago, or its target."""
