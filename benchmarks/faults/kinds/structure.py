"""Faults of form: columns and values that are named, ordered or written in another way than agreed."""

from __future__ import annotations

import pandas as pd

from benchmarks.faults.files import Files
from benchmarks.faults.kinds.kind import DAYS, SHARES, kind, some

COLUMNS = {"a lesser column": 0, "a measure": 1, "the key or the time": 2}
_THREE_COLUMNS = {
    "order_lines": ("line_type", "net_amount", "booked_at"),
    "google_ads": ("conversions", "cost_micros", "day"),
    "sessions": ("page_views", "sessions", "session_date"),
    "leads": ("channel", "status", "created_at"),
    "tickets": ("channel", "survey_score", "opened_at"),
    "incidents": ("priority", "resolved_at", "opened_at"),
    "readings": ("site", "kwh", "hour_start_utc"),
    "employees": ("leave_reason", "monthly_salary", "valid_from"),
}
_ELSEWHERE = {
    "adventureworks": {"sales": ("TerritoryKey", "OrderQuantity", "OrderDate")},
    "ravenstack": {"support_tickets": ("priority", "resolution_time_hours", "submitted_at")},
}


@kind(COLUMNS, _THREE_COLUMNS, **_ELSEWHERE)
def renamed_column(files: Files, feed: str, columns: tuple[str, ...], which: float) -> None:
    """A column has another name in all files of the month."""
    name = columns[int(which)]
    files.edit_whole(feed, lambda rows: rows.rename(columns={name: f"{name}_new"}))


@kind(COLUMNS, {**_THREE_COLUMNS, "meta_ads": ("results", "spend", "date_start")}, **_ELSEWHERE)
def dropped_column(files: Files, feed: str, columns: tuple[str, ...], which: float) -> None:
    """A column is no longer there in all files of the month."""
    files.edit_whole(feed, lambda rows: rows.drop(columns=columns[int(which)]))


@kind(
    DAYS,
    {"order_lines": ("net_amount", "{} kr"), "google_ads": ("clicks", "{} st"), "readings": ("kwh", "{} kWh")},
)
def retyped_column(files: Files, feed: str, target: tuple[str, str], days: float) -> None:
    """A number is written with its unit."""
    column, form = target
    files.edit(feed, lambda rows: rows.assign(**{column: rows[column].map(form.format)}), files.middle(days))


@kind(
    {"two columns change places": 0, "all in reverse": 1, "values under the other's header": 2},
    {
        "order_lines": ("net_amount", "quantity"),
        "google_ads": ("impr", "clicks"),
        "sessions": ("sessions", "engaged_sessions"),
        "incidents": ("opened_at", "resolved_at"),
    },
)
def reordered_columns(files: Files, feed: str, pair: tuple[str, str], how: float) -> None:
    """Columns are in another order: with their values, or only their names."""
    first, second = pair

    def reorder(rows: pd.DataFrame) -> pd.DataFrame:
        swapped = {first: second, second: first}
        if how == 1:
            return rows[rows.columns[::-1]]
        return rows.rename(columns=swapped) if how == 2 else rows[[swapped.get(name, name) for name in rows.columns]]

    files.edit_whole(feed, reorder)


@kind(
    SHARES,
    {
        "order_lines": "net_amount",
        "orders": "customer_id",
        "sessions": "sessions",
        "google_ads": "cost_micros",
        "leads": "status",
        "tickets": "survey_score",
        "incidents": "resolved_at",
        "readings": "kwh",
    },
    adventureworks={"sales": "OrderQuantity", "returns": "ProductKey"},
    ravenstack={"support_tickets": "closed_at", "accounts": "country"},
)
def null_burst(files: Files, feed: str, column: str, share: float) -> None:
    """A column is empty in some rows of the month."""
    files.edit(
        feed, lambda rows: rows.assign(**{column: rows[column].astype(object).mask(some(files, rows, share), None)})
    )


@kind(
    {"one day in the month's half": 1, "4 days": 4, "whole month": 31},
    {"orders": "ordered_at", "linkedin_ads": "start_date", "leads": "created_at", "incidents": "opened_at"},
    adventureworks={"sales": "OrderDate", "returns": "ReturnDate"},
    ravenstack={"support_tickets": "closed_at"},
)
def day_and_month_swapped(files: Files, feed: str, column: str, days: float) -> None:
    """The 5th of October is written as the 10th of May."""
    iso = files.company.feeds[feed].columns[column].format is None
    pattern, swapped = (r"^(\d{4})-(\d\d)-(\d\d)", r"\1-\3-\2") if iso else (r"^(\d\d)/(\d\d)/", r"\2/\1/")
    files.edit(
        feed,
        lambda rows: rows.assign(**{column: rows[column].str.replace(pattern, swapped, regex=True)}),
        files.middle(days),
    )


@kind(DAYS, {"order_lines": "net_amount", "meta_ads": "spend", "readings": "kwh"})
def decimal_comma(files: Files, feed: str, column: str, days: float) -> None:
    """Decimals are written with a comma."""
    files.edit(
        feed,
        lambda rows: rows.assign(**{column: rows[column].astype(str).str.replace(".", ",")}),
        files.middle(days),
    )


@kind(DAYS, {"exchange_rates": "sek_per_unit"})
def decimal_point(files: Files, feed: str, column: str, days: float) -> None:
    """Decimals are written with a point where a comma is agreed."""
    span = files.middle(days)

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        inside = (files.days(feed, rows) >= pd.Timestamp(span.first)) & (
            files.days(feed, rows) <= pd.Timestamp(span.last)
        )
        text = rows[column].astype(str)
        return rows.assign(**{column: text.where(inside, text.str.replace(".", ","))})

    files.edit_whole(feed, change)


@kind(
    {"UTF-8 with a mark": 0, "a byte of Latin-1": 1, "UTF-16": 2},
    dict.fromkeys(("order_lines", "linkedin_ads", "leads", "incidents")),
)
def encoding_break(files: Files, feed: str, _: None, how: float) -> None:
    """The files of ten days are in another encoding."""

    def encode(content: bytes) -> bytes:
        if how == 1:
            at = len(content) // 2
            return content[:at] + "é".encode("latin-1") + content[at:]
        return content.decode().encode("utf-8-sig" if how == 0 else "utf-16")

    files.edit_bytes(feed, encode, files.middle(10))


@kind(
    SHARES,
    {"order_lines": ("order_id", "{}.0"), "orders": ("customer_id", "00{}")},
    adventureworks={"sales": ("ProductKey", "{}.0")},
    ravenstack={"support_tickets": ("account_id", "00{}")},
)
def key_in_another_form(files: Files, feed: str, target: tuple[str, str], share: float) -> None:
    """A key is written in another way, so that rows no longer find each other."""
    column, form = target

    def rewrite(rows: pd.DataFrame) -> pd.DataFrame:
        chosen = some(files, rows, share) & (rows[column] != "")
        return rows.assign(**{column: rows[column].where(~chosen, rows[column].map(form.format))})

    files.edit(feed, rewrite)


@kind(SHARES, {"orders": "customer_id"})
def null_as_text(files: Files, feed: str, column: str, share: float) -> None:
    """Missing values, and some others, are written as the word NULL."""
    files.edit(
        feed,
        lambda rows: rows.assign(
            **{column: rows[column].mask((rows[column] == "") | some(files, rows, share), "NULL")}
        ),
    )
