"""The service desk's incidents and the electricity meters, one file of each a month."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sample_company.simulator.business import Floats, pick, weekday, years_since_anchor
from sample_company.simulator.files import SourceFolder, known, labels
from sample_company.simulator.timeline import OFFICE, Instants, Month, Span, instants, last_day, local_days, midnights

INCIDENTS_PER_DAY = 4.9
INCIDENT_WEEK = np.array([1.25, 1.20, 1.15, 1.15, 1.10, 0.60, 0.55])
SERVICES = ("Web shop", "Payments", "ERP", "Warehouse system", "Customer portal", "Data platform")
SERVICE_SHARES = np.array([0.26, 0.12, 0.18, 0.20, 0.14, 0.10])
PRIORITIES = ("P1", "P2", "P3", "P4")
PRIORITY_SHARES = np.array([0.06, 0.22, 0.44, 0.28])
MEDIAN_HOURS = np.array([2.2, 4.0, 6.5, 12.0])
AGREED_HOURS = np.array([6.0, 12.0, 24.0, 48.0])
SPREAD = 0.85
YEARLY_SPEED = 0.96
"""Of the year before: incidents get resolved faster."""

SITES = ("Warehouse Jönköping", "Head office Stockholm", "Workshop Borås")
METERS = ("735999101", "735999102", "735999103")
BASE_KWH = np.array([30.0, 11.0, 7.0])
WORKING_KWH = np.array([26.0, 20.0, 16.0])
"""Added in working hours; half of it at weekends in the warehouse, nothing elsewhere."""
HEATING_KWH = np.array([9.0, 6.0, 4.0])
"""Added in the coldest weeks."""
WEEKEND_WORK = np.array([0.5, 0.0, 0.0])
YEARLY_SAVING = 0.03
GRAMS_CO2_PER_KWH = 38.0


@dataclass(frozen=True)
class Incidents:
    """The incidents opened in a month, oldest first; `resolved` may lie after the last day. Both are UTC."""

    opened: Instants
    resolved: Instants
    hours: Floats
    priority: npt.NDArray[np.int64]
    service: npt.NDArray[np.int64]


def incidents_of(span: Span, month: Month) -> Incidents:
    """The incidents opened in a month."""
    rng = span.rng("incidents", month)
    days = np.repeat(month.days, rng.poisson(INCIDENTS_PER_DAY * INCIDENT_WEEK[weekday(month.days)]))
    to_the_minute = np.sort(instants(rng, days, OFFICE)).astype("datetime64[m]")
    opened = to_the_minute.astype("datetime64[s]")
    size = len(opened)
    priority = pick(rng, size, PRIORITY_SHARES)
    speed = YEARLY_SPEED ** years_since_anchor(days)
    hours = MEDIAN_HOURS[priority] * speed * rng.lognormal(0, SPREAD, size)
    resolved = opened + (np.ceil(hours * 60) * 60).astype("timedelta64[s]")
    return Incidents(opened, resolved, hours, priority, service=pick(rng, size, SERVICE_SHARES))


def write_incidents(folder: SourceFolder, span: Span, month: Month) -> None:
    """The incidents opened in a month, as known at the last day; times are UTC, to the minute."""
    incidents = incidents_of(span, month)
    opened, hours, priority = incidents.opened, incidents.hours, incidents.priority
    size = len(opened)
    resolved = known(incidents.resolved, span.end)
    is_open = np.isnat(resolved)
    is_known = opened < span.end
    table = pa.table(
        {
            "incident": labels(np.arange(size), [f"INC{month.year % 100}{month.month:02}{n:05}" for n in range(size)]),
            "service": labels(incidents.service, SERVICES),
            "priority": labels(priority, PRIORITIES),
            "opened_at": pc.strftime(pa.array(opened), "%d/%m/%Y %H:%M"),
            "resolved_at": pc.strftime(pa.array(resolved), "%d/%m/%Y %H:%M"),
            "sla_met": pa.array(hours <= AGREED_HOURS[priority], mask=is_open),
        }
    ).filter(pa.array(is_known))
    folder.csv(f"ops/incidents_{month.code}.csv", table, last_day(span.newest(month), resolved))


def write_energy(folder: SourceFolder, span: Span, month: Month) -> Floats:
    """The hourly readings of each meter (kWh) in a month, with the grid's emissions in that hour (g per kWh).

    Returns the electricity of each site in the whole month, in kWh.
    """
    rng = span.rng("energy", month)
    start, end = midnights(np.array([month.first, month.next().first], dtype="datetime64[D]"))
    hours = np.arange(start, end, np.timedelta64(1, "h").astype("timedelta64[s]"))
    days = local_days(hours)
    hour = ((hours - midnights(days)).astype(np.int64) // 3600).clip(0, 23)
    year_turn = ((days - days.astype("datetime64[Y]")).astype(np.float64) - 20) / 365.25 * 2 * np.pi
    cold = (1 + np.cos(year_turn)) / 2
    is_weekend = weekday(days) >= 5

    working = ((hour >= 6) & (hour < 19))[:, None] * np.where(is_weekend[:, None], WEEKEND_WORK, 1.0)
    mean = BASE_KWH + WORKING_KWH * working + HEATING_KWH * cold[:, None] * 2
    saved = (1 - YEARLY_SAVING) ** years_since_anchor(days)[:, None]
    kwh = np.round(mean * saved * rng.normal(1, 0.06, mean.shape).clip(0.7, 1.3), 3)
    grams = np.round(GRAMS_CO2_PER_KWH * (0.8 + 0.4 * cold) * rng.normal(1, 0.08, len(hours)).clip(0.6, 1.4), 1)

    meter = np.tile(np.arange(len(METERS)), len(hours))
    table = pa.table(
        {
            "meter_no": labels(meter, METERS),
            "site": labels(meter, SITES),
            "hour_start_utc": np.repeat(hours, len(METERS)),
            "kwh": kwh.ravel(),
            "co2_g_per_kwh": np.repeat(grams, len(METERS)),
        }
    ).filter(pa.array(np.repeat(hours, len(METERS)) < span.end))
    folder.csv(f"energy/readings_{month.code}.csv.gz", table, span.newest(month))
    total: Floats = kwh.sum(axis=0)
    return total
