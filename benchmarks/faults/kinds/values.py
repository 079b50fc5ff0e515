"""Faults of value: numbers in another unit, sign or currency, times in another zone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.faults.files import Files
from benchmarks.faults.kinds.kind import DAYS, SHARES, kind, moved, scaled, some


@kind(
    DAYS,
    {
        "order_lines": ("net_amount", 100),
        "exchange_rates": ("sek_per_unit", 100),
        "google_ads": ("cost_micros", 1e-6),
        "meta_ads": ("spend", 100),
        "readings": ("kwh", 1000),
    },
    adventureworks={"sales": ("OrderQuantity", 12), "products": ("ProductPrice", 100)},
    ravenstack={"support_tickets": ("resolution_time_hours", 60)},
)
def unit_change(files: Files, feed: str, target: tuple[str, float], days: float) -> None:
    """Amounts come in öre, rates per hundred, costs in kronor instead of millionths, readings in Wh."""
    column, factor = target
    files.edit(feed, lambda rows: scaled(rows, column, factor), files.middle(days))


@kind({"5 % longer": 0.05, "30 % longer": 0.3, "all longer": 1.0}, {"incidents": 1000.0})
def seconds_to_milliseconds(files: Files, feed: str, factor: float, share: float) -> None:
    """Incidents last a thousand times as long."""
    _stretch(files, feed, factor, share)


@kind({"5 % shorter": 0.05, "30 % shorter": 0.3, "all shorter": 1.0}, {"incidents": 0.001})
def milliseconds_to_seconds(files: Files, feed: str, factor: float, share: float) -> None:
    """Incidents last a thousandth of the time."""
    _stretch(files, feed, factor, share)


def _stretch(files: Files, feed: str, factor: float, share: float) -> None:
    form = str(files.company.feeds[feed].columns["resolved_at"].format)

    def stretch(rows: pd.DataFrame) -> pd.DataFrame:
        opened = pd.to_datetime(rows["opened_at"], format=form)
        resolved = pd.to_datetime(rows["resolved_at"].replace("", None), format=form)
        stretched = (opened + (resolved - opened) * factor).dt.strftime(form)
        return rows.assign(resolved_at=rows["resolved_at"].mask(some(files, rows, share) & resolved.notna(), stretched))

    files.edit(feed, stretch)


@kind(DAYS, {"order_lines": "net_amount", "google_ads": "cost_micros", "readings": "kwh"})
def sign_flip(files: Files, feed: str, column: str, days: float) -> None:
    """Numbers come with the opposite sign."""
    files.edit(feed, lambda rows: scaled(rows, column, -1), files.middle(days))


@kind(
    {"one currency named SEK": 1, "two": 2, "all": 9},
    {"order_lines": "currency", "meta_ads": "account_currency", "employees": "currency"},
)
def currency_mix(files: Files, feed: str, column: str, count: float) -> None:
    """Amounts in other currencies are named as Swedish ones."""

    def rename(rows: pd.DataFrame) -> pd.DataFrame:
        others = sorted(set(rows[column]) - {"SEK"})[: int(count)]
        return rows.assign(**{column: rows[column].mask(rows[column].isin(others), "SEK")})

    files.edit(feed, rename)


@kind(DAYS, {"google_ads": "cost_micros", "meta_ads": "spend"})
def cost_zero(files: Files, feed: str, column: str, days: float) -> None:
    """The platform reports no cost."""
    files.edit(feed, lambda rows: scaled(rows, column, 0), files.middle(days))


@kind(
    {"2 hours": 2, "6 hours": 6, "12 hours": 12},
    {"orders": "ordered_at", "leads": "created_at", "incidents": "opened_at", "readings": "hour_start_utc"},
)
def time_zone_shift(files: Files, feed: str, column: str, hours: float) -> None:
    """Times are in another time zone, so that some cross midnight."""
    files.edit(feed, lambda rows: moved(files, feed, rows, pd.Timedelta(hours=hours), column))


@kind(
    {"2 %": 0.02, "10 %": 0.1, "50 %": 0.5},
    dict.fromkeys(("orders", "leads", "incidents", "sessions")),
    adventureworks={"sales": None},
    ravenstack={"support_tickets": None},
)
def future_dated(files: Files, feed: str, _: None, share: float) -> None:
    """Rows are dated a year ahead."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        chosen = some(files, rows, share)
        return pd.concat([rows[~chosen], moved(files, feed, rows[chosen], pd.DateOffset(years=1))])

    files.edit(feed, change)


@kind({"30 %": 0.3, "70 %": 0.7, "100 %": 1.0}, {"order_lines": "line_type"})
def returns_missing(files: Files, feed: str, column: str, share: float) -> None:
    """Returns are not exported."""
    files.edit(feed, lambda rows: rows[(rows[column] != "return") | ~some(files, rows, share)])


@kind({"10 days": 10, "20 days": 20, "whole month": 31}, {"order_lines": "net_amount"})
def vat_included(files: Files, feed: str, column: str, days: float) -> None:
    """Amounts come with 25 % VAT."""
    files.edit(feed, lambda rows: scaled(rows, column, 1.25), files.middle(days))


@kind({"1 line": 1, "10 lines": 10, "100 lines": 100}, {"order_lines": ("quantity", "net_amount")})
def slipped_quantity(files: Files, feed: str, columns: tuple[str, str], count: float) -> None:
    """Somebody typed a quantity a hundred times too high."""

    def slip(rows: pd.DataFrame) -> pd.DataFrame:
        chosen = files.rng.choice(len(rows), int(count) if count == 1 else int(count / 10), replace=False)
        factor = pd.Series(1.0, index=rows.index)
        factor.iloc[chosen] = 100.0
        for column in columns:
            rows = scaled(rows, column, factor)
        return rows

    files.edit(feed, slip, files.middle(1 if count == 1 else 10))


@kind(
    {"to whole kronor": 1, "to hundreds": 100, "to thousands": 1000}, {"order_lines": "net_amount", "meta_ads": "spend"}
)
def truncated_amounts(files: Files, feed: str, column: str, step: float) -> None:
    """Amounts are cut to whole ones, hundreds or thousands."""
    files.edit(feed, lambda rows: rows.assign(**{column: np.trunc(rows[column].astype(float) / step) * step}))


@kind(DAYS, {"exchange_rates": "sek_per_unit"})
def inverted_rates(files: Files, feed: str, column: str, days: float) -> None:
    """Rates are the wrong way round: units per krona."""
    files.edit(feed, lambda rows: rows.assign(**{column: (1 / rows[column]).round(6)}), files.middle(days))


@kind({"1 hour": 1, "10 hours": 10, "100 hours": 100}, {"readings": "kwh"})
def meter_spikes(files: Files, feed: str, column: str, count: float) -> None:
    """A meter's counter starts anew, and hours show all that it ever counted."""

    def spike(rows: pd.DataFrame) -> pd.DataFrame:
        chosen = files.rng.choice(len(rows), int(count), replace=False)
        return rows.assign(**{column: rows[column].mask(rows.index.isin(chosen), 4321.0)})

    files.edit(feed, spike)


@kind(SHARES, {"deliveries": "delivered_at"})
def batch_time_stamps(files: Files, feed: str, column: str, share: float) -> None:
    """Deliveries carry the time of a batch job three days later."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        chosen = some(files, rows, share)
        return pd.concat([rows[~chosen], moved(files, feed, rows[chosen], pd.Timedelta(days=3), column)])

    files.edit(feed, change)
