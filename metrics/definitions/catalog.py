"""The compiled catalogue: what `kpi compile` knows of each adopted KPI, for the gate, the release and readers."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.core.periods import Period, earlier, later, parse, period_of
from metrics.definitions.calendar import Calendar
from metrics.definitions.company import Company, Objective
from metrics.definitions.gate_settings import CheckSetting
from metrics.definitions.identities import Identity

Key = tuple[str, str, str]
"""(kpi_id, freq, time_period): what is judged and published as one."""


class PersonCount(BaseModel):
    """A group of persons whose number a published cell of a protected KPI tells, and what of the cell does.

    Metrics that count the same persons by the same filter have one group; `stock` says that the cell tells of it on
    the last day of its period, else over all of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["numerator", "denominator", "n_obs"]
    group: str
    stock: bool


class Contributions(BaseModel):
    """Where the amounts of single persons behind a protected KPI are found, and when one of them dominates others.

    `sql` gives of every day, from the warehouse's marts, the columns role (the group of persons), day, person, amount
    and <segment>_member for each adopted segment. When the `n` largest of some persons could have more than the share
    `k` of their sum, these count as n persons.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sql: str
    n: int
    k: float


@dataclass(frozen=True, order=True)
class Join:
    """A raw column whose values name rows of another feed, by that feed's column."""

    feed: str
    column: str
    other_feed: str
    other_column: str


class CatalogKpi(BaseModel):
    """One adopted KPI: its standard definition, its adoption, and what was derived from the lineage.

    `feeds` are all upstream; `inputs` are, by feed, the raw columns that its values depend on (its adopted segments'
    among them). `joins` say which keys the SQL upstream, or a dbt test `relationships`, looks up where. `covers` are
    the KPIs whose totals depend on no input but those that its own total depends on.
    `observable_from` is the first day that all its feeds cover, with what it looks back on; None where it isn't
    supplied. `compared_with` is how long before its own period those begin that it is compared with, `window` how long
    before its period the rows begin that it is computed from; None where these are the period's own. `without_rows` is
    what its value is where there is nothing in a period that its feeds cover; None where that can't be told, as of a
    stock. `observable_to` is the last day on which an awaited period may end, as its feeds ended or one is paused
    (`paused` says which and why); None where they go on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kpi_id: str
    name: str
    description: str
    domain: str
    unit: str
    direction: str
    kind: str
    standard: str
    additive_segments: bool
    level: str
    owner: str
    objective: str
    target: float | None
    target_freq: str | None
    target_note: str
    review: str
    freqs: tuple[str, ...]
    segments: tuple[str, ...]
    metric: str
    metric_type: Literal["simple", "ratio"]
    numerator_metric: str | None
    denominator_metric: str | None
    definition_version: int
    definition_hash: str
    model: str
    feeds: tuple[str, ...]
    inputs: dict[str, tuple[str, ...]]
    joins: tuple[Join, ...] = ()
    covers: tuple[str, ...]
    entities: tuple[str, ...]
    supplied: bool
    missing_entities: tuple[str, ...]
    protected: bool
    disclosure_threshold: int
    nested_persons: bool
    only_ratio: bool
    person_counts: tuple[PersonCount, ...]
    contributions: Contributions | None = None
    lookback: str | None
    compared_with: tuple[str, ...] = ()
    window: str | None = None
    observable_from: date | None = None
    without_rows: Literal["zero", "no value"] | None = None
    observable_to: date | None = None
    paused: str | None = None
    matures_after: str | None
    breaks: tuple[str, ...]
    min_n_obs: int
    lower_bound: float | None
    upper_bound: float | None
    gate: dict[str, CheckSetting]

    @property
    def input_columns(self) -> list[tuple[str, str]]:
        """(feed, raw column) of each that its values depend on."""
        return [(feed, column) for feed, columns in self.inputs.items() for column in columns]

    @property
    def main_freq(self) -> str:
        """The frequency at which it is looked at where none is named: M, else the next longer one, else W."""
        return next(freq for freq in ("M", "Q", "A", "W") if freq in self.freqs)

    @property
    def shown_freqs(self) -> tuple[str, ...]:
        """The frequencies of its newest values in a summary: the main one, and that of its target."""
        return tuple(dict.fromkeys((self.main_freq, self.target_freq or self.main_freq)))

    def target_at(self, freq: str) -> float | None:
        """The target for values of that frequency; None where none is stated (a yearly sum has no weekly target)."""
        return self.target if self.target_freq in (None, freq) else None

    def observes(self, period: Period) -> bool:
        """Whether its feeds cover the period and what it looks back on, or will: else the period is not observable."""
        return (self.observable_from is None or period.start >= self.observable_from) and (
            self.observable_to is None or period.end <= self.observable_to
        )

    @property
    def observable_days(self) -> str:
        """From when until when its periods are observable, for a reader."""
        known = [("from", self.observable_from), ("until", self.observable_to)]
        return " ".join(f"{word} {day}" for word, day in known if day is not None) + (
            f" ({self.paused})" if self.paused else ""
        )

    def looks_back_on(self, period: Period) -> list[tuple[date, date]]:
        """The first and last days before the period that its value is computed from, too.

        They are those of each earlier period that it is compared with, and of its window.
        """
        earlier_periods = [period_of(period.freq, earlier(period.start, offset)) for offset in self.compared_with]
        spans = [(one.start, one.end) for one in earlier_periods]
        if self.window:
            spans.append((earlier(period.start, self.window), period.start - timedelta(days=1)))
        return spans

    def breaks_in(self, period: Period) -> bool:
        """Whether the data's methodology changed in the period: by the definition, it is the first of a new series."""
        return any(period.start <= parse(code).start <= period.end for code in self.breaks)

    def reaches_to(self, period: Period) -> date:
        """The last day that the period's value is computed from: its own, or that on which a cohort's window closes."""
        return later(period.end, self.matures_after) if self.matures_after else period.end

    def review_due(self, last: date) -> date:
        """The day by which its owner reviews it again, after a review on that day."""
        return later(last, {"monthly": "1 month", "quarterly": "1 quarter", "yearly": "1 year"}[self.review])

    def attained(self, value: float | None, freq: str) -> bool | None:
        """Whether the value reaches its target; None without a value, a target or a direction."""
        target = self.target_at(freq)
        if value is None or target is None or self.direction not in ("up", "down"):
            return None
        return value >= target if self.direction == "up" else value <= target


@dataclass(frozen=True)
class ReleaseDate:
    """When one period of some KPIs of a domain closes."""

    domain: str
    freq: str
    time_period: str
    period_start: date
    period_end: date
    closes_on: date
    kpis: tuple[str, ...]

    def state(self, day: date) -> str:
        """open or closed on a day; open on the closing day still."""
        return "open" if day <= self.closes_on else "closed"


class Catalog(BaseModel):
    """Every adopted KPI of a company, sorted by domain and id, and the objectives they serve.

    `labels` are, by feed, the numeric raw columns that no KPI takes for a size: keys, line numbers, codes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    company: str
    reporting_currency: str
    calendar: Calendar
    objectives: dict[str, Objective]
    kpis: tuple[CatalogKpi, ...]
    labels: dict[str, tuple[str, ...]] = {}
    identities: tuple[Identity, ...] = ()

    def closes_on(self, kpi: CatalogKpi, period: Period) -> date:
        """The last day on which the period's values of the KPI are provisional: so many working days after the end of
        the period, or of a cohort's window.
        """
        return self.calendar.closes_on(kpi.reaches_to(period), kpi.domain)

    def release_dates(self, first: Mapping[tuple[str, str], date], day: date, last: date) -> list[ReleaseDate]:
        """The closing dates, soonest first, of the periods that are open on a day and end by `last`.

        `first` says by (kpi_id, freq) from which day on closed periods are listed too. Supplied KPIs of a domain that
        close together share a row.
        """
        groups: dict[tuple[str, str | None, str], list[str]] = defaultdict(list)
        for kpi in self.kpis:
            for freq in kpi.freqs if kpi.supplied else ():
                groups[kpi.domain, kpi.matures_after, freq].append(kpi.kpi_id)
        found = []
        for (domain, _, freq), kpi_ids in groups.items():
            since = min((first[kpi_id, freq] for kpi_id in kpi_ids if (kpi_id, freq) in first), default=day)
            period = period_of(freq, min(since, day))
            kpi = self.kpi(kpi_ids[0])
            while self.closes_on(kpi, period.shift(-1)) >= day:
                period = period.shift(-1)
            while period.end <= last:
                closes = self.closes_on(kpi, period)
                found.append(ReleaseDate(domain, freq, period.code, period.start, period.end, closes, tuple(kpi_ids)))
                period = period.next()
        return sorted(found, key=lambda one: (one.closes_on, one.domain, one.period_end, one.freq, one.kpis))

    @property
    def definitions_json(self) -> str:
        """Canonical JSON text of the whole catalogue, equal for equal catalogues."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)

    def kpi(self, kpi_id: str) -> CatalogKpi:
        """The KPI of that id.

        Raises NyckeltalError naming the nearest ids.
        """
        for kpi in self.kpis:
            if kpi.kpi_id == kpi_id:
                return kpi
        known = [kpi.kpi_id for kpi in self.kpis]
        raise NyckeltalError(f"no KPI '{kpi_id}' is adopted{did_you_mean(kpi_id, known)}", expected=", ".join(known))

    @staticmethod
    def path(company: Company) -> Path:
        """Where `kpi compile` writes it."""
        return company.path / "compiled" / "catalog.json"

    @staticmethod
    def read(company: Company) -> Catalog:
        """The company's compiled catalogue.

        Raises NyckeltalError when it isn't there or was written by another version.
        """
        path = Catalog.path(company)
        try:
            return Catalog.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NyckeltalError("the company isn't compiled yet; run `kpi compile`", file=path) from None
        except ValueError:
            raise NyckeltalError("isn't a catalogue of this version; run `kpi compile`", file=path) from None

    @staticmethod
    def parse(text: str) -> Catalog:
        """A catalogue from the JSON text that a release recorded."""
        return Catalog.model_validate_json(text)
