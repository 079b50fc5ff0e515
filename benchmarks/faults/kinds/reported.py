"""Faults that the gate once let through, as users reported them; each is a kind with sizes of its own."""

from __future__ import annotations

import pandas as pd

from benchmarks.faults.files import Files, Span
from benchmarks.faults.kinds.business import DETAILS, MEMBERS, _chosen_member
from benchmarks.faults.kinds.kind import SHARES, kind, new_keys, scaled, some

_LOWER = {"1.4 % lower": 0.986, "5 % lower": 0.95, "20 % lower": 0.8}


@kind(_LOWER, {}, adventureworks={"products": "ProductPrice"})
def price_list_overwritten(files: Files, feed: str, column: str, factor: float) -> None:
    """A new price list overwrites the old one, so that past sales are at new prices, too."""

    def overwrite(rows: pd.DataFrame) -> pd.DataFrame:
        prices = pd.to_numeric(rows[column], errors="coerce")
        changed = (prices * factor).round(4).astype(str)
        return rows.assign(**{column: rows[column].mask(prices.notna(), changed)})

    files.edit_whole(feed, overwrite)


@kind(
    {"1 product": 1, "10 products": 10, "40 products": 40},
    {"products": ("product_id", "category")},
    adventureworks={"products": ("Product-ID", "SubcategoryKey")},
)
def product_moved(files: Files, feed: str, columns: tuple[str, str], count: float) -> None:
    """Products are moved to another category, and with them all their past sales."""
    key, category = columns

    def move(rows: pd.DataFrame) -> pd.DataFrame:
        products = rows.index[rows[key].astype(str).str.fullmatch(r"\d+") & (rows[category] != "")]
        chosen = files.rng.permutation(products)[: int(count)]
        other = rows.loc[products, category].value_counts().index[0]
        return rows.assign(**{category: rows[category].mask(rows.index.isin(chosen), other)})

    files.edit_whole(feed, move)


@kind(
    {"1 territory": 1, "2 territories": 2, "4 territories": 4},
    {},
    adventureworks={"returns": "TerritoryKey", "sales": "TerritoryKey"},
)
def territories_missing(files: Files, feed: str, column: str, count: float) -> None:
    """Some territories didn't deliver in the month."""
    rows = pd.concat([files.read(feed, path) for path in files.with_days(feed, files.whole_month)])
    gone = rows[column].value_counts().index[1 : 1 + int(count)]
    files.edit(feed, lambda rows: rows[~rows[column].isin(gone)])


@kind(
    {"30 %": 0.3, "60 %": 0.6, "100 %": 1.0},
    {"employees": ("valid_to", "leave_reason")},
    ravenstack={"subscriptions": ("end_date", "end_date")},
)
def ends_lost(files: Files, feed: str, columns: tuple[str, str], share: float) -> None:
    """Ends within the month are lost, or not entered yet: of employments, of subscriptions."""
    end, reason = columns

    def lose(rows: pd.DataFrame) -> pd.DataFrame:
        ends = pd.to_datetime(rows[end].replace("", None), errors="coerce")
        ended = ends.between(pd.Timestamp(files.month.start), pd.Timestamp(files.month.end))
        ended &= rows[reason].fillna("") != ""
        chosen = ended & some(files, rows, share)
        return rows.assign(**{name: rows[name].mask(chosen, None) for name in dict.fromkeys(columns)})

    files.edit_whole(feed, lose)


@kind(
    SHARES,
    {"tickets": ("survey_score", "survey_answered_at", "closed_at")},
    ravenstack={"support_tickets": ("satisfaction_score", "closed_at", "closed_at")},
)
def default_for_blanks(files: Files, feed: str, columns: tuple[str, str, str], share: float) -> None:
    """Missing answers are filled with a default score."""
    score, answered, closed = columns

    def fill(rows: pd.DataFrame) -> pd.DataFrame:
        blank = rows[score].isna() & (rows[closed].fillna("") != "") & some(files, rows, share)
        filled = {score: rows[score].mask(blank, 3)}
        if answered != closed:
            filled[answered] = rows[answered].mask(blank, rows[closed])
        return rows.assign(**filled)

    files.edit(feed, fill)


@kind({"5 %": 0.05, "10 %": 0.1, "25 %": 0.25}, {"order_lines": ("orders", "country", "net_amount")})
def discount_not_subtracted(files: Files, feed: str, names: tuple[str, str, str], discount: float) -> None:
    """One country's amounts come before discount."""
    orders, column, amount = names
    member = _chosen_member(files, orders, column, 1)
    rows = pd.concat([files.read(orders, path) for path in files.with_days(orders, files.whole_month)])
    theirs = set(rows.loc[rows[column] == member, "order_id"])
    files.edit(
        feed,
        lambda rows: scaled(rows, amount, rows["order_id"].isin(theirs).map({True: 1 / (1 - discount), False: 1.0})),
    )


@kind(
    {"5 %": 0.05, "25 %": 0.25, "50 %": 0.5},
    {"order_lines": "net_amount", "leads": "created_at", "incidents": "opened_at"},
    adventureworks={"sales": "OrderDate", "returns": "ReturnDate"},
    ravenstack={"support_tickets": "resolution_time_hours", "accounts": "signup_date"},
)
def rows_unreadable(files: Files, feed: str, column: str, share: float) -> None:
    """A share of the month's rows can't be read, in a file of a day, a month or many years."""
    files.edit(
        feed, lambda rows: rows.assign(**{column: rows[column].astype(object).mask(some(files, rows, share), "n/a")})
    )


@kind(
    {"3 days": 3, "7 days": 7, "14 days": 14},
    dict.fromkeys(("orders", "order_lines", "sessions", "leads", "tickets", "incidents")),
    adventureworks={"sales": None},
    ravenstack={"support_tickets": None},
)
def gap_at_holiday(files: Files, feed: str, _: None, days: float) -> None:
    """Days around a public holiday are missing."""
    month = pd.date_range(files.month.start, files.month.end)
    is_off = [day.weekday() < 5 and not files.company.calendar.is_working_day(day.date()) for day in month]
    holiday = month[is_off.index(True) if any(is_off) else len(month) // 2]
    first = holiday - pd.Timedelta(days=int(days) // 2)
    files.remove(feed, Span(first.date(), (first + pd.Timedelta(days=int(days) - 1)).date()))


@kind(
    {"7 days": 7, "14 days": 14, "whole month": 31},
    {"order_lines": "net_amount", "readings": "kwh", "google_ads": "cost_micros", "sessions": "sessions"},
    adventureworks={"sales": "OrderQuantity"},
    ravenstack={"support_tickets": "resolution_time_hours"},
)
def twice_too_high(files: Files, feed: str, column: str, days: float) -> None:
    """Amounts are twice too high for weeks."""
    files.edit(feed, lambda rows: scaled(rows, column, 2), files.middle(days))


@kind(
    SHARES,
    {"orders": "order_id", "leads": "lead_id", "tickets": "ticket_id", "incidents": "incident"},
    adventureworks={"sales": "OrderNumber"},
    ravenstack={"support_tickets": "ticket_id", "accounts": "account_id"},
)
def booked_twice(files: Files, feed: str, key: str, share: float) -> None:
    """Rows are there twice, the second time under new ids."""
    chosen: set[str] = set()

    def again(rows: pd.DataFrame) -> pd.DataFrame:
        # All rows of one key or none, such as the lines of an order.
        keys = rows[key].drop_duplicates()
        chosen.update(keys[some(files, keys.to_frame(), share)])
        new = rows[rows[key].isin(chosen)]
        return pd.concat([rows, new.assign(**{key: new_keys(new[key])})])

    def details_again(rows: pd.DataFrame) -> pd.DataFrame:
        new = rows[rows[key].isin(chosen)]
        ids = {key: new_keys(new[key]), "order_line_id": new_keys(new["order_line_id"])}
        return pd.concat([rows, new.assign(**ids)])

    files.edit(feed, again)
    if feed in DETAILS:
        files.edit(DETAILS[feed][1], details_again)


@kind(
    MEMBERS,
    {"incidents": "priority", "leads": "channel", "tickets": "channel"},
    adventureworks={"sales": "TerritoryKey"},
    ravenstack={"support_tickets": "priority"},
)
def half_of_a_member_lost(files: Files, feed: str, column: str, which: float) -> None:
    """Half of the rows of one member are lost: of a priority, a channel, a territory."""
    member = _chosen_member(files, feed, column, which)
    files.edit(feed, lambda rows: rows[(rows[column] != member) | some(files, rows, 0.5)])


@kind(
    {"other columns": 0, "a text": 1, "cut off": 2},
    dict.fromkeys(("orders", "order_lines", "google_ads", "deliveries")),
)
def stray_file(files: Files, feed: str, _: None, which: float) -> None:
    """Somebody leaves a file in the feed's folder that has nothing to do with it."""
    newest = list(files.with_days(feed, files.tail(1)))[-1]
    content = (b"name,amount\nsomebody,1\n", b"Please see the notes of the last meeting.\n", newest.read_bytes()[:30])
    files.put(newest.with_name(f"copy{newest.suffix}"), content[int(which)])
