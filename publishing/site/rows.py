"""The rows of the published file that the site shows: the columns read of each table, and what follows from a row."""

from __future__ import annotations

import json
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

from metrics.core.periods import Period, parse

_period = cache(parse)


class Score(NamedTuple):
    """A row of `kpi.scorecard`: `held` counts periods."""

    kpi_id: str
    freq: str | None
    time_period: str | None
    status: str
    provisional: bool | None
    held: int


class Total(NamedTuple):
    """A published total: a row of `kpi.observations`, and the day on which its first value was published."""

    kpi_id: str
    freq: str
    time_period: str
    obs_value: float | None
    target: float | None
    target_to: float | None
    target_status: str | None
    previous_value: float | None
    change_previous: float | None
    year_ago_value: float | None
    change_year_ago: float | None
    rolling_12_months: float | None
    obs_status: str

    @property
    def period(self) -> Period:
        return _period(self.time_period)

    @property
    def target_attained(self) -> bool | None:
        """Whether the value reaches its target; not where it is at risk. None where it isn't compared with one."""
        return None if self.target_status is None else self.target_status == "on target"

    @property
    def values(self) -> tuple[float | None, float | None, float | None]:
        """The value, the value of the period before, and the value of a year ago."""
        return self.obs_value, self.previous_value, self.year_ago_value


class Cell(NamedTuple):
    """The value of a segment's member for a period of the KPI's main frequency."""

    kpi_id: str
    segment: str
    member: str
    time_period: str
    obs_value: float | None
    obs_status: str

    @property
    def period(self) -> Period:
        return _period(self.time_period)


class Vintage(NamedTuple):
    """A total as one release published it; `closed_on` is the day on which its period closed or closes."""

    kpi_id: str
    freq: str
    time_period: str
    sequence: int
    realtime_start: date
    obs_value: float | None
    previous_value: float | None
    obs_status: str
    revision_type: str | None
    revision_reason: str | None
    closed_on: date | None

    @property
    def is_restatement(self) -> bool:
        """Whether the value changed after its period had closed."""
        return self.revision_type is not None and self.closed_on is not None and self.realtime_start > self.closed_on


class Finding(NamedTuple):
    """A period that is held or was published with a warning: a row of `kpi.verdicts`."""

    kpi_id: str
    freq: str
    time_period: str
    verdict: str
    held: bool
    acknowledged: bool
    decision: str | None
    reason: str
    checks: str

    @property
    def period(self) -> Period:
        return _period(self.time_period)

    @property
    def state(self) -> str:
        """held, released by a decision, acknowledged, or flagged: published with a warning that nobody acknowledged."""
        if self.held:
            return "rejected" if self.decision == "reject" else "held"
        return "released" if self.verdict == "hold" else "acknowledged" if self.acknowledged else "flagged"

    @property
    def failing(self) -> list[dict[str, Any]]:
        """The results of its failing checks."""
        return [check for check in json.loads(self.checks) if check["outcome"] in ("fail", "not_evaluated")]

    @property
    def causes(self) -> list[dict[str, Any]]:
        """The results of the failing checks that hold it; of a flagged period those that warn."""
        holding = [c for c in self.failing if c["severity"] != "warning" or c["outcome"] == "not_evaluated"]
        return holding if self.verdict == "hold" else self.failing


class Incident(NamedTuple):
    """A row of `kpi.incidents`."""

    incident_id: str
    state: str
    title: str
    domain: str
    since: date
    until: date
    kpis: str
    periods_held: int
    periods_flagged: int
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    may_decide: str | None

    @property
    def kpi_ids(self) -> list[str]:
        return self.kpis.split(", ")


class Decision(NamedTuple):
    """A row of `kpi.decisions`."""

    kpi_id: str
    freq: str | None
    time_period: str | None
    decision: str
    reason: str
    decided_by: str
    decided_at: datetime
    incident_id: str | None
    outcome: str | None


class Review(NamedTuple):
    """A row of `kpi.reviews`."""

    kpi_id: str
    reviewed_on: date | None
    outcome: str | None
    reviewed_by: str | None
    reason: str | None
    due_on: date | None


class Opinion(NamedTuple):
    """A row of `kpi.opinions` that counts."""

    kpi_id: str
    proposal: str
    in_favour: bool
    reason: str
    stated_by: str


class ReleaseRow(NamedTuple):
    """A row of `kpi.releases`, with the number of values that it revised; None where it published none."""

    release_id: str
    sequence: int
    realtime_start: date
    published_at: datetime
    n_observations: int
    n_verdicts: int
    note: str | None
    n_revised: int | None


class FeedRow(NamedTuple):
    """A row of `kpi.feeds`; counts are of rows."""

    feed: str
    system: str
    cadence: str
    complete_through: date | None
    newest_event: date | None
    newest_delivery: datetime | None
    rows_total: int | None
    rows_rejected: int | None
    outstanding: bool


class FirstValues(NamedTuple):
    """A period for which the newest release published the first totals, and of how many KPIs."""

    time_period: str
    n_kpis: int


class Closing(NamedTuple):
    """The next day on which a period of a domain's KPIs closes."""

    closes_on: date
    domain: str
    time_period: str
