"""The finance system's exchange rates: one file in the Swedish manner, with semicolons and decimal commas."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sample_company.simulator.business import CURRENCIES
from sample_company.simulator.files import SourceFolder
from sample_company.simulator.timeline import Span

USUAL_RATES = {"NOK": 0.98, "DKK": 1.53, "EUR": 11.40}
DAILY_CHANGE = 0.0025
PULL = 0.02
"""Share of its distance to the usual rate that a rate loses a day."""


def write_exchange_rates(folder: SourceFolder, span: Span) -> None:
    """finance/exchange_rates.csv: SEK per unit of each currency, every day."""
    days = np.concatenate([month.days for month in span.months()])
    changes = np.concatenate(
        [
            span.rng("exchange rates", month).normal(0, DAILY_CHANGE, (len(month.days), len(USUAL_RATES)))
            for month in span.months()
        ]
    )
    # DKK is pegged to EUR: the two move together.
    changes[:, 1] = changes[:, 2] + changes[:, 1] * 0.02
    distance = np.zeros_like(changes)
    for today in range(1, len(days)):
        distance[today] = distance[today - 1] * (1 - PULL) + changes[today]
    rates = {"SEK": np.ones(len(days))}
    for index, (currency, usual) in enumerate(USUAL_RATES.items()):
        rates[currency] = np.round(usual * np.exp(distance[:, index]), 6)

    known = days[days <= np.datetime64(span.until)]
    rate = np.stack([rates[currency][: len(known)] for currency in CURRENCIES], axis=1).ravel()
    table = pa.table(
        {
            "date": np.repeat(known, len(CURRENCIES)),
            "currency": pa.array(list(CURRENCIES) * len(known)),
            "sek_per_unit": pc.replace_substring(pa.array(rate).cast(pa.string()), ".", ","),
        }
    )
    folder.csv("finance/exchange_rates.csv", table, span.until, delimiter=";")
