"""Faults of meaning: rows that are well formed, but record something that didn't happen."""

from __future__ import annotations

import pandas as pd

from benchmarks.faults.files import Files
from benchmarks.faults.kinds.kind import SHARES, kind, scaled, some

MEMBERS = {"a small member": 0, "a middle one": 1, "a large one": 2}
_SEGMENTS = {
    "orders": "country",
    "sessions": "channel",
    "google_ads": "country_code",
    "leads": "channel",
    "tickets": "channel",
    "incidents": "service",
    "readings": "site",
    "employees": "department",
}
_ELSEWHERE = {
    "adventureworks": {"sales": "TerritoryKey", "returns": "TerritoryKey"},
    "ravenstack": {"support_tickets": "priority", "accounts": "country"},
}
DETAILS = {"orders": ("order_id", "order_lines")}
"""Feeds whose rows belong to those of another one: its key, and the feed of the details."""


def _chosen_member(files: Files, feed: str, column: str, which: float) -> str:
    rows = pd.concat([files.read(feed, path) for path in files.with_days(feed, files.whole_month)])
    members = [name for name in rows[column].value_counts(ascending=True).index if name not in ("", None)]
    return str(members[round((len(members) - 1) * which / 2)])


@kind(MEMBERS, _SEGMENTS, **_ELSEWHERE)
def segment_vanished(files: Files, feed: str, column: str, which: float) -> None:
    """A member of a segment is missing all month, with what belongs to it."""
    member = _chosen_member(files, feed, column, which)
    if feed in DETAILS:
        key, details = DETAILS[feed]
        gone: set[str] = set()
        for path in files.with_days(feed, files.whole_month):
            rows = files.read(feed, path)
            gone |= set(rows.loc[rows[column] == member, key])
        files.edit(details, lambda rows: rows[~rows[key].isin(gone)])
    files.edit(feed, lambda rows: rows[rows[column] != member])


@kind(MEMBERS, _SEGMENTS, **_ELSEWHERE)
def segment_renamed(files: Files, feed: str, column: str, which: float) -> None:
    """A member of a segment has another name from this month on."""
    member = _chosen_member(files, feed, column, which)
    files.edit(feed, lambda rows: rows.assign(**{column: rows[column].replace(member, f"{member} AB")}))


@kind(
    SHARES,
    {"orders": "country", "sessions": "channel", "leads": "channel", "tickets": "country"},
    adventureworks={"sales": "TerritoryKey"},
    ravenstack={"support_tickets": "priority"},
)
def default_member(files: Files, feed: str, column: str, share: float) -> None:
    """Some rows have a form's default in place of their member."""
    member = _chosen_member(files, feed, column, 2)
    if feed != "sessions":
        files.edit(feed, lambda rows: rows.assign(**{column: rows[column].mask(some(files, rows, share), member)}))
        return
    # Sessions are one row per day, channel and country: what is taken for the default adds to its row.
    measures = ["sessions", "engaged_sessions", "page_views", "conversions"]

    def shift(rows: pd.DataFrame) -> pd.DataFrame:
        others = rows[column] != member
        moved_away = rows[measures].mul(others * share, axis=0).round().astype("int64")
        rows = rows.assign(**{name: rows[name] - moved_away[name] for name in measures})
        extra = moved_away.groupby([rows["session_date"], rows["country"]]).sum().reset_index()
        extra = rows[["session_date", "country"]].merge(extra, on=["session_date", "country"], how="left")
        return rows.assign(**{name: rows[name] + extra[name].where(~others, 0) for name in measures})

    files.edit(feed, shift)


@kind(SHARES, {"orders": "order_id", "tickets": "ticket_id", "leads": "lead_id"})
def key_reuse(files: Files, feed: str, key: str, share: float) -> None:
    """Keys of the month before are given out again."""
    before = pd.concat([files.read(feed, path) for path in files.with_days(feed, files.earlier(1))])[key].tolist()
    new_of: dict[str, str] = {}

    def reuse(rows: pd.DataFrame) -> pd.DataFrame:
        chosen = rows.loc[some(files, rows, share), key].head(max(len(before) - len(new_of), 0))
        new_of.update(zip(chosen, before[len(new_of) : len(new_of) + len(chosen)], strict=True))
        return rows.assign(**{key: rows[key].replace(new_of)})

    files.edit(feed, reuse)
    if feed in DETAILS:
        files.edit(
            DETAILS[feed][1], lambda rows: rows.assign(**{key: rows[key].map(lambda value: new_of.get(value, value))})
        )


@kind({"5 orders": 5, "50 orders": 50, "500 orders": 500}, {"orders": "999999"})
def test_orders(files: Files, feed: str, customer: str, count: float) -> None:
    """Somebody tests the shop in production, with orders of 9,999 kronor on one day."""
    day = files.middle(1)
    number = range(1, int(count) + 1)
    when = f"{day.first} 10:00:00"
    orders = pd.DataFrame({"order_id": [f"TEST{n}" for n in number]}).assign(
        ordered_at=when, customer_id=customer, country="SE", channel="direct", promised_date=str(files.middle(4).last)
    )
    lines = pd.DataFrame({"order_line_id": [f"TEST{n}-1" for n in number], "order_id": orders["order_id"]}).assign(
        line_type="sale", booked_at=when, product_id="5001", quantity=1, net_amount=9999, currency="SEK"
    )
    files.edit(feed, lambda rows: pd.concat([rows, orders]), day)
    files.edit("order_lines", lambda rows: pd.concat([rows, lines]), day)


@kind(
    {"half as many more": 1.5, "three times": 3, "ten times": 10},
    {
        "sessions": ("channel", "direct", ("sessions", "page_views")),
        "google_ads": ("country_code", "FI", ("clicks", "cost_micros")),
    },
)
def bot_traffic(files: Files, feed: str, target: tuple[str, str, tuple[str, ...]], factor: float) -> None:
    """Machines visit one channel or country all month, and buy nothing."""
    column, member, measures = target

    def visit(rows: pd.DataFrame) -> pd.DataFrame:
        factors = (rows[column] == member).map({True: factor, False: 1.0})
        for measure in measures:
            rows = scaled(rows, measure, factors)
        return rows

    files.edit(feed, visit)


@kind({"1 product": 1, "10 products": 10, "all": 1000}, {"products": "product_id"})
def dimension_fans_out(files: Files, feed: str, key: str, count: float) -> None:
    """Products come twice, in two categories, so that a join doubles what was sold of them."""

    def double(rows: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([rows, rows.head(int(count)).assign(category="Outlet")])

    files.edit_whole(feed, double)


@kind({"1 day": 1, "10 days": 10, "whole month": 31}, {"exchange_rates": "sek_per_unit"})
def rates_twice(files: Files, feed: str, column: str, days: float) -> None:
    """A day has two rates for each currency, which differ a little."""
    files.edit(feed, lambda rows: pd.concat([rows, scaled(rows, column, 1.002)]), files.middle(days))


@kind({"30 %": 0.3, "60 %": 0.6, "100 %": 1.0}, {"leads": "qualified"})
def status_by_default(files: Files, feed: str, status: str, share: float) -> None:
    """Leads get the status of qualified ones by default."""
    files.edit(feed, lambda rows: rows.assign(status=rows["status"].mask(some(files, rows, share), status)))


@kind({"25 %": 0.25, "50 %": 0.5, "100 %": 1.0}, {"tickets": 4})
def only_complaints(files: Files, feed: str, satisfied: int, share: float) -> None:
    """Answers of satisfied customers are not exported."""

    def drop(rows: pd.DataFrame) -> pd.DataFrame:
        gone = (rows["survey_score"] >= satisfied).fillna(False).astype(bool) & some(files, rows, share)
        return rows.assign(
            survey_score=rows["survey_score"].mask(gone), survey_answered_at=rows["survey_answered_at"].mask(gone, None)
        )

    files.edit(feed, drop)


@kind(
    {"1 day": 1, "10 days": 10, "whole month": 31},
    {"google_ads": ("campaign_name", "Total"), "sessions": ("channel", "all")},
)
def total_row(files: Files, feed: str, target: tuple[str, str], days: float) -> None:
    """The report also has a row of totals for each day and country, which sums its other rows."""
    column, name = target
    described = files.company.feeds[feed]
    place = "country_code" if feed == "google_ads" else "country"

    def add(rows: pd.DataFrame) -> pd.DataFrame:
        numbers = [name for name, c in described.columns.items() if c.type in ("integer", "decimal")]
        kept = [name for name in rows.columns if name not in (*numbers, column, described.time_column, place)]
        groups = rows.groupby([described.time_column, place], sort=False)
        totals = groups[numbers].sum().reset_index().assign(**{column: name})
        if kept:
            totals = totals.merge(groups[kept].first().reset_index(), on=[described.time_column, place])
        return pd.concat([rows, totals[rows.columns]])

    files.edit(feed, add, files.middle(days))


@kind(
    {"half of a value more": 1.5, "twice": 2.0, "in öre": 100.0},
    {"linkedin_ads": "conversion_value", "meta_ads": "result_value"},
)
def conversions_overstated(files: Files, feed: str, column: str, factor: float) -> None:
    """A platform credits itself with more than it sold."""
    files.edit(feed, lambda rows: scaled(rows, column, factor))
