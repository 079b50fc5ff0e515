"""The CRM: leads, and which of the shop's customers they become."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sample_company.simulator.attention import attention
from sample_company.simulator.business import CHANNELS, COUNTRIES, COUNTRY_SHARES, OFFICE_WEEK, demand, pick
from sample_company.simulator.files import SourceFolder, labels
from sample_company.simulator.marketing.media import PLATFORM_CHANNELS, PLATFORMS
from sample_company.simulator.sales.customers import Customers, Indexes
from sample_company.simulator.timeline import OFFICE, Instants, Month, Span, instants

LEADS_PER_DAY = 75
LEAD_SHARES = np.array([0.30, 0.24, 0.22, 0.10, 0.08, 0.06])
QUALIFIED = np.array([0.52, 0.40, 0.50, 0.46, 0.55, 0.60])
STATUSES = ("qualified", "new", "disqualified")
CONVERTING = np.array([0.21, 0.07, 0.01])
"""Share of the leads that become customers, of each status."""
DAYS_TO_CUSTOMER, LIKE_MINDED = 42.0, 30.0
"""Mean days from a lead to the day on which it is ready to register in the shop; how close to the mean leads are."""


BROUGHT_BY = [(platform, campaign.name) for platform, (campaigns, _) in PLATFORMS.items() for campaign in campaigns]
"""Platform and campaign of the ads that bring leads."""
LEADS_BROUGHT = np.array([campaign.leads for campaigns, _ in PLATFORMS.values() for campaign in campaigns])


class Leads:
    """All leads in the order of creation; `run` is called for every month in turn."""

    def __init__(self, folder: SourceFolder, span: Span) -> None:
        self._folder = folder
        self._span = span
        self._ids: list[Indexes] = []
        self._countries: list[Indexes] = []
        self._ready_at: list[Instants] = []

    def run(self, month: Month) -> None:
        """Write crm/leads_<month>.csv: the leads created in a month."""
        span = self._span
        rng = span.rng("leads", month)
        usual = LEADS_PER_DAY * span.scale * demand(month.days, OFFICE_WEEK)
        days = np.repeat(month.days, rng.poisson(usual * attention(span, month.days)))
        created = np.sort(instants(rng, days, OFFICE))
        size = len(created)
        channel = pick(rng, size, LEAD_SHARES)
        other = np.where(rng.random(size) < 0.4, 1, 2)
        status = np.where(rng.random(size) < QUALIFIED[channel], 0, other)
        country = pick(rng, size, COUNTRY_SHARES)
        campaign = _campaigns(rng, channel)
        ids = month.number * 1_000_000 + np.arange(1, size + 1)
        table = pa.table(
            {
                "lead_id": ids,
                "created_at": created,
                "email": labels(np.arange(size), [lead_email(number) for number in ids.tolist()]),
                "channel": labels(channel, CHANNELS),
                "country": labels(country, COUNTRIES),
                "status": labels(status, STATUSES),
                "utm_source": labels(campaign, [platform for platform, _ in BROUGHT_BY]),
                "utm_campaign": labels(campaign, [name for _, name in BROUGHT_BY]),
            }
        ).filter(pa.array(created < span.end))
        self._folder.csv(f"crm/leads_{month.code}.csv", table, span.newest(month))

        rng = span.rng("lead conversions", month)
        converts = rng.random(size) < CONVERTING[status]
        waits = (rng.gamma(LIKE_MINDED, DAYS_TO_CUSTOMER / LIKE_MINDED, size) * 86400).astype("timedelta64[s]")
        self._ids.append(ids[converts])
        self._countries.append(country[converts])
        self._ready_at.append((created + waits)[converts])

    def became(self, customers: Customers) -> dict[int, int]:
        """The lead that a customer was before, by the customer's index: the first to register in the lead's country.

        Whoever is ready earlier comes first, so that later leads and customers change nothing about earlier ones.
        """
        ready_at, country, ids = (np.concatenate(parts) for parts in (self._ready_at, self._countries, self._ids))
        leads: dict[int, int] = {}
        for where in range(len(COUNTRIES)):
            there = np.flatnonzero(customers.country == where)
            oldest_first = there[np.argsort(customers.created_at[there], kind="stable")]
            mine = np.flatnonzero(country == where)
            mine = mine[np.argsort(ready_at[mine], kind="stable")]
            free = 0
            for lead, since in zip(
                mine, np.searchsorted(customers.created_at[oldest_first], ready_at[mine]), strict=True
            ):
                free = max(free, int(since))
                if free == len(oldest_first):
                    break
                leads[int(oldest_first[free])] = int(ids[lead])
                free += 1
        return leads


def _campaigns(rng: np.random.Generator, channel: Indexes) -> Indexes:
    """The ad campaign that brought each lead, an index of BROUGHT_BY: -1 for leads of a channel without ads."""
    campaign = np.full(len(channel), -1)
    for number, name in enumerate(CHANNELS):
        ads = [index for index, (platform, _) in enumerate(BROUGHT_BY) if PLATFORM_CHANNELS[platform] == name]
        if ads:
            drawn = pick(rng, len(channel), LEADS_BROUGHT[ads])
            campaign = np.where(channel == number, np.array(ads)[drawn], campaign)
    return campaign


def lead_email(lead_id: int) -> str:
    """The address that a lead left, and registers with when it becomes a customer."""
    return f"lead.{lead_id}@mail.example"
