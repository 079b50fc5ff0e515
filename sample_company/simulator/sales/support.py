"""The support desk: tickets as JSON lines, one file for the tickets opened in a month."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from sample_company.simulator.business import COUNTRIES, OFFICE_WEEK, demand, pick, years_since_anchor
from sample_company.simulator.files import SourceFolder, known
from sample_company.simulator.sales.customers import FIRST_ID as FIRST_CUSTOMER
from sample_company.simulator.sales.customers import Customers
from sample_company.simulator.technology.quality import annoyance
from sample_company.simulator.timeline import OFFICE, Instants, Month, Span, instants, last_day, local_days

TICKETS_PER_DAY = 34
CHANNELS = ("email", "chat", "phone")
CHANNEL_SHARES = np.array([0.45, 0.35, 0.20])
HOURS_TO_CLOSE = np.array([14.0, 1.5, 4.0])
"""Median hours from opening to closing, of each channel."""
ANSWER_SHARE = 0.42
UNKNOWN_SHARE = 0.06
SATISFIED = np.array([0.77, 0.83, 0.79])
"""Share of answers of 4 or 5, of each channel, at first."""
YEARLY_SATISFACTION = 0.01
FALL_BY_DEFECTS = 0.13
"""How much smaller the share of satisfied customers is after weeks with twice the defects."""


def write_tickets(folder: SourceFolder, span: Span, customers: Customers, n_registered: int, month: Month) -> None:
    """Write the tickets opened in a month, as known at the last day, by the first `n_registered` customers."""
    rng = span.rng("tickets", month)
    day = np.repeat(month.days, rng.poisson(TICKETS_PER_DAY * span.scale * demand(month.days, OFFICE_WEEK)))
    opened = np.sort(instants(rng, day, OFFICE))
    size = len(opened)
    customer = customers.returning(rng, np.full(size, n_registered))
    channel = pick(rng, size, CHANNEL_SHARES)
    closed = opened + _seconds(HOURS_TO_CLOSE[channel] * rng.lognormal(0, 0.9, size) * 3600)
    answered = closed + _seconds(rng.exponential(20, size) * 3600)
    has_answer = rng.random(size) < ANSWER_SHARE
    share = SATISFIED[channel] + YEARLY_SATISFACTION * years_since_anchor(day)
    is_satisfied = rng.random(size) < share - FALL_BY_DEFECTS * annoyance(span, local_days(answered))
    score = np.where(is_satisfied, 4 + (rng.random(size) < 0.6), 1 + pick(rng, size, np.array([0.25, 0.25, 0.5])))

    closed = known(closed, span.end)
    answered = np.where(has_answer, known(answered, span.end), np.datetime64("NaT", "s"))
    number = month.number * 1_000_000 + np.arange(1, size + 1)
    is_unknown = rng.random(size) < UNKNOWN_SHARE
    frame = pd.DataFrame(
        {
            "ticket_id": pd.Series(number).astype(str),
            "customer_id": pd.Series(customer + FIRST_CUSTOMER).astype(str).mask(is_unknown, None),
            "opened_at": _text(opened),
            "closed_at": _text(closed),
            "country": np.array(COUNTRIES)[customers.country[customer]],
            "channel": np.array(CHANNELS)[channel],
            "survey_answered_at": _text(answered),
            "survey_score": pd.Series(score, dtype="Int64").mask(np.isnat(answered)),
        }
    )
    newest = last_day(span.newest(month), closed, answered)
    folder.jsonl(f"support/tickets_{month.code}.jsonl", frame[opened < span.end], newest)


def _seconds(values: npt.NDArray[np.float64]) -> npt.NDArray[np.timedelta64]:
    return values.astype(np.int64).astype("timedelta64[s]")


def _text(moments: Instants) -> pd.Series:
    """ISO 8601 in UTC; None where there is no moment."""
    text = pd.Series(np.datetime_as_string(moments, unit="s"), dtype=object)
    return text.mask(np.isnat(moments), None)
