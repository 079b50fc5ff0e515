"""Marketing's plan of the ad campaigns: whom each is shown to, and what it says. It changes nothing about the ads."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa

from sample_company.simulator.files import SourceFolder
from sample_company.simulator.timeline import Span

CHRISTMAS, ALL_YEAR = "Christmas gifts", "Quality that lasts"
# Platform, campaign, audience, message; None where it is CHRISTMAS in November and December and else ALL_YEAR.
# The ads of "Shopping" are made from the range: it isn't planned.
PLAN: tuple[tuple[str, str, str, str | None], ...] = (
    ("google", "Brand search", "knows the brand", ALL_YEAR),
    ("google", "Generic search", "looks for a product", None),
    ("meta", "Prospecting", "families", None),
    ("meta", "Retargeting", "has visited the shop", "Your cart is waiting"),
    ("linkedin", "B2B decision makers", "businesses", "Equip your team"),
)
SINCE = date(2023, 1, 1)


def write_campaigns(folder: SourceFolder, span: Span) -> None:
    """ads/campaigns.csv: one row per campaign and stretch of days with one message, as planned at the last day."""
    rows: list[tuple[str, str, str, str, date, date | None]] = []
    for platform, campaign, audience, message in PLAN:
        if message is not None:
            rows.append((platform, campaign, audience, message, SINCE, None))
            continue
        for year in range(SINCE.year, span.until.year + 1):
            november = date(year, 11, 1)
            rows.append((platform, campaign, audience, ALL_YEAR, date(year, 1, 1), november - timedelta(days=1)))
            rows.append((platform, campaign, audience, CHRISTMAS, november, date(year, 12, 31)))
    names = ("platform", "campaign", "audience", "message", "first_day", "last_day")
    columns = [pa.array(column) for column in zip(*rows, strict=True)]
    folder.csv("ads/campaigns.csv", pa.table(columns, names=names), span.until)
