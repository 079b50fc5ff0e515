"""The web shop and its ERP: orders, order lines with returns, and deliveries, one CSV file of each a day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sample_company.simulator.attention import newcomers
from sample_company.simulator.business import (
    CHANNELS,
    COUNTRIES,
    COUNTRY_SHARES,
    CURRENCIES,
    PRICE_FACTORS,
    Floats,
    demand,
    pick,
    years_since_anchor,
)
from sample_company.simulator.files import DailyFiles, SourceFolder, labels
from sample_company.simulator.sales.customers import FIRST_ID as FIRST_CUSTOMER
from sample_company.simulator.sales.customers import Customers, Indexes, registered_before
from sample_company.simulator.sales.products import CLOTHING, SUBSCRIPTION, Products, price_level
from sample_company.simulator.sales.products import FIRST_ID as FIRST_PRODUCT
from sample_company.simulator.sales.sold import Sold
from sample_company.simulator.sales.supply import weeks_to_go
from sample_company.simulator.timeline import OFFICE, Days, Instants, Month, Span, instants

ORDERS_PER_DAY = 142
# What an order is: of a new customer, of one who returns, of a subscriber, or of a guest whom nobody knows.
NEW, RETURNING, SUBSCRIBER, GUEST = range(4)
KIND_SHARES = np.array([0.40, 0.44, 0.12, 0.04])
CHANNEL_SHARES = np.array(
    [
        [0.30, 0.19, 0.27, 0.03, 0.12, 0.09],
        [0.18, 0.09, 0.26, 0.21, 0.20, 0.06],
        [0.00, 0.00, 0.00, 0.35, 0.65, 0.00],
        [0.30, 0.15, 0.30, 0.00, 0.20, 0.05],
    ]
)
EXTRA_LINES = 1.4
MOST_LINES = 8
BUSINESS = 1
BUSINESS_QUANTITY = 4.6
BUSINESS_DISCOUNT = 0.10

PROMISED_DAYS = np.array([3, 4, 4, 5])
"""Days from order to promised delivery, of each country."""
LATE_SHARES = np.array([0.055, 0.075, 0.07, 0.085])
LATE_IN_DECEMBER = 1.35
YEARLY_LATENESS = 0.95
"""Of the year before: deliveries get more punctual."""
RETURN_SHARE = 0.07
RETURN_SHARE_CLOTHING = 0.14
RETURN_DAYS = 6.0
"""Mean days from delivery to the booking of a return."""

LINES_PER_ORDER_ID = 100
FIRST_RETURN_LINE = 50


@dataclass(frozen=True)
class Orders:
    """The orders of a month, oldest first; `customer` is -1 for a guest."""

    order_id: Indexes
    day: Days
    ordered_at: Instants
    kind: Indexes
    customer: Indexes
    country: Indexes
    is_business: npt.NDArray[np.bool_]


def _counted(month: Month, orders: Orders, channel: Indexes) -> Indexes:
    """The month's orders by day, channel and country; a subscription's come by themselves and aren't among them."""
    counts = np.zeros((len(month.days), len(CHANNELS), len(COUNTRIES)), dtype=np.int64)
    came = orders.kind != SUBSCRIBER
    place = (orders.day - month.days[0]).astype(np.int64)
    np.add.at(counts, (place[came], channel[came], orders.country[came].astype(np.int64)), 1)
    return counts


def _share_of_new(span: Span, days: Days) -> Floats:
    new = KIND_SHARES[NEW] * newcomers(span, days)
    share: Floats = new / (new + 1 - KIND_SHARES[NEW])
    return share


class Shop:
    """The shop's systems; `run` is called for every month in turn."""

    def __init__(self, folder: SourceFolder, span: Span, customers: Customers, products: Products) -> None:
        self._span = span
        self._customers = customers
        self._products = products
        self.sold = Sold(span, products)
        self.web_orders: Indexes = np.empty((0, len(CHANNELS), len(COUNTRIES)), dtype=np.int64)
        """Orders that somebody came to the shop for, in the newest month: (days, channels, countries)."""
        self._orders = DailyFiles(folder, "shop/orders/orders_{day}.csv")
        self._lines = DailyFiles(folder, "shop/order_lines/order_lines_{day}.csv")
        self._deliveries = DailyFiles(folder, "shop/deliveries/deliveries_{day}.csv")

    def run(self, month: Month) -> None:
        """Simulate a month and write its days."""
        rng = self._span.rng("orders", month)
        orders = self._take_orders(rng, month)
        promised = orders.day + PROMISED_DAYS[orders.country]
        is_parcel = orders.kind != SUBSCRIBER
        no_customer = orders.customer < 0
        channel = self._channels(rng, orders.kind)
        self.web_orders = _counted(month, orders, channel)
        self._orders.add(
            orders.day,
            {
                "order_id": orders.order_id,
                "ordered_at": orders.ordered_at,
                "customer_id": pa.array(orders.customer + FIRST_CUSTOMER, mask=no_customer),
                "country": labels(orders.country, COUNTRIES),
                "channel": labels(channel, CHANNELS),
                "promised_date": pa.array(promised, mask=~is_parcel),
            },
        )
        delivered = self._deliver(rng, orders, promised, is_parcel)
        self._sell(rng, month, orders, delivered)
        for files in (self._orders, self._lines, self._deliveries):
            files.write(month, self._span.until)

    def _take_orders(self, rng: np.random.Generator, month: Month) -> Orders:
        more_newcomers = 1 + KIND_SHARES[NEW] * (newcomers(self._span, month.days) - 1)
        usual = ORDERS_PER_DAY * self._span.scale * demand(month.days)
        day = np.repeat(month.days, rng.poisson(usual * more_newcomers))
        ordered_at = instants(rng, day)
        oldest_first = np.argsort(ordered_at, kind="stable")
        day, ordered_at = day[oldest_first], ordered_at[oldest_first]

        is_new = rng.random(len(day)) < _share_of_new(self._span, day)
        kind = np.where(is_new, NEW, 1 + pick(rng, len(day), KIND_SHARES[1:]))
        registered = len(self._customers) + np.cumsum(is_new)
        customer = np.where(is_new, registered - 1, -1)
        for which, choose in ((RETURNING, self._customers.returning), (SUBSCRIBER, self._customers.subscribers)):
            customer[kind == which] = choose(rng, registered[kind == which])
        self._customers.register(month, registered_before(ordered_at[is_new], rng))

        is_guest = kind == GUEST
        country = np.where(is_guest, pick(rng, len(day), COUNTRY_SHARES), self._customers.country[customer])
        first_id = (month.year % 100 * 100 + month.month) * 10_000_000
        return Orders(
            order_id=first_id + np.arange(1, len(day) + 1),
            day=day,
            ordered_at=ordered_at,
            kind=kind,
            customer=customer,
            country=country,
            is_business=~is_guest & (self._customers.type[customer] == BUSINESS),
        )

    def _channels(self, rng: np.random.Generator, kind: Indexes) -> Indexes:
        bounds = np.cumsum(CHANNEL_SHARES, axis=1)[:, :-1]
        return np.asarray((rng.random(len(kind))[:, None] >= bounds[kind]).sum(axis=1))

    def _deliver(
        self, rng: np.random.Generator, orders: Orders, promised: Days, is_parcel: npt.NDArray[np.bool_]
    ) -> Days:
        """Record the deliveries; the day on which each order is delivered."""
        size = len(orders.day)
        in_december = orders.day.astype("datetime64[M]").astype(np.int64) % 12 == 11
        late_share = LATE_SHARES[orders.country] * np.where(in_december, LATE_IN_DECEMBER, 1.0)
        late_share *= YEARLY_LATENESS ** years_since_anchor(orders.day)
        is_late = rng.random(size) < late_share
        early = rng.integers(0, 3, size)
        delivered = promised + np.where(is_late, rng.geometric(0.45, size), -early)
        day = delivered[is_parcel]
        self.sold.deliver(day)
        self._deliveries.add(
            day,
            {
                "order_id": orders.order_id[is_parcel],
                "delivered_at": instants(rng, day, OFFICE),
            },
        )
        return np.asarray(delivered)

    def _sell(self, rng: np.random.Generator, month: Month, orders: Orders, delivered: Days) -> None:
        """Record the order lines, and the returns of some of them."""
        lines = np.where(orders.kind == SUBSCRIBER, 1, 1 + rng.poisson(EXTRA_LINES, len(orders.day)))
        lines = np.minimum(lines, MOST_LINES)
        order = np.repeat(np.arange(len(lines)), lines)
        number = np.arange(len(order)) - np.repeat(np.cumsum(lines) - lines, lines) + 1

        product = self._choose_products(rng, month, orders.day[order], orders.kind[order] == SUBSCRIBER)
        is_business = orders.is_business[order]
        quantity = np.where(
            is_business,
            1 + rng.poisson(BUSINESS_QUANTITY - 1, len(order)),
            1 + (rng.random(len(order)) < 0.15),
        )
        discount = np.where(is_business, BUSINESS_DISCOUNT, 0.0) + np.where(rng.random(len(order)) < 0.10, 0.10, 0.0)
        country = orders.country[order]
        price = self._products.price[product] * price_level(orders.day[order]) * PRICE_FACTORS[country]
        amount: Floats = np.round(price * quantity * (1 - discount), 2)
        line_id = orders.order_id[order] * LINES_PER_ORDER_ID + number

        def book(rows: Indexes, day: Days, booked_at: Instants, sign: int) -> None:
            self.sold.book(day, product[rows], sign * quantity[rows])
            self._lines.add(
                day,
                {
                    "order_line_id": line_id[rows] + (FIRST_RETURN_LINE if sign < 0 else 0),
                    "order_id": orders.order_id[order[rows]],
                    "line_type": labels(np.full(len(rows), int(sign < 0)), ("sale", "return")),
                    "booked_at": booked_at,
                    "product_id": product[rows] + FIRST_PRODUCT,
                    "quantity": sign * quantity[rows],
                    "net_amount": sign * amount[rows],
                    "currency": labels(country[rows], CURRENCIES),
                },
            )

        book(np.arange(len(order)), orders.day[order], orders.ordered_at[order], 1)
        category = self._products.category[product]
        share = np.where(category == CLOTHING, RETURN_SHARE_CLOTHING, RETURN_SHARE) * np.where(is_business, 0.5, 1.0)
        returned = np.flatnonzero((rng.random(len(order)) < share) & (category != SUBSCRIPTION))
        return_day = delivered[order[returned]] + rng.geometric(1 / RETURN_DAYS, len(returned))
        book(returned, return_day, instants(rng, return_day, OFFICE), -1)

    def _choose_products(
        self, rng: np.random.Generator, month: Month, day: Days, is_subscription: npt.NDArray[np.bool_]
    ) -> Indexes:
        shares = self._products.shares_on(month.days[14])
        goods = pick(rng, len(day), shares)
        is_out = weeks_to_go(self._span, self._products, month.days) == 0
        place = (day - month.days[0]).astype(np.int64)
        while len(sold_out := np.flatnonzero(is_out[place, goods])):
            goods[sold_out] = pick(rng, len(sold_out), shares)
        subscriptions = np.flatnonzero(self._products.category == SUBSCRIPTION)
        return np.where(is_subscription, subscriptions[rng.integers(0, len(subscriptions), len(goods))], goods)
