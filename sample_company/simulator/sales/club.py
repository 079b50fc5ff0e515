"""Nordvik Club: a paid membership that customers join after registering. A partner bills it, apart from shop orders."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sample_company.simulator.business import CHANNELS, COUNTRIES, CURRENCIES, PRICE_FACTORS, pick
from sample_company.simulator.files import SourceFolder
from sample_company.simulator.sales.customers import FIRST_ID as FIRST_CUSTOMER
from sample_company.simulator.sales.customers import TYPES, Customers, Indexes
from sample_company.simulator.timeline import Days, Month, Span, local_days

PLANS = ("Basic", "Family", "Business")
PLAN_SHARES = np.array([0.68, 0.32])
"""Of the plans of consumers; every business has Business."""
MONTHLY_FEES = np.array([79.0, 129.0, 349.0])
"""SEK, in local prices elsewhere."""
PAYMENTS = ("card", "invoice", "direct debit", "mobile")
BUSINESS = PLANS.index("Business")
JOINING = 0.05
"""Share of the new customers who join."""
DAYS_TO_JOIN = 20.0
EARLIER_JOINING = 0.13
EARLIER_DAYS = 300.0
"""Share of the customers from before the simulation who had joined, and for how long on average."""

RENEWAL_DAYS = 30
RENEWALS = 90
CANCELLING = np.array([0.034, 0.024, 0.018])
"""Share of the members who cancel at a renewal, of each plan."""
CHANGING = np.array([0.014, 0.009, 0.0])
"""Share who take the other consumer plan."""
OTHER_PLAN = np.array([1, 0, 2])


class Club:
    """All memberships; `run` is called for every month in turn, after the shop's."""

    def __init__(self, span: Span, customers: Customers) -> None:
        self._span = span
        self._customers = customers
        self._spells: list[pd.DataFrame] = []
        rng = span.rng("club")
        joins = np.flatnonzero(rng.random(len(customers)) < EARLIER_JOINING)
        days_ago = (rng.exponential(EARLIER_DAYS, len(joins)) + 1).astype("timedelta64[D]")
        registered = local_days(customers.created_at[joins])
        self._join(rng, joins, np.maximum(np.datetime64(span.start, "D") - days_ago, registered))

    def run(self, month: Month, n_registered: int) -> None:
        """Add the memberships of the customers who registered in a month; the first `n_registered` had before."""
        rng = self._span.rng("club", month)
        size = len(self._customers) - n_registered
        joins = n_registered + np.flatnonzero(rng.random(size) < JOINING)
        waits = rng.exponential(DAYS_TO_JOIN, len(joins)).astype("timedelta64[D]")
        self._join(rng, joins, local_days(self._customers.created_at[joins]) + waits)

    def write(self, folder: SourceFolder) -> None:
        """club/memberships.jsonl: a line per membership and stretch of days with one plan, as known at the last day."""
        until = np.datetime64(self._span.until)
        spells = pd.concat(self._spells)
        spells = spells[spells["valid_from"] <= until].sort_values(["customer", "valid_from"], kind="stable")
        customer, plan = spells["customer"].to_numpy(), spells["plan"].to_numpy()
        country = self._customers.country[customer]
        drawn = self._span.rng("club members").random((len(self._customers), 2))[customer]
        last_day = (spells["ended"] - np.timedelta64(1, "D")).where(spells["ended"] <= until)
        frame = pd.DataFrame(
            {
                "membership_id": [f"M{number}" for number in customer + FIRST_CUSTOMER],
                "customer_id": (customer + FIRST_CUSTOMER).astype(str),
                "plan": np.array(PLANS)[plan],
                "country": np.array(COUNTRIES)[country],
                "joined_through": np.array(CHANNELS)[(drawn[:, 0] * len(CHANNELS)).astype(np.int64)],
                "payment": np.array(PAYMENTS)[(drawn[:, 1] * len(PAYMENTS)).astype(np.int64)],
                "valid_from": spells["valid_from"].dt.strftime("%Y-%m-%d").to_numpy(),
                "valid_to": last_day.dt.strftime("%Y-%m-%d").to_numpy(),
                "monthly_fee": np.round(MONTHLY_FEES[plan] * PRICE_FACTORS[country], 2),
                "currency": np.array(CURRENCIES)[country],
            }
        )
        folder.jsonl("club/memberships.jsonl", frame, self._span.until)

    def _join(self, rng: np.random.Generator, customer: Indexes, joined: Days) -> None:
        """Record the whole course of the memberships: at each renewal a member stays, changes the plan or cancels."""
        is_business = self._customers.type[customer] == TYPES.index("business")
        plan = np.where(is_business, BUSINESS, pick(rng, len(customer), PLAN_SHARES))
        drawn = rng.random((RENEWALS, len(customer)))
        since = joined
        is_member = np.ones(len(customer), dtype=bool)
        for number, of_renewal in enumerate(drawn, 1):
            day = joined + np.timedelta64(number * RENEWAL_DAYS, "D")
            cancels = is_member & (of_renewal < CANCELLING[plan])
            changes = is_member & (of_renewal > 1 - CHANGING[plan])
            ends = cancels | changes
            self._add(customer[ends], plan[ends], since[ends], day[ends])
            is_member &= ~cancels
            since = np.where(changes, day, since)
            plan = np.where(changes, OTHER_PLAN[plan], plan)
        never = np.full(is_member.sum(), np.datetime64("NaT"), dtype="datetime64[D]")
        self._add(customer[is_member], plan[is_member], since[is_member], never)

    def _add(self, customer: Indexes, plan: Indexes, since: Days, ended: Days) -> None:
        frame = {"customer": customer, "plan": plan, "valid_from": since, "ended": ended}
        self._spells.append(pd.DataFrame(frame).astype({"valid_from": "datetime64[s]", "ended": "datetime64[s]"}))
