"""The finance system's ledger: the costs of each month by account and function."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sample_company.simulator.business import Floats, years_since_anchor
from sample_company.simulator.files import SourceFolder
from sample_company.simulator.sales.products import CATEGORIES, Products, price_level
from sample_company.simulator.sales.sold import Sold
from sample_company.simulator.timeline import Month, Span

PURCHASE_SHARES = np.array([0.56, 0.52, 0.55, 0.68, 0.48, 0.40])
"""Purchase price of each category, of its list price."""
YEARLY_PURCHASING = 0.99
"""Of the year before: goods get cheaper beside their list price."""
COST_PER_PARCEL, WAREHOUSE = 148.0, 390_000.0
"""SEK: freight and packing of a parcel; rent and staff of the warehouse a month."""
# Account: (its number, function, SEK a month, yearly growth beyond inflation, spread)
ACCOUNTS = (
    ("6000", "FSG", 640_000.0, 0.03, 0.04),
    ("7210", "ADM", 1_150_000.0, 0.01, 0.015),
    ("6540", "ADM", 310_000.0, 0.05, 0.03),
    ("7690", "FOU", 480_000.0, 0.07, 0.05),
    ("6580", "FOU", 120_000.0, 0.04, 0.20),
)


def unit_costs(products: Products, day: np.datetime64) -> Floats:
    """What a unit of each product costs Nordvik on a day, in SEK."""
    days = np.array([day])
    level = price_level(days) * YEARLY_PURCHASING ** years_since_anchor(days)
    costs: Floats = np.round(products.price * PURCHASE_SHARES[products.category] * level[0], 2)
    return costs


def write_ledger(folder: SourceFolder, span: Span, month: Month, products: Products, sold: Sold, media: float) -> None:
    """finance/ledger_<month>.csv, once the month is over. `media` is what the ad platforms cost in it, in SEK."""
    if month.last > span.until:
        return
    rng = span.rng("ledger", month)
    goods = sold.units(month.days).sum(axis=0) * unit_costs(products, month.days[14])
    purchases = np.bincount(products.category, goods, len(CATEGORIES)) * rng.normal(1, 0.008, len(CATEGORIES))
    prices = price_level(month.days[14:15])[0]
    years = years_since_anchor(month.days[14:15])[0]
    parcels = sold.parcels(month) * COST_PER_PARCEL * prices * rng.normal(1, 0.02)
    rows: list[tuple[str, str, str | None, float]] = []
    rows += [("4010", "KSV", category, amount) for category, amount in zip(CATEGORIES, purchases, strict=True)]
    rows += [
        ("5700", "LOG", None, parcels),
        ("5010", "LOG", None, WAREHOUSE * span.scale * prices * rng.normal(1, 0.01)),
    ]
    rows += [("5910", "FSG", None, media)]
    rows += [
        (account, function, None, usual * span.scale * prices * (1 + growth) ** years * rng.normal(1, spread))
        for account, function, usual, growth, spread in ACCOUNTS
    ]
    account, function, group, amount = zip(*rows, strict=True)
    table = pa.table(
        {
            "voucher_no": pa.array([f"V{month.year % 100}{month.month:02}{n:03}" for n in range(1, len(rows) + 1)]),
            "period": pa.array([month.code] * len(rows)),
            "account": pa.array(account),
            "cost_function": pa.array(function),
            "product_group": pa.array(group),
            "amount": pc.replace_substring(pa.array(np.round(amount, 2)).cast(pa.string()), ".", ","),
        }
    )
    folder.csv(f"finance/ledger_{month.code}.csv", table, month.last, delimiter=";")
