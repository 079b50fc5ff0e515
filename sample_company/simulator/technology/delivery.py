"""How Nordvik's software gets to production: monitoring, deployments and defects, one file of each a month."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sample_company.simulator.business import Floats, pick, weekday, years_since_anchor
from sample_company.simulator.files import SourceFolder, known, labels
from sample_company.simulator.technology.operations import SERVICE_SHARES, SERVICES, incidents_of
from sample_company.simulator.technology.quality import defect_pressure
from sample_company.simulator.timeline import (
    OFFICE,
    Instants,
    Month,
    Span,
    instants,
    last_day,
    local_days,
    midnights,
)

WORKING_WEEK = np.array([1.0, 1.15, 1.15, 1.1, 0.7, 0.0, 0.0])

PROBES_PER_HOUR = 12
FAILING = np.array([0.30, 0.04, 0.004, 0.0])
"""Share of a service's probes that fail during an incident, of each priority."""
FAILING_OTHERWISE = 0.0006
MILLISECONDS = np.array([240.0, 310.0, 520.0, 430.0, 280.0, 650.0])
"""Usual response time of each service."""
MAINTENANCE_HOUR = 3
"""Local hour on the first Sunday of a month in which all services are taken down for half an hour."""

DEPLOYMENTS_PER_DAY = 2.6
YEARLY_DEPLOYMENTS = 1.12
FAILED_SHARE = 0.085
YEARLY_FAILURES = 0.94
HOURS_TO_ROLL_BACK = 3.0

DEFECTS_PER_DAY = 3.4
SEVERITIES = ("critical", "major", "minor")
SEVERITY_SHARES = np.array([0.08, 0.37, 0.55])
HOURS_TO_CLOSE = np.array([9.0, 46.0, 90.0])
"""Median hours from the report to the closing, of each severity."""
CLOSING_SPREAD = 0.9
YEARLY_SPEED = 0.95
REOPENED_SHARE = 0.06
HOURS_TO_REOPEN, HOURS_TO_CLOSE_AGAIN = 60.0, 40.0


def write_probes(folder: SourceFolder, span: Span, month: Month) -> None:
    """monitoring/probes_<month>.csv.gz: the probes of each service and hour (UTC); incidents make them fail."""
    rng = span.rng("probes", month)
    start, end = midnights(np.array([month.first, month.next().first], dtype="datetime64[D]"))
    hours = np.arange(start, end, np.timedelta64(1, "h").astype("timedelta64[s]"))
    failing = np.full((len(hours), len(SERVICES)), FAILING_OTHERWISE)
    for of_month in (month.previous(), month):
        incidents = incidents_of(span, of_month)
        first = np.searchsorted(hours, incidents.opened)
        last = np.searchsorted(hours, incidents.resolved)
        for begin, stop, service, priority in zip(first, last, incidents.service, incidents.priority, strict=True):
            failing[begin:stop, service] = np.maximum(failing[begin:stop, service], FAILING[priority])
    days = local_days(hours)
    sunday = (weekday(days) == 6) & (days < np.datetime64(month.first) + 7)
    in_maintenance = sunday & (hours - midnights(days) == np.timedelta64(MAINTENANCE_HOUR * 3600, "s"))
    announced = np.where(in_maintenance, PROBES_PER_HOUR // 2, 0)[:, None].repeat(len(SERVICES), axis=1)
    failed = rng.binomial(PROBES_PER_HOUR - announced, failing) + announced
    milliseconds = np.round(MILLISECONDS * rng.lognormal(0, 0.12, failed.shape) * (1 + failed / PROBES_PER_HOUR))
    service = np.tile(np.arange(len(SERVICES)), len(hours))
    table = pa.table(
        {
            "service": labels(service, SERVICES),
            "hour_utc": np.repeat(hours, len(SERVICES)),
            "probes": np.full(len(service), PROBES_PER_HOUR),
            "failed": failed.ravel(),
            "in_maintenance": announced.ravel(),
            "mean_ms": milliseconds.ravel().astype(np.int64),
        }
    ).filter(pa.array(np.repeat(hours, len(SERVICES)) < span.end))
    folder.csv(f"monitoring/probes_{month.code}.csv.gz", table, span.newest(month))


def write_deployments(folder: SourceFolder, span: Span, month: Month) -> None:
    """ci/deployments_<month>.jsonl: those to production and to staging, with when one was rolled back (UTC)."""
    rng = span.rng("deployments", month)
    years = years_since_anchor(month.days)
    per_day = DEPLOYMENTS_PER_DAY * WORKING_WEEK[weekday(month.days)] * YEARLY_DEPLOYMENTS**years
    days = np.repeat(month.days, rng.poisson(2 * per_day))
    finished = np.sort(instants(rng, days, OFFICE))
    size = len(finished)
    share = FAILED_SHARE * defect_pressure(span, days) * YEARLY_FAILURES ** years_since_anchor(days)
    fails = rng.random(size) < share
    rolled_back = known(finished + _seconds(rng.exponential(HOURS_TO_ROLL_BACK, size) * 3600), span.end)
    rolled_back = np.where(fails, rolled_back, np.datetime64("NaT", "s"))
    frame = pd.DataFrame(
        {
            "id": [f"D{month.year % 100}{month.month:02}{number:04}" for number in range(1, size + 1)],
            "service": np.array(SERVICES)[pick(rng, size, SERVICE_SHARES)],
            "environment": np.where(rng.random(size) < 0.5, "production", "staging"),
            "finished_at": _text(finished),
            "rolled_back_at": _text(rolled_back),
        }
    )
    newest = last_day(span.newest(month), rolled_back)
    folder.jsonl(f"ci/deployments_{month.code}.jsonl", frame[finished < span.end], newest)


def write_defects(folder: SourceFolder, span: Span, month: Month) -> None:
    """tracker/defects_<month>.csv: the defects reported in a month, as known at the last day; times are UTC."""
    rng = span.rng("defects", month)
    rate = DEFECTS_PER_DAY * (0.25 + WORKING_WEEK[weekday(month.days)]) * defect_pressure(span, month.days)
    days = np.repeat(month.days, rng.poisson(rate))
    reported = np.sort(instants(rng, days, OFFICE))
    size = len(reported)
    severity = pick(rng, size, SEVERITY_SHARES)
    hours = HOURS_TO_CLOSE[severity] * YEARLY_SPEED ** years_since_anchor(days) * rng.lognormal(0, CLOSING_SPREAD, size)
    closed = reported + _seconds(hours * 3600)
    is_reopened = rng.random(size) < REOPENED_SHARE
    reopened = closed + _seconds(rng.exponential(HOURS_TO_REOPEN, size) * 3600)
    again = reopened + _seconds(rng.exponential(HOURS_TO_CLOSE_AGAIN, size) * 3600)

    reopened = np.where(is_reopened, known(reopened, span.end), np.datetime64("NaT", "s"))
    again = known(again, span.end)
    first_closed = known(closed, span.end)
    # A reopened defect has no time of closing until it is closed again.
    closed = np.where(np.isnat(reopened), first_closed, again)
    status = np.where(np.isnat(closed), np.where(np.isnat(reopened), 0, 1), 2)
    table = pa.table(
        {
            "key": labels(np.arange(size), [f"BUG-{month.number * 1000 + number}" for number in range(size)]),
            "component": labels(pick(rng, size, SERVICE_SHARES), SERVICES),
            "severity": labels(severity, SEVERITIES),
            "status": labels(status, ("Open", "Reopened", "Closed")),
            "created": pc.strftime(pa.array(reported), "%Y-%m-%dT%H:%M:%S"),
            "resolved": pc.strftime(pa.array(closed), "%Y-%m-%dT%H:%M:%S"),
        }
    ).filter(pa.array(reported < span.end))
    folder.csv(f"tracker/defects_{month.code}.csv", table, last_day(span.newest(month), closed, reopened))


def _seconds(values: Floats) -> npt.NDArray[np.timedelta64]:
    return values.astype(np.int64).astype("timedelta64[s]")


def _text(moments: Instants) -> pd.Series:
    """ISO 8601 in UTC; None where there is no moment."""
    text = pd.Series(np.datetime_as_string(moments, unit="s"), dtype=object)
    return text.mask(np.isnat(moments), None)
