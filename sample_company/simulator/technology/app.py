"""The shop's app: what its users did each day, one Parquet file a month. Its core action is to order again."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sample_company.simulator.business import COUNTRIES, demand, years_since_anchor
from sample_company.simulator.files import SourceFolder, labels
from sample_company.simulator.sales.customers import FIRST_ID as FIRST_CUSTOMER
from sample_company.simulator.sales.customers import Customers
from sample_company.simulator.timeline import Month, Span

VISITS_PER_DAY = 260
USER_EVERY = 5
"""Every fifth customer has the app."""
PLATFORMS = ("ios", "android")
IOS_OF_TEN = 6
EVENTS = ("open", "track_parcel", "save_to_list", "order_again")
EVENT_SHARES = np.array([1.0, 0.28, 0.16, 0.13])
"""Share of a user's days with each event; a user who has none of the others opens the app."""
YEARLY_ADOPTION = 1.06
MORE_OF_AN_EVENT = 0.7


def write_app(folder: SourceFolder, span: Span, customers: Customers, n_registered: int, month: Month) -> None:
    """Write app/events_<month>.parquet: a row per user, local day and event, of the first `n_registered` customers."""
    rng = span.rng("app", month)
    visits = rng.poisson(VISITS_PER_DAY * span.scale * demand(month.days))
    place = np.repeat(np.arange(len(month.days)), visits)
    customer = customers.returning(rng, np.full(len(place), n_registered))
    customer -= customer % USER_EVERY
    user_days = np.unique(place * n_registered + customer)
    place, customer = user_days // n_registered, user_days % n_registered

    day = month.days[place]
    shares = np.repeat(EVENT_SHARES[None, :], len(day), axis=0)
    shares[:, -1] *= YEARLY_ADOPTION ** years_since_anchor(day)
    row, event = np.nonzero(rng.random(shares.shape) < shares)
    table = pa.table(
        {
            "day": day[row],
            "customer_id": pa.array(customer[row] + FIRST_CUSTOMER).cast(pa.string()),
            "platform": labels((customer[row] // USER_EVERY % 10 >= IOS_OF_TEN).astype(np.int64), PLATFORMS),
            "country": labels(customers.country[customer[row]].astype(np.int64), COUNTRIES),
            "event": labels(event, EVENTS),
            "times": 1 + rng.poisson(MORE_OF_AN_EVENT, len(row)),
        }
    ).filter(pa.array(day[row] <= np.datetime64(span.until)))
    folder.parquet(f"app/events_{month.code}.parquet", table, span.newest(month))
