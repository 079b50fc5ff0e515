"""The range that Nordvik sells: a hundred-odd products in six categories, with a price list in SEK."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sample_company.simulator.business import YEARLY_INFLATION, Floats, years_since_anchor
from sample_company.simulator.files import SourceFolder, labels
from sample_company.simulator.timeline import Days, Span

FIRST_ID = 5001

# Category: (kinds of goods, models of each, median price in SEK, share of lines, seasonal swing with its peak month)
RANGE: dict[str, tuple[tuple[str, ...], int, float, float, float, int]] = {
    "Outdoor": (("Tent", "Backpack", "Sleeping bag", "Stove", "Headlamp"), 5, 930, 0.22, 0.30, 6),
    "Home": (("Blanket", "Lamp", "Rug", "Candle holder", "Basket"), 5, 520, 0.22, 0.08, 12),
    "Kitchen": (("Cast-iron pan", "Knife", "Kettle", "Tableware set"), 5, 620, 0.18, 0.10, 12),
    "Electronics": (("Speaker", "Charger", "Weather station", "E-reader"), 5, 1290, 0.14, 0.15, 12),
    "Clothing": (("Shell jacket", "Wool sweater", "Hiking boots", "Base layer"), 5, 1060, 0.24, 0.12, 11),
    "Subscriptions": (("Coffee box", "Filter service", "Care plan", "Plus membership"), 2, 320, 0.0, 0.0, 1),
}
MODELS = ("Fjord", "Skog", "Berg", "Hav", "Norr")
CATEGORIES = tuple(RANGE)
SUBSCRIPTION = CATEGORIES.index("Subscriptions")
CLOTHING = CATEGORIES.index("Clothing")


@dataclass(frozen=True)
class Products:
    """The products, by index: names, category indexes, list prices (SEK excl. VAT) and shares of lines."""

    names: tuple[str, ...]
    category: npt.NDArray[np.int64]
    price: Floats
    share: Floats

    def shares_on(self, day: np.datetime64) -> Floats:
        """Shares of the lines around a day: what is bought shifts with the season."""
        month = int(day.astype("datetime64[M]").astype(np.int64) % 12) + 1
        swing = np.array([1 + s * np.cos((month - peak) / 12 * 2 * np.pi) for *_, s, peak in RANGE.values()])
        shares: Floats = self.share * swing[self.category]
        return shares


def make_products(span: Span) -> Products:
    """The range; the same at every run of a seed."""
    rng = span.rng("products")
    names: list[str] = []
    category: list[int] = []
    price: list[float] = []
    share: list[float] = []
    for index, (kinds, models, median, of_lines, *_) in enumerate(RANGE.values()):
        size = len(kinds) * models
        popularity = rng.dirichlet(np.full(size, 4.0))
        names += [f"{kind} {model}" for kind in kinds for model in MODELS[:models]]
        category += [index] * size
        price += list(np.maximum(np.round(median * rng.lognormal(0, 0.36, size) / 10) * 10 - 1, 49))
        share += list(popularity * of_lines)
    return Products(tuple(names), np.array(category), np.array(price), np.array(share))


def write_products(folder: SourceFolder, span: Span, products: Products) -> None:
    """shop/products.csv: the whole range."""
    size = len(products.names)
    table = pa.table(
        {
            "product_id": pa.array(np.arange(FIRST_ID, FIRST_ID + size)),
            "name": pa.array(products.names),
            "category": labels(products.category, CATEGORIES),
            "list_price_sek": pa.array(products.price),
        }
    )
    folder.csv("shop/products.csv", table, span.until)


def price_level(days: Days) -> Floats:
    """List prices of each day relative to the anchor: they follow inflation."""
    return np.asarray((1 + YEARLY_INFLATION) ** years_since_anchor(days))
