"""What Nordvik's systems have in common: its countries, channels, and how demand moves over years, months and weeks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sample_company.simulator.timeline import Days

Floats = npt.NDArray[np.float64]

COUNTRIES = ("SE", "NO", "DK", "FI")
COUNTRY_SHARES = np.array([0.50, 0.20, 0.17, 0.13])
CURRENCIES = ("SEK", "NOK", "DKK", "EUR")
"""Of each country."""
PRICE_FACTORS = np.array([1.0, 1.05, 0.67, 0.09])
"""Local price per SEK of the price list."""

CHANNELS = ("paid_search", "paid_social", "organic", "email", "direct", "referral")

YEARLY_GROWTH = 0.08
YEARLY_INFLATION = 0.02
ANCHOR = np.datetime64("2023-11-01")
"""The day with level 1; fixed, so that a day's level doesn't depend on where a simulation starts."""

# Mid-month levels from January to December: a summer dip, a November and December peak.
SEASON = np.array([0.96, 0.94, 0.97, 0.99, 1.00, 0.96, 0.86, 0.94, 1.00, 1.03, 1.16, 1.19])
SHOP_WEEK = np.array([1.10, 1.04, 1.02, 1.01, 0.95, 0.86, 1.02])
OFFICE_WEEK = np.array([1.30, 1.24, 1.20, 1.18, 1.08, 0.50, 0.50])
"""Relative levels from Monday to Sunday."""


def years_since_anchor(days: Days) -> Floats:
    """Years from the anchor to each day, negative before it."""
    return np.asarray((days - ANCHOR).astype(np.float64) / 365.25)


def demand(days: Days, week: Floats = SHOP_WEEK) -> Floats:
    """Relative demand of each day: growth, season and weekday; 1 on an ordinary day of late 2023."""
    level: Floats = (1 + YEARLY_GROWTH) ** years_since_anchor(days) * season(days) * week[weekday(days)]
    return level


def season(days: Days) -> Floats:
    """The season's level, passing smoothly from one mid-month to the next."""
    day_of_year = (days - days.astype("datetime64[Y]")).astype(np.float64)
    middles = np.arange(-0.5, 13) * 30.44
    return np.asarray(np.interp(day_of_year, middles, np.concatenate([SEASON[-1:], SEASON, SEASON[:1]])))


def weekday(days: Days) -> npt.NDArray[np.int64]:
    """0 for Monday to 6 for Sunday."""
    return np.asarray((days.astype(np.int64) + 3) % 7)


def pick(rng: np.random.Generator, size: int, shares: Floats) -> npt.NDArray[np.int64]:
    """`size` indexes drawn by their shares; the shares needn't add up to 1."""
    bounds = np.cumsum(shares / shares.sum())
    return np.asarray(np.minimum(np.searchsorted(bounds, rng.random(size), side="right"), len(shares) - 1))
