"""The question which leading KPIs moved before a KPI, answered from its published totals."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import duckdb
import numpy as np
from scipy import stats

from metrics.core.periods import Period
from metrics.definitions.catalog import Catalog, CatalogKpi
from publishing import reader
from publishing.analysis import history
from publishing.analysis.cross_correlation import FALSE_ALARMS, LAGS, LAGS_OF_WEEKS, Drivers, Lead, LeadSearch
from publishing.analysis.history import History, place_in_year
from publishing.analysis.remembered import Remembered
from publishing.answers import Answer
from publishing.answers.values import definition
from publishing.language import Language, language

PERIODS = {"W": ("week", "weeks"), "M": ("month", "months"), "Q": ("quarter", "quarters"), "A": ("year", "years")}
FALSE_SHARE = 0.1
"""Where all KPIs are searched: the share of the KPIs and frequencies with a lead of which it may be false."""
_STRENGTHS = ((0.8, "very strong"), (0.5, "strong"), (0.3, "moderate"), (0.0, "weak"))
"""Words for correlations from this size on; from 0.3 and 0.5 on after J. Cohen (1988)."""
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


class Searches:
    """Which of the drivers, KPIs of `histories`, moved before others. Call it for each outcome that is looked at."""

    def __init__(self, histories: Mapping[tuple[str, str], History], drivers: Collection[str]) -> None:
        self._histories, self.drivers = histories, drivers
        self._remembered = Remembered()
        self._by_periods: dict[tuple[Period, Period], Drivers] = {}
        self._searches: dict[str, list[FreqSearch]] = {}

    def of(self, outcome: str) -> list[FreqSearch]:
        """What was found of an outcome, at each frequency that it shares with a driver.

        Drivers are compared by month, those without months by quarter, and by week as well where both have weeks. The
        frequencies share the permitted false alarms.
        """
        if outcome not in self._searches:
            freqs = [freq for freq in ("M", "Q", "W") if (outcome, freq) in self._histories]
            freqs = [freq for freq in freqs if any(name != outcome for name in self.drivers_at(freq))]
            self._searches[outcome] = [self._search(outcome, freq, FALSE_ALARMS / len(freqs)) for freq in freqs]
        return self._searches[outcome]

    def drivers_at(self, freq: str) -> list[str]:
        """The drivers that are compared at a frequency."""
        has = self._histories
        return [name for name in self.drivers if (name, freq) in has and (freq != "Q" or (name, "M") not in has)]

    def _search(self, outcome: str, freq: str, false_alarms: float) -> FreqSearch:
        of_outcome = self._histories[outcome, freq]
        lags = LAGS_OF_WEEKS if freq == "W" else LAGS
        earlier = [of_outcome.periods[0].shift(-back) for back in reversed(lags)]  # in which drivers may have moved
        periods = [*earlier, *of_outcome.periods]
        key = of_outcome.periods[0], of_outcome.periods[-1]
        if key not in self._by_periods:
            drivers = {name: self._histories[name, freq].on(periods) for name in self.drivers_at(freq)}
            places = np.array([place_in_year(period) for period in periods])
            self._by_periods[key] = Drivers(drivers, places, lags)
        of_drivers, values = self._by_periods[key], of_outcome.on(periods)
        found = self._remembered.of(
            (*of_drivers.numbers, values.tobytes(), f"{outcome} {false_alarms}".encode()),
            lambda: of_drivers.leading(values, false_alarms, without=outcome),
        )
        return FreqSearch(freq, found, of_outcome.gaps)

    def certain(self, outcomes: Iterable[str]) -> set[tuple[str, str]]:
        """The outcomes and frequencies whose leads hold where all these outcomes are searched.

        Of these, at most one in ten has only false leads on average (Y. Benjamini and Y. Hochberg, Controlling the
        False Discovery Rate, 1995).
        """
        strongest = {
            (outcome, freq_search.freq): min((lead.p_value for lead in freq_search.search.leads), default=1.0)
            for outcome in outcomes
            for freq_search in self.of(outcome)
            if freq_search.search.tried
        }
        corrected = stats.false_discovery_control(list(strongest.values())) if strongest else []
        return {key for key, p_value in zip(strongest, corrected, strict=True) if p_value <= FALSE_SHARE}

    def keep(self) -> None:
        """Keep what was found for the next time."""
        self._remembered.keep()


@dataclass(frozen=True)
class Leads:
    """Writes in a language what of a catalogue's KPIs moved before others, as `searches` found it."""

    catalog: Catalog
    searches: Searches
    language: Language

    def before(self, kpi: CatalogKpi, *, among_all: bool = False) -> Answer:
        """Which drivers moved before the KPI, the most certain first, and what was tried.

        `among_all`: only those that hold where all KPIs are searched.
        """
        searches = self.searches.of(kpi.kpi_id)
        found = [
            self._lead(kpi, freq_search, lead)
            for freq_search in searches
            for lead in freq_search.search.leads
            if not among_all or (kpi.kpi_id, freq_search.freq) in self._certain
        ]
        drivers = [name for name in self.searches.drivers if name != kpi.kpi_id]
        tried = {
            name
            for freq_search in searches
            if freq_search.search.tried
            for name in self.searches.drivers_at(freq_search.freq)
            if name != kpi.kpi_id and name not in freq_search.search.unvarying
        }
        unvarying = {name for freq_search in searches for name in freq_search.search.unvarying}
        can_be_led = not searches or any(freq_search.search.outcome_varies for freq_search in searches)
        answer: Answer = {
            "kpi_id": kpi.kpi_id,
            "name": kpi.name,
            "leads": found,
            "searched": [self._searched(freq_search) for freq_search in searches],
            "not_tried": sorted(set(drivers) - tried - unvarying) if can_be_led else [],
            "method": self.language.t(METHOD),
        }
        count = len({lead["driver"] for lead in found})
        summary = self._summary(kpi, searches, len(tried), count, among_all=among_all)
        return answer | {"summary": summary}

    def after(self, kpi: CatalogKpi) -> list[Answer]:
        """What the KPI moved before, of all KPIs: leads that hold where all of them are searched."""
        return [
            self._lead(other, freq_search, lead)
            for other in self.catalog.kpis
            for freq_search in self.searches.of(other.kpi_id)
            for lead in freq_search.search.leads
            if lead.driver == kpi.kpi_id and (other.kpi_id, freq_search.freq) in self._certain
        ]

    @cached_property
    def _certain(self) -> set[tuple[str, str]]:
        return self.searches.certain(kpi.kpi_id for kpi in self.catalog.kpis)

    def _lead(self, outcome: CatalogKpi, freq_search: FreqSearch, lead: Lead) -> Answer:
        driver, t = self.catalog.kpi(lead.driver), self.language.t
        words = (
            "{driver} moves before {outcome} by {periods}: when it is higher than usual, {outcome} is higher than usual"
            " {periods} later ({strength}: correlation {correlation} over {count})."
            if lead.correlation > 0
            else "{driver} moves before {outcome} by {periods}: when it is higher than usual, {outcome} is lower than"
            " usual {periods} later ({strength}: correlation {correlation} over {count})."
        )
        strength = next(word for least, word in _STRENGTHS if abs(lead.correlation) >= least)
        return {
            "driver": lead.driver,
            "driver_name": driver.name,
            "outcome": outcome.kpi_id,
            "outcome_name": outcome.name,
            "freq": freq_search.freq,
            "periods_before": lead.lag,
            "correlation": lead.correlation,
            "periods": lead.periods,
            "p_value": lead.p_value,
            "quote": t(
                words, driver=driver.name, outcome=outcome.name, strength=t(strength),
                periods=self.language.count(lead.lag, *PERIODS[freq_search.freq]),
                correlation=self.language.decimal(lead.correlation, 2),
                count=self.language.count(lead.periods, *PERIODS[freq_search.freq]),
            ),
        }  # fmt: skip

    def _searched(self, freq_search: FreqSearch) -> Answer:
        """What was tried at a frequency, and what could have been seen."""
        search, t, count = freq_search.search, self.language.t, self.language.count
        word, words = PERIODS[freq_search.freq]
        gaps = "".join(f", {count(number, word, words)} {t(why)}" for why, number in freq_search.gaps.items())
        facts = {"had": f"{count(search.periods, word, words)} {t('with a closed value')}{gaps}"}
        if not search.outcome_varies:
            said = "{had}. Season and trend explain them all: nothing is left that a lead could explain."
        elif search.smallest_seen is None:
            said = "{had}. That is too few to look for leads."
        else:
            said = (
                "{had}; {pairs} of a driver and a lag tried. A correlation must exceed {size} to be told from chance."
            )
            facts["pairs"] = count(search.tried, "pair", "pairs")
            facts["size"] = self.language.decimal(search.smallest_seen, 2)
        text = f"{t(f'By {word}')}: {t(said, **facts)}"
        if search.unvarying and search.outcome_varies:
            left_out = "Left out, as they don't vary beside season and trend: {kpis}."
            text += f" {t(left_out, kpis=', '.join(search.unvarying))}"
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

    def _summary(
        self, kpi: CatalogKpi, searches: list[FreqSearch], drivers: int, leads: int, *, among_all: bool
    ) -> str:
        """The answer in a sentence; why there is none where there are too few periods."""
        if not searches:
            words = "{name} has no closed months, quarters or weeks in common with a driver: leads can't be looked for."
        elif not any(freq_search.search.outcome_varies for freq_search in searches):
            words = "{name} doesn't vary beside season and trend: leads can't be looked for."
        elif all(freq_search.search.smallest_seen is None for freq_search in searches):
            words = "{name} has too few closed periods to look for leads."
        elif not leads and among_all and any(freq_search.search.leads for freq_search in searches):
            words = (
                "None of the {drivers} KPIs that were tried moved before {name} clearly enough, where all KPIs are"
                " searched. `kpi leads {kpi_id}` shows weaker ones."
            )
        elif not leads:
            words = "None of the {drivers} KPIs that were tried moved before {name} by more than chance."
        else:
            words = (
                "{leads} of the {drivers} KPIs that were tried moved before {name}. What moves before needn't cause it."
            )
        return self.language.t(words, name=kpi.name, kpi_id=kpi.kpi_id, drivers=drivers, leads=leads)


def read(connection: duckdb.DuckDBPyConnection, catalog: Catalog, words: Language, *, of_all: bool = False) -> Leads:
    """What moved before what in the published file; drivers are the leading KPIs, or all. `catalog` is that of it."""
    drivers = sorted(kpi.kpi_id for kpi in catalog.kpis if of_all or kpi.type == "leading")
    return Leads(catalog, Searches(history.read(connection), drivers), words)


def leads(kpi: str, *, of_all: bool = False, lang: str = "en") -> Answer:
    """Which leading KPIs moved before a KPI, by how many periods; `of_all` tries all KPIs.

    Raises NyckeltalError for an unknown KPI or language.
    """
    kpi_id = definition(kpi)["kpi_id"]
    catalog = reader.newest_catalog().in_language(language(lang).code)
    with reader.opened() as connection:
        return read(connection, catalog, language(lang), of_all=of_all).before(catalog.kpi(kpi_id))
