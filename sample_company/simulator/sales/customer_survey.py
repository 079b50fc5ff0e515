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
SHIFT_BY_DEFECTS = 0.13
"""How much smaller the share of promoters and larger that of detractors is after weeks with twice the defects."""
# What promoters, the others and detractors answer: 9 or 10, 7 or 8, 0 to 6.
SCORES = (np.array([9, 10]), np.array([7, 8]), np.arange(7))
SCORE_SHARES = (np.array([0.55, 0.45]), np.array([0.45, 0.55]), np.array([0.03, 0.03, 0.05, 0.1, 0.14, 0.3, 0.35]))


def write_survey(folder: SourceFolder, span: Span, customers: Customers, n_registered: int, month: Month) -> None:
    """Write the file of a month's survey answers. Only the first `n_registered` customers can answer.

    Customers who are annoyed by defects are detractors more often, and promoters less often.
    """
    rng = span.rng("survey", month)
    days = np.repeat(month.days, rng.poisson(ANSWERS_PER_DAY * span.scale * demand(month.days, OFFICE_WEEK)))
    answered_at = np.sort(instants(rng, days))
    size = len(answered_at)
    customer = customers.returning(rng, np.full(size, n_registered))
    shift = SHIFT_BY_DEFECTS * annoyance(span, local_days(answered_at))
    drawn = rng.random(size)
    band = np.where(drawn < PROMOTERS - shift, 0, np.where(drawn < 1 - DETRACTORS - shift, 1, 2))
    score = np.zeros(size, dtype=np.int64)
    for number, (scores, score_shares) in enumerate(zip(SCORES, SCORE_SHARES, strict=True)):
        score = np.where(band == number, scores[pick(rng, size, score_shares)], score)
    table = pa.table(
        {
            "response": month.number * 1_000_000 + np.arange(1, size + 1),
            "customer": customer + FIRST_CUSTOMER,
            "market": labels(customers.country[customer].astype(np.int64), COUNTRIES),
            "submitted_utc": pa.array(answered_at),
            "question": labels((rng.random(size) < 0.5).astype(np.int64), QUESTIONS),
            "score_0_to_10": pa.array(score, mask=rng.random(size) < BLANK_SHARE),
        }
    ).filter(pa.array(answered_at < span.end))
    folder.csv(f"survey/answers_{month.code}.csv", table, span.newest(month), delimiter=";")
