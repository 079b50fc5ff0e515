"""The question which leading KPIs moved before a KPI, answered from its published totals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from publishing import reader
from publishing.analysis import history
from publishing.analysis.cross_correlation import FALSE_ALARMS, LAGS, LAGS_OF_WEEKS, Lead, LeadSearch, leading
from publishing.analysis.history import History, place_in_year
from publishing.answers import Answer
from publishing.answers.values import definition
from publishing.language import language

PERIODS = {"W": ("week", "weeks"), "M": ("month", "months"), "Q": ("quarter", "quarters"), "A": ("year", "years")}
METHOD = (
    "Correlation of each driver, 1 to 6 months or quarters or 1 to 13 weeks before, with what season, trend and its own"
    " last values leave of the KPI; compared with the strongest correlation of all drivers and lags in simulated noise"
    " of the same memory, so that together they find something false at most 5 times in 100. It says what moves before,"
    " not what causes. It must be found of what is new in the driver, too (both filtered by the driver's own"
    " autoregression)."
)


@dataclass(frozen=True)
class FreqSearch:
    """What was found at one frequency. `gaps` counts the outcome's periods without a value, by the word for why."""

    freq: str
    search: LeadSearch
    gaps: dict[str, int]


def search(
    histories: dict[tuple[str, str], History], outcome: str, drivers: list[str], false_alarms: float = FALSE_ALARMS
) -> list[FreqSearch]:
    """Which of the drivers moved before the outcome, at each frequency that they share.

    Drivers are compared by month, those without months by quarter, and by week as well where both have weeks. The
    frequencies share the permitted false alarms.
    """
    by_freq = {
        freq: [name for name in drivers if (name, freq) in histories and (freq != "Q" or (name, "M") not in histories)]
        for freq in ("M", "Q", "W")
        if (outcome, freq) in histories
    }
    by_freq = {freq: names for freq, names in by_freq.items() if names}
    return [_search_at(histories, outcome, freq, names, false_alarms / len(by_freq)) for freq, names in by_freq.items()]


def _search_at(
    histories: dict[tuple[str, str], History], outcome: str, freq: str, drivers: list[str], false_alarms: float
) -> FreqSearch:
    of_outcome = histories[outcome, freq]
    lags = LAGS_OF_WEEKS if freq == "W" else LAGS
    earlier = [of_outcome.periods[0].shift(-back) for back in reversed(lags)]  # in which drivers may have moved
    periods = [*earlier, *of_outcome.periods]
    values = {name: histories[name, freq].on(periods) for name in drivers}
    places = np.array([place_in_year(period) for period in periods])
    lead_search = leading(of_outcome.on(periods), values, places, lags, false_alarms)
    return FreqSearch(freq, lead_search, of_outcome.gaps)


def leads(kpi: str, *, of_all: bool = False) -> Answer:
    """Which leading KPIs moved before a KPI, by how many periods; `of_all` tries all KPIs.

    Raises NyckeltalError for an unknown KPI.
    """
    entry = definition(kpi)
    with reader.opened() as connection:
        histories = history.read(connection)
        rows = connection.execute("select kpi_id, name, type from kpi.catalog order by kpi_id").fetchall()
    names = {kpi_id: name for kpi_id, name, _ in rows}
    drivers = [kpi_id for kpi_id, _, kind in rows if kpi_id != entry["kpi_id"] and (of_all or kind == "leading")]
    searches = search(histories, entry["kpi_id"], drivers)
    leads_found = [
        _lead(freq_search, lead, entry["name"], names) for freq_search in searches for lead in freq_search.search.leads
    ]
    tried = {
        name
        for freq_search in searches
        if freq_search.search.tried
        for name in drivers
        if (name, freq_search.freq) in histories and name not in freq_search.search.unvarying
    }
    unvarying = {name for freq_search in searches for name in freq_search.search.unvarying}
    can_be_led = not searches or any(freq_search.search.outcome_varies for freq_search in searches)
    answer: Answer = {
        "kpi_id": entry["kpi_id"],
        "name": entry["name"],
        "leads": leads_found,
        "searched": [_searched(freq_search) for freq_search in searches],
        "not_tried": sorted(set(drivers) - tried - unvarying) if can_be_led else [],
        "method": METHOD,
    }
    leading_drivers = len({lead["driver"] for lead in leads_found})
    return answer | {"summary": _summary(entry["name"], searches, len(tried), leading_drivers)}


def _lead(freq_search: FreqSearch, lead: Lead, outcome: str, names: dict[str, str]) -> Answer:
    driver, count = names[lead.driver], language("en").count
    later = count(lead.lag, *PERIODS[freq_search.freq])
    way = "higher" if lead.correlation > 0 else "lower"
    return {
        "driver": lead.driver,
        "driver_name": driver,
        "freq": freq_search.freq,
        "periods_before": lead.lag,
        "correlation": lead.correlation,
        "periods": lead.periods,
        "p_value": lead.p_value,
        "quote": f"{driver} moves before {outcome} by {later}: when it is higher than usual, {outcome} is {way} than"
        f" usual {later} later (correlation {language('en').decimal(lead.correlation, 2)} over"
        f" {count(lead.periods, *PERIODS[freq_search.freq])}).",
    }


def _searched(freq_search: FreqSearch) -> Answer:
    """What was tried at a frequency, and what could have been seen."""
    word, words = PERIODS[freq_search.freq]
    search, count = freq_search.search, language("en").count
    gaps = "".join(f", {count(number, word, words)} {why}" for why, number in freq_search.gaps.items())
    had = f"{count(search.periods, word, words)} with a closed value{gaps}"
    if not search.outcome_varies:
        text = f"By {word}: {had}. Season and trend explain them all: nothing is left that a lead could explain."
    elif search.smallest_seen is None:
        text = f"By {word}: {had}. That is too few to look for leads."
    else:
        text = (
            f"By {word}: {had}; {count(search.tried, 'pair', 'pairs')} of a driver and a lag tried. A correlation must"
            f" exceed {search.smallest_seen:.2f} there to be told from chance."
        )
    if search.unvarying and search.outcome_varies:
        text += f" Left out, as they don't vary beside season and trend: {', '.join(search.unvarying)}."
    return {
        "freq": freq_search.freq,
        "periods": search.periods,
        "gaps": freq_search.gaps,
        "tried": search.tried,
        "smallest_correlation_seen": search.smallest_seen,
        "too_short": list(search.too_short),
        "unvarying": list(search.unvarying),
        "text": text,
    }


def _summary(name: str, searches: list[FreqSearch], drivers: int, leads: int) -> str:
    """The answer in a sentence; why there is none where there are too few periods."""
    if not searches:
        return f"{name} has no published months, quarters or weeks in common with a driver: leads can't be looked for."
    if not any(freq_search.search.outcome_varies for freq_search in searches):
        return f"{name} doesn't vary beside season and trend: leads can't be looked for."
    if all(freq_search.search.smallest_seen is None for freq_search in searches):
        return f"{name} has too few closed periods to look for leads."
    if not leads:
        return f"None of {drivers} drivers moved before {name} by more than chance."
    return f"{leads} of {drivers} drivers moved before {name}. What moves before needn't cause it."
