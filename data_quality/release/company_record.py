"""What a release records of the company beside its definitions: how far each feed had come, and who may decide.

No cell of a source and no name of a file. Readers see it in `kpi.feeds` and `kpi.incidents` of the published file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from data_quality.release.snapshot import FeedState
from metrics.core.periods import period_of
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from metrics.definitions.feeds import Feed


def write(states: Mapping[str, FeedState], company: Company, catalog: Catalog, newest: dict[str, Any] | None) -> str:
    """The record as a JSON object: `feeds`, a list ordered by name, and `deciders`, the persons of roles.yml by domain.

    A release that reads no feeds, such as that of a review, repeats the feeds of `newest`, the newest release's row.
    """
    before = newest["company"] if newest else None
    domains = sorted({kpi.domain for kpi in catalog.kpis})
    feeds = _feeds(states, company, catalog) if states or before is None else json.loads(before)["feeds"]
    deciders = {domain: company.roles.deciders(domain) for domain in domains}
    return json.dumps({"feeds": feeds, "deciders": deciders}, ensure_ascii=False)


def _feeds(states: Mapping[str, FeedState], company: Company, catalog: Catalog) -> list[dict[str, Any]]:
    """An object for each feed of the company.

    Days and counts of rows (of the whole history) are null if only protected KPIs read the feed: rows of personnel data
    that came between two releases may belong to a single person. `outstanding` says whether
    something that was delivered could not be loaded.
    """
    shown = {feed for kpi in catalog.kpis if not kpi.protected for feed in kpi.feeds}
    records = []
    for name, feed in sorted(company.feeds.items()):
        state = states.get(name) or FeedState(name, None, None, None)
        facts = {
            "complete_through": _text(_covered(state, feed)),
            "newest_event": _text(state.newest_event.date() if state.newest_event else None),
            "newest_delivery": _text(state.newest_delivery),
            "rows_total": state.rows_total,
            "rows_rejected": state.rows_rejected,
        }
        records.append(
            {
                "feed": name,
                "system": feed.system,
                "cadence": feed.cadence,
                "history_from": feed.history_from.isoformat(),
                **(facts if name in shown else dict.fromkeys(facts)),
                "outstanding": state.outstanding is not None,
            }
        )
    return records


def _covered(state: FeedState, feed: Feed) -> date | None:
    """The last day that the feed covers. If its grain is the week or month, a row covers the whole week or month."""
    if state.watermark is None or feed.grain not in ("week", "month"):
        return state.watermark
    return period_of("M", state.watermark).end if feed.grain == "month" else state.watermark + timedelta(days=6)


def _text(moment: date | None) -> str | None:
    return moment.isoformat() if moment else None
