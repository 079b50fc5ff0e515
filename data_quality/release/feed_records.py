"""What a release records of the feeds: how far each had come, and how many rows it had. No cell, no name of a file.

Readers see it in `kpi.feeds` (`publishing/tables.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from data_quality.release.snapshot import FeedState
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company


def write(states: Mapping[str, FeedState], company: Company, catalog: Catalog) -> str:
    """The record of the company's feeds as a JSON list: one object for each, in the order of their names.

    `newest_event` and `complete_through` are days that come from rows. They are null unless a KPI that isn't protected
    reads the feed: a feed of personnel data may have its newest row of a single person. `outstanding` says whether
    something that was delivered could not be loaded. Raw rows are counted, those of the whole history.
    """
    shown = {feed for kpi in catalog.kpis if not kpi.protected for feed in kpi.feeds}
    records = []
    for name, feed in sorted(company.feeds.items()):
        state = states.get(name) or FeedState(name, None, None, None)
        newest_event, complete_through = (state.newest_event, state.watermark) if name in shown else (None, None)
        records.append(
            {
                "feed": name,
                "system": feed.system,
                "cadence": feed.cadence,
                "history_from": feed.history_from.isoformat(),
                "complete_through": complete_through.isoformat() if complete_through else None,
                "newest_event": newest_event.date().isoformat() if newest_event else None,
                "newest_delivery": state.newest_delivery.isoformat() if state.newest_delivery else None,
                "rows_total": state.rows_total,
                "rows_rejected": state.rows_rejected,
                "outstanding": state.outstanding is not None,
            }
        )
    return json.dumps(records, ensure_ascii=False)
