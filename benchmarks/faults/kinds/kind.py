"""What a kind of fault is, the register of them all, and what several kinds alter in the same manner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.faults.files import Files
from metrics.core.periods import Period

Inject = Callable[[Files, str, Any, float], None]
SAMPLE = "sample_company"


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of fault.

    `sizes` are three sizes, by label. `targets` are the sample company's feeds on which it is tried, each with what
    `inject` needs to know about it, such as a column. `elsewhere` are feeds of other companies.
    `inject(files, feed, target, size)` alters the files of one month.
    """

    name: str
    description: str
    sizes: Mapping[str, float]
    targets: Mapping[str, Any]
    inject: Inject
    elsewhere: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def targets_of(self, company: str) -> Mapping[str, Any]:
        """The feeds of that company that it is tried on."""
        return self.targets if company == SAMPLE else self.elsewhere.get(company, {})


@dataclass(frozen=True, eq=False)
class Fault:
    """One fault: a kind of one size, in one feed of a company, in one month."""

    kind: Kind
    company: str
    feed: str
    size: str
    month: Period

    def inject(self, files: Files) -> None:
        """Alters the files."""
        target = self.kind.targets_of(self.company)[self.feed]
        self.kind.inject(files, self.feed, target, self.kind.sizes[self.size])


KINDS: dict[str, Kind] = {}


def kind(
    sizes: Mapping[str, float], targets: Mapping[str, Any], **elsewhere: Mapping[str, Any]
) -> Callable[[Inject], Inject]:
    """Registers a function as a kind that has its name and docstring; `elsewhere` are targets by company."""

    def register(inject: Inject) -> Inject:
        name = inject.__name__
        KINDS[name] = Kind(name, (inject.__doc__ or "").strip(), sizes, targets, inject, elsewhere)
        return inject

    return register


DAYS = {"1 day": 1, "10 days": 10, "whole month": 31}
SHARES = {"5 %": 0.05, "30 %": 0.3, "100 %": 1.0}


def some(files: Files, rows: pd.DataFrame, share: float) -> pd.Series:
    """Marks that share of the rows, by chance."""
    return pd.Series(files.rng.random(len(rows)) < share, index=rows.index)


def scaled(rows: pd.DataFrame, column: str, factor: float | pd.Series) -> pd.DataFrame:
    """The rows with one column multiplied, whole numbers staying whole."""
    kind_before: Any = rows[column].dtype
    product = pd.to_numeric(rows[column]) * factor
    if pd.api.types.is_integer_dtype(kind_before):
        return rows.assign(**{column: np.rint(product.astype("Float64")).astype(kind_before)})
    return rows.assign(**{column: product.astype("Float64").round(6)})


def new_keys(keys: pd.Series) -> pd.Series:
    """Other keys of the same form: with a 9 more after the letters that they begin with."""
    return keys.astype(str).str.replace(r"^([A-Za-z]*-?)", r"\g<1>9", regex=True)


def moved(
    files: Files, feed: str, rows: pd.DataFrame, by: pd.Timedelta | pd.DateOffset, column: str | None = None
) -> pd.DataFrame:
    """The rows with a time column (default: the feed's) moved, written as it was."""
    described = files.company.feeds[feed]
    name = column or str(described.time_column)
    before = rows[name]
    if before.dtype.kind == "M":
        return rows.assign(**{name: before + by})
    form = described.columns[name].format
    if form is None:
        text = before.astype(str)
        form = (
            "%Y-%m-%d"
            if (text.str.len() <= 10).all()
            else "%Y-%m-%dT%H:%M:%S"
            if text.str.contains("T").any()
            else "%Y-%m-%d %H:%M:%S"
        )
    times = pd.to_datetime(before, format="ISO8601" if described.columns[name].format is None else form)
    after = times + by
    if not isinstance(before.iloc[0] if len(before) else "", str):
        return rows.assign(**{name: after.dt.date})
    return rows.assign(**{name: after.dt.strftime(form)})
