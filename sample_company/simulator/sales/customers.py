"""The customers: who they are, when they register, and who buys again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sample_company.simulator.business import COUNTRIES, COUNTRY_SHARES, pick
from sample_company.simulator.files import SourceFolder, labels
from sample_company.simulator.timeline import Instants, Month, Span

Indexes = npt.NDArray[np.int64]

FIRST_ID = 100_001
TYPES = ("consumer", "business")
TYPE_SHARES = np.array([0.78, 0.22])
NEW_PER_MONTH = 1800
LEGACY = 9 * NEW_PER_MONTH
"""Customers from before the simulation starts: those who still buy."""

# Who buys again was mostly won lately: a short memory and a long one, in months of newly won customers.
MEMORIES_IN_MONTHS = (1.3, 5.0)
LONG_MEMORY_SHARE = 0.25
SUBSCRIBER_EVERY = 24
SUBSCRIBER_WINDOW = 8 * NEW_PER_MONTH
"""Every 24th of the latest customers has a subscription, and reorders about monthly."""

FIRST_NAMES = ("Alva", "Anders", "Aino", "Bjørn", "Elin", "Freja", "Hanna", "Jens", "Kari", "Mikkel", "Signe", "Åsa")
LAST_NAMES = ("Andersen", "Berg", "Dahl", "Eklund", "Hansen", "Johansson", "Korhonen", "Lind", "Mäkinen", "Öberg")


class Customers:
    """All customers by index, in the order of registering; a customer's id is its index plus FIRST_ID."""

    def __init__(self, span: Span) -> None:
        self._span = span
        rng = span.rng("customers")
        count = round(LEGACY * span.scale)
        days_ago = np.sort(rng.exponential(500, count))[::-1] + 1
        start = np.datetime64(span.start).astype("datetime64[s]")
        self.country = pick(rng, count, COUNTRY_SHARES).astype(np.int8)
        self.type = pick(rng, count, TYPE_SHARES).astype(np.int8)
        self.created_at: Instants = start - (days_ago * 86400).astype("timedelta64[s]")

    def __len__(self) -> int:
        return len(self.country)

    def register(self, month: Month, created_at: Instants) -> None:
        """Add the customers who are new in a month."""
        rng = self._span.rng("customers", month)
        count = len(created_at)
        self.country = np.concatenate([self.country, pick(rng, count, COUNTRY_SHARES).astype(np.int8)])
        self.type = np.concatenate([self.type, pick(rng, count, TYPE_SHARES).astype(np.int8)])
        self.created_at = np.concatenate([self.created_at, created_at])

    def returning(self, rng: np.random.Generator, so_far: Indexes) -> Indexes:
        """Draw for each purchase a customer who buys again. `so_far` is how many had registered by then."""
        monthly = NEW_PER_MONTH * self._span.scale
        short, long = MEMORIES_IN_MONTHS
        memory = np.where(rng.random(len(so_far)) < LONG_MEMORY_SHARE, long, short) * monthly
        back = (rng.exponential(1.0, len(so_far)) * memory).astype(np.int64)
        return np.asarray((so_far - 1 - back) % so_far)

    def subscribers(self, rng: np.random.Generator, so_far: Indexes) -> Indexes:
        """Draw for each purchase a customer with a subscription. `so_far` is how many had registered by then."""
        window = np.minimum(SUBSCRIBER_WINDOW * self._span.scale, so_far)
        index = so_far - 1 - (rng.random(len(so_far)) * window).astype(np.int64)
        return np.asarray(index - index % SUBSCRIBER_EVERY)

    def write(self, folder: SourceFolder, emails: Mapping[int, str]) -> None:
        """Write shop/customers.parquet: everyone who has registered by the last day, with names and e-mail addresses.

        `emails` has the addresses that are known already, by the customer's index.
        """
        known = self.created_at < self._span.end
        index = np.flatnonzero(known)
        drawn = self._span.rng("customer names").random((len(known), 2))[known]
        first = labels((drawn[:, 0] * len(FIRST_NAMES)).astype(np.int64), FIRST_NAMES)
        last = labels((drawn[:, 1] * len(LAST_NAMES)).astype(np.int64), LAST_NAMES)
        ids = pa.array(index + FIRST_ID).cast(pa.string())
        own = [emails.get(number, f"customer.{number + FIRST_ID}@mail.example") for number in index.tolist()]
        table = pa.table(
            {
                "customer_id": ids,
                "email": pa.array(own),
                "name": pc.binary_join_element_wise(first, last, " "),
                "country": labels(self.country[known], COUNTRIES),
                "type": labels(self.type[known], TYPES),
                "created_at": pa.array(self.created_at[known]).cast(pa.timestamp("us")),
            }
        )
        folder.parquet("shop/customers.parquet", table, self._span.until)


def registered_before(ordered_at: Instants, rng: np.random.Generator) -> Instants:
    """When a new customer registered: some minutes before the first order."""
    before: Instants = ordered_at - rng.integers(60, 900, len(ordered_at)).astype("timedelta64[s]")
    return before
