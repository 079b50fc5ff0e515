"""Marketing's systems: three ad platforms with a CSV file each a day, and web analytics with one a month."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sample_company.simulator.attention import attention
from sample_company.simulator.business import (
    CHANNELS,
    COUNTRIES,
    COUNTRY_SHARES,
    Floats,
    demand,
    season,
    years_since_anchor,
)
from sample_company.simulator.files import DailyFiles, SourceFolder, labels
from sample_company.simulator.sales.shop import orders_level
from sample_company.simulator.timeline import Days, Month, Span

SESSIONS_PER_DAY = 5300
SESSION_SHARES = np.array([0.39, 0.17, 0.21, 0.05, 0.12, 0.06])
ENGAGED = np.array([0.58, 0.44, 0.62, 0.68, 0.66, 0.60])
ORDERING = np.array([0.020, 0.013, 0.030, 0.045, 0.036, 0.024])
"""Share of the sessions with an order, of each channel."""
PAGES_PER_SESSION = 3.4
# What marketing learns: better ads and pages every year. Before Christmas, visitors come to buy.
YEARLY_CTR, YEARLY_ENGAGEMENT, YEARLY_ORDERING = 1.03, 1.012, 1.015
SEASONAL_ORDERING = 0.4

COUNTRY_NAMES = ("Sweden", "Norway", "Denmark", "Finland")
SEK_PER_EUR = 11.4


@dataclass(frozen=True)
class Campaign:
    """An ad campaign that runs in every country: daily impressions, CTR, SEK per click, orders per click, SEK each.

    `leads` is its share of the leads that the ads of its channel bring.
    """

    name: str
    impressions: float
    ctr: float
    cost_per_click: float
    conversion_rate: float
    value: float
    leads: float


@dataclass(frozen=True)
class AdCounts:
    """What a platform counted in a month: a row per day, campaign and country. Money is in SEK."""

    day: Days
    campaign: pa.Array
    country: npt.NDArray[np.int64]
    impressions: npt.NDArray[np.int64]
    clicks: npt.NDArray[np.int64]
    cost: Floats
    conversions: npt.NDArray[np.int64]
    value: Floats


def write_ads(folder: SourceFolder, span: Span, month: Month) -> float:
    """The files of the three platforms for the known days of a month, each with the platform's own columns.

    Returns what they cost in the whole month, in SEK.
    """
    cost = 0.0
    for platform, (campaigns, report) in PLATFORMS.items():
        counts = _count(span.rng(f"ads {platform}", month), month.days, campaigns, span.scale)
        files = DailyFiles(folder, f"ads/{platform}/{platform}_ads_{{day}}.csv")
        files.add(counts.day, report(counts))
        files.write(month, span.until)
        cost += float(counts.cost.sum())
    return cost


def _count(rng: np.random.Generator, days: Days, campaigns: tuple[Campaign, ...], scale: float) -> AdCounts:
    def of(field: str) -> Floats:
        return np.array([getattr(campaign, field) for campaign in campaigns])[None, :, None]

    shape = (len(days), len(campaigns), len(COUNTRIES))
    # Budgets follow demand by half: they are planned, not earned.
    level = np.sqrt(demand(days))[:, None, None] * COUNTRY_SHARES * scale
    impressions = rng.poisson(of("impressions") * level * rng.lognormal(0, 0.08, shape))
    ctr = of("ctr") * (YEARLY_CTR ** years_since_anchor(days))[:, None, None]
    clicks = rng.binomial(impressions, ctr * rng.lognormal(0, 0.05, shape))
    cost = np.round(clicks * of("cost_per_click") * rng.lognormal(0, 0.06, shape), 2)
    conversions = rng.binomial(clicks, np.broadcast_to(of("conversion_rate"), shape))
    value = np.round(conversions * of("value") * rng.lognormal(0, 0.12, shape), 2)
    day, campaign, country = (axis.ravel() for axis in np.indices(shape))
    return AdCounts(
        day=days[day],
        campaign=labels(campaign, [campaign.name for campaign in campaigns]),
        country=country,
        impressions=impressions.ravel(),
        clicks=clicks.ravel(),
        cost=cost.ravel(),
        conversions=conversions.ravel(),
        value=value.ravel(),
    )


def _google(ads: AdCounts) -> dict[str, Any]:
    return {
        "day": ads.day,
        "campaign_name": ads.campaign,
        "country_code": labels(ads.country, COUNTRIES),
        "impr": ads.impressions,
        "clicks": ads.clicks,
        "cost_micros": np.round(ads.cost * 1e6).astype(np.int64),
        "currency": pa.repeat("SEK", len(ads.day)),
        "conversions": ads.conversions,
        "conv_value": ads.value,
    }


def _meta(ads: AdCounts) -> dict[str, Any]:
    return {
        "date_start": ads.day,
        "campaign": ads.campaign,
        "country": labels(ads.country, COUNTRIES),
        "impressions": ads.impressions,
        "link_clicks": ads.clicks,
        "spend": np.round(ads.cost / SEK_PER_EUR, 2),
        "account_currency": pa.repeat("EUR", len(ads.day)),
        "results": ads.conversions,
        "result_value": np.round(ads.value / SEK_PER_EUR, 2),
    }


def _linkedin(ads: AdCounts) -> dict[str, Any]:
    return {
        "start_date": pc.strftime(pa.array(ads.day), "%m/%d/%Y"),
        "campaign_group": ads.campaign,
        "market": labels(ads.country, COUNTRY_NAMES),
        "impressions": ads.impressions,
        "clicks": ads.clicks,
        "total_spent": np.round(ads.cost / SEK_PER_EUR, 2),
        "currency_code": pa.repeat("EUR", len(ads.day)),
        "conversions": ads.conversions,
        "conversion_value": np.round(ads.value / SEK_PER_EUR, 2),
    }


# Campaigns of each platform, and how it reports them.
PLATFORMS: dict[str, tuple[tuple[Campaign, ...], Callable[[AdCounts], dict[str, Any]]]] = {
    "google": (
        (
            Campaign("Brand search", 9_500, 0.062, 3.6, 0.047, 1_020, 0.34),
            Campaign("Generic search", 34_000, 0.031, 10.4, 0.027, 1_280, 0.41),
            Campaign("Shopping", 42_000, 0.017, 8.2, 0.030, 1_190, 0.25),
        ),
        _google,
    ),
    "meta": (
        (
            Campaign("Prospecting", 62_000, 0.011, 8.1, 0.018, 1_100, 0.45),
            Campaign("Retargeting", 16_000, 0.016, 9.3, 0.034, 1_150, 0.38),
        ),
        _meta,
    ),
    "linkedin": ((Campaign("B2B decision makers", 9_000, 0.0065, 38.0, 0.021, 5_400, 0.17),), _linkedin),
}
PLATFORM_CHANNELS = {"google": "paid_search", "meta": "paid_social", "linkedin": "paid_social"}
"""The marketing channel of each platform."""


def write_web(folder: SourceFolder, span: Span, month: Month) -> None:
    """web/sessions_<month>.parquet: a row per day, channel and country."""
    rng = span.rng("web", month)
    shape = (len(month.days), len(CHANNELS), len(COUNTRIES))
    shares = SESSION_SHARES[:, None] * COUNTRY_SHARES
    noticed = attention(span, month.days)
    level = SESSIONS_PER_DAY * span.scale * (demand(month.days) * noticed)[:, None, None] * shares
    sessions = rng.poisson(level * rng.lognormal(0, 0.06, shape))
    years = years_since_anchor(month.days)[:, None, None]
    engaged = rng.binomial(sessions, np.broadcast_to(ENGAGED[:, None] * YEARLY_ENGAGEMENT**years, shape))
    pages = sessions + rng.poisson(sessions * (PAGES_PER_SESSION - 1))
    # More attention brings visitors, who order some weeks later: today's orders are those of the shop.
    buying = (1 + SEASONAL_ORDERING * (season(month.days) - 1)) * orders_level(span, month.days) / noticed
    buying = buying[:, None, None] * YEARLY_ORDERING**years
    conversions = rng.binomial(sessions, np.broadcast_to(ORDERING[:, None] * buying, shape))
    day, channel, country = (axis.ravel() for axis in np.indices(shape))
    table = pa.table(
        {
            "session_date": month.days[day],
            "channel": labels(channel, CHANNELS),
            "country": labels(country, COUNTRIES),
            "sessions": sessions.ravel(),
            "engaged_sessions": engaged.ravel(),
            "page_views": pages.ravel(),
            "conversions": conversions.ravel(),
        }
    ).filter(pa.array(month.days[day] <= np.datetime64(span.until)))
    folder.parquet(f"web/sessions_{month.code}.parquet", table, span.newest(month))
