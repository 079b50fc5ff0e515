"""Faults of personnel data. The HR system always sends everything, so that a fault alters the whole history."""

from __future__ import annotations

import pandas as pd

from benchmarks.faults.files import Files
from benchmarks.faults.kinds.kind import kind


@kind({"2 %": 0.02, "20 %": 0.2, "60 %": 0.6}, dict.fromkeys(("employees", "absences")))
def truncated_export(files: Files, feed: str, _: None, share: float) -> None:
    """The HR export ends before its last rows."""
    files.edit_whole(feed, lambda rows: rows.head(int(len(rows) * (1 - share))))


def _in_force(files: Files, rows: pd.DataFrame) -> pd.Series:
    """The spells that last at the end of the month."""
    end = pd.Timestamp(files.month.end)
    ends = pd.to_datetime(rows["valid_to"])
    return (pd.to_datetime(rows["valid_from"]) <= end) & (ends.isna() | (ends >= end))


def _persons(files: Files, rows: pd.DataFrame, count: float) -> pd.Series:
    """Marks the spells in force of that many persons, by chance."""
    chosen = files.rng.permutation(rows.index[_in_force(files, rows)])[: int(count)]
    return pd.Series(rows.index.isin(chosen), index=rows.index)


@kind({"1 person": 1, "20 persons": 20, "all": 9999}, {"employees": 10})
def salary_slipped(files: Files, feed: str, factor: float, count: float) -> None:
    """The decimal point of salaries slipped to the right."""

    def slip(rows: pd.DataFrame) -> pd.DataFrame:
        chosen = _persons(files, rows, count)
        return rows.assign(monthly_salary=rows["monthly_salary"].mask(chosen, rows["monthly_salary"] * factor))

    files.edit_whole(feed, slip)


@kind({"5 persons": 5, "60 persons": 60, "300 persons": 300}, {"employees": "Resigned"})
def mass_leaving(files: Files, feed: str, reason: str, count: float) -> None:
    """A batch job ends contracts in the middle of the month."""
    day = files.middle(1).first

    def leave(rows: pd.DataFrame) -> pd.DataFrame:
        chosen = _persons(files, rows, count)
        return rows.assign(
            valid_to=rows["valid_to"].mask(chosen, pd.Timestamp(day)),
            leave_reason=rows["leave_reason"].mask(chosen, reason),
        )

    files.edit_whole(feed, leave)


@kind({"5 persons": 5, "60 persons": 60, "all": 9999}, {"employees": None})
def spells_twice(files: Files, feed: str, _: None, count: float) -> None:
    """Spells of employment come twice."""
    files.edit_whole(feed, lambda rows: pd.concat([rows, rows[_persons(files, rows, count)]]))


@kind({"10": 10, "60": 60, "all of the month": 9999}, {"absences": None})
def absences_without_end(files: Files, feed: str, _: None, count: float) -> None:
    """Absences that ended are reported as lasting until today."""

    def prolong(rows: pd.DataFrame) -> pd.DataFrame:
        begun = files.days(feed, rows) >= pd.Timestamp(files.month.start)
        chosen = begun & (begun.cumsum() <= count)
        return rows.assign(last_day=rows["last_day"].mask(chosen, pd.Timestamp(files.now.date())))

    files.edit_whole(feed, prolong)


@kind({"5 %": 0.05, "30 %": 0.3, "80 %": 0.8}, {"employees": "monthly_salary"})
def salaries_missing(files: Files, feed: str, column: str, share: float) -> None:
    """Salaries of some spells in force are empty."""

    def empty(rows: pd.DataFrame) -> pd.DataFrame:
        chosen = _persons(files, rows, share * _in_force(files, rows).sum())
        return rows.assign(**{column: rows[column].mask(chosen, None)})

    files.edit_whole(feed, empty)


@kind({"hours of a week": 38, "of a year": 1950, "of a day": 8}, {"employees": "monthly_hours"})
def hours_of_another_span(files: Files, feed: str, column: str, hours: float) -> None:
    """The contracted hours of the newest spells are per week, year or day instead of per month."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(**{column: rows[column].mask(_in_force(files, rows), hours)})

    files.edit_whole(feed, change)
