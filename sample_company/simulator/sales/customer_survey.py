"""The survey tool: how likely customers are to recommend Nordvik, and how easy it was to buy; a CSV file a month."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sample_company.simulator.business import COUNTRIES, OFFICE_WEEK, demand, pick
from sample_company.simulator.files import SourceFolder, labels
from sample_company.simulator.sales.customers import FIRST_ID as FIRST_CUSTOMER
from sample_company.simulator.sales.customers import Customers
from sample_company.simulator.technology.quality import annoyance
from sample_company.simulator.timeline import Month, Span, instants, local_days

QUESTIONS = ("recommend", "ease")
ANSWERS_PER_DAY = 44
BLANK_SHARE = 0.03
PROMOTERS, DETRACTORS = 0.49, 0.17
"""Shares of the answers in an ordinary week."""
DEFECTS_COST = 0.13
"""By how much both shares move for twice the defects in the weeks before."""
# What promoters, the others and detractors answer: 9 or 10, 7 or 8, 0 to 6.
SCORES = (np.array([9, 10]), np.array([7, 8]), np.arange(7))
SCORE_SHARES = (np.array([0.55, 0.45]), np.array([0.45, 0.55]), np.array([0.03, 0.03, 0.05, 0.1, 0.14, 0.3, 0.35]))


def write_survey(folder: SourceFolder, span: Span, customers: Customers, registered: int, month: Month) -> None:
    """The answers given in a month by customers, of whom `registered` had registered before it."""
    rng = span.rng("survey", month)
    days = np.repeat(month.days, rng.poisson(ANSWERS_PER_DAY * span.scale * demand(month.days, OFFICE_WEEK)))
    answered = np.sort(instants(rng, days))
    size = len(answered)
    customer = customers.returning(rng, np.full(size, registered))
    moved = DEFECTS_COST * annoyance(span, local_days(answered))
    drawn = rng.random(size)
    band = np.where(drawn < PROMOTERS - moved, 0, np.where(drawn < 1 - DETRACTORS - moved, 1, 2))
    score = np.zeros(size, dtype=np.int64)
    for number, (scores, score_shares) in enumerate(zip(SCORES, SCORE_SHARES, strict=True)):
        score = np.where(band == number, scores[pick(rng, size, score_shares)], score)
    table = pa.table(
        {
            "response": month.number * 1_000_000 + np.arange(1, size + 1),
            "customer": customer + FIRST_CUSTOMER,
            "market": labels(customers.country[customer].astype(np.int64), COUNTRIES),
            "submitted_utc": pa.array(answered),
            "question": labels((rng.random(size) < 0.5).astype(np.int64), QUESTIONS),
            "score_0_to_10": pa.array(score, mask=rng.random(size) < BLANK_SHARE),
        }
    ).filter(pa.array(answered < span.end))
    folder.csv(f"survey/answers_{month.code}.csv", table, span.newest(month), delimiter=";")
