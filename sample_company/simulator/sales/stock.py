"""The warehouse system: what is on hand of each product at the end of each day, and what it cost."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sample_company.simulator.business import Floats, weekday, years_since_anchor
from sample_company.simulator.files import SourceFolder
from sample_company.simulator.finance.ledger import unit_costs
from sample_company.simulator.sales.products import FIRST_ID, SUBSCRIPTION, Products
from sample_company.simulator.sales.sold import Sold
from sample_company.simulator.sales.supply import WEEKS_OF_COVER, weeks_to_go
from sample_company.simulator.timeline import Month, Span

WAREHOUSE = "Jönköping"
COVER_DAYS, YEARLY_COVER = 66.0, 0.96
"""Days of sales that are kept in stock, and how that shrinks by the year."""
LOOK_BACK = 56
"""Days of sales by which the goods of a week are ordered."""


def write_stock(folder: SourceFolder, span: Span, month: Month, products: Products, sold: Sold) -> None:
    """wms/stock_levels_<month>.parquet. Goods come in on Mondays, up to the cover; what is sold goes out, by day.

    Where a supplier fails, less and less comes in until nothing is left.
    """
    goods = np.flatnonzero(products.category != SUBSCRIPTION)
    first = np.datetime64(span.start)
    # From the Monday on or before the month's first day, so that a week over two months is one week.
    day_zero = max(month.days[0] - weekday(month.days[:1])[0], first)
    days = np.arange(day_zero, month.days[-1] + 1)
    mondays = np.maximum(days - weekday(days), first)
    starts, week = np.unique(mondays, return_inverse=True)
    filled = np.minimum(weeks_to_go(span, products, starts)[:, goods] / WEEKS_OF_COVER, 1.0)
    spread = span.rng("stock").lognormal(0, 0.25, len(products.names))[goods]
    cover = COVER_DAYS * YEARLY_COVER ** years_since_anchor(starts)
    usual = np.stack([_sold_a_day(sold, start, first)[goods] for start in starts])
    ordered_up_to = np.ceil(usual * cover[:, None] * spread * filled).astype(np.int64)
    out = sold.units(days)[:, goods].cumsum(axis=0)
    before = np.concatenate([np.zeros((1, len(goods)), dtype=np.int64), out])[np.searchsorted(days, mondays)]
    on_hand = np.maximum(ordered_up_to[week] - (out - before), 0)
    shown = (days >= month.days[0]) & (days <= np.datetime64(span.until))
    day, product = np.repeat(days[shown], len(goods)), np.tile(goods, int(shown.sum()))
    table = pa.table(
        {
            "snapshot_date": day,
            "warehouse": pa.repeat(WAREHOUSE, len(day)).dictionary_encode().dictionary_decode(),
            "product_id": product + FIRST_ID,
            "on_hand": on_hand[shown].ravel(),
            "unit_cost_sek": unit_costs(products, month.days[0])[product],
        }
    )
    folder.parquet(f"wms/stock_levels_{month.code}.parquet", table, span.newest(month))


def _sold_a_day(sold: Sold, start: np.datetime64, first: np.datetime64) -> Floats:
    """Mean units a day of each product in the weeks before; of the first days themselves where nothing is before."""
    since = max(start - LOOK_BACK, first)
    days = np.arange(since, start) if start - since >= np.timedelta64(14, "D") else np.arange(first, first + 28)
    return np.asarray(sold.units(days).mean(axis=0).clip(min=0.05))
