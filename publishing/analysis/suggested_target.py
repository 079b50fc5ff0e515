"""The question which target a KPI's own history suggests: a range, how often it was met, and the lines to paste."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from metrics.definitions.catalog import Catalog, CatalogKpi
from publishing import reader
from publishing.analysis import history
from publishing.analysis.change_points import earlier_steps
from publishing.analysis.history import History, place_in_year
from publishing.analysis.prospects import Prospects, prospects
from publishing.analysis.regression import SEASONS, Floats, line
from publishing.answers import Answer
from publishing.answers.values import definition
from publishing.language import Language, language

LEVELS = {"cautious": 0.75, "likely": 0.5, "ambitious": 0.25}
"""The share of the coming year's periods in which a target of that name is met, if things go on."""
FEWEST_YEARS = 2
"""With less, a season can't be told from a trend."""
_FEWEST_OF_YEARS = 5
_DIGITS = 3
_A_PERIOD = {"W": "a week", "M": "a month", "Q": "a quarter", "A": "a year"}
_WORDS = {"W": "weeks", "M": "months", "Q": "quarters", "A": "years"}
_CLOSED = {"W": "closed week", "M": "closed month", "Q": "closed quarter", "A": "closed year"}
METHOD = (
    "4,000 courses of the coming year are simulated from level (since its last step), trend, season (where there is"
    " one), memory and noise of the closed periods, with the uncertainty of each. A cautious target is met in three of"
    " four of their periods, a likely one in half, an ambitious one in one of four. They say what happens if things go"
    " on, not what can be done."
)


@dataclass(frozen=True)
class Suggestion:
    """A possible target: its value in the KPI's unit, and how many of the latest periods would have met it.

    Of a band `value` is the lower end and `value_to` the upper one. `met` has, by the number of the latest periods that
    are looked at, how many of them have a value and how many of these meet the target.
    """

    name: str
    value: float
    value_to: float | None
    met: dict[int, tuple[int, int]]


def suggestions(totals: History, direction: str) -> tuple[list[Suggestion], Prospects] | None:
    """The possible targets of a KPI with that direction, up, down or band; None where its history is too short."""
    year = SEASONS[totals.freq]
    fewest = _FEWEST_OF_YEARS if year == 1 else FEWEST_YEARS * year
    if np.isfinite(totals.values).sum() < fewest:
        return None
    coming = [totals.periods[-1].shift(number) for number in range(1, year + 1)]
    outlook = prospects(
        totals.scaled, totals.places, np.array([place_in_year(period) for period in coming]), _steps(totals)
    )
    if outlook is None:
        return None
    values = np.exp(outlook.paths) if totals.is_scaled_by_logs else outlook.paths
    suggested = [
        _suggestion(name, totals, direction, *(_quantile(values, totals, share) for share in _shares(direction, met)))
        for name, met in LEVELS.items()
    ]
    return suggested, outlook


def _steps(totals: History) -> list[int]:
    """The places at which the level stepped: it goes on from the present one, not from a mean of all."""
    return earlier_steps(totals.scaled, line(len(totals.values)), len(totals.values))


def _shares(direction: str, met: float) -> tuple[float, ...]:
    """The shares of periods that lie below a target which the share `met` reaches; of a band below each of its ends."""
    shares = {"up": (1 - met,), "down": (met,), "band": ((1 - met) / 2, (1 + met) / 2)}
    return shares[direction]


def _quantile(values: Floats, totals: History, share: float) -> float:
    """The value below which that share of the simulated periods lies, to three digits; of shares within 0 to 1."""
    value = float(np.quantile(values, share))
    if not totals.is_relative and np.nanmin(totals.values) >= 0 and np.nanmax(totals.values) <= 1:
        value = min(max(value, 0.0), 1.0)
    return float(f"{value:.{_DIGITS}g}")


def _suggestion(name: str, totals: History, direction: str, value: float, value_to: float | None = None) -> Suggestion:
    year = SEASONS[totals.freq]
    met = {count: met_in(totals.values[-count:], value, direction, value_to) for count in (year, 2 * year)}
    return Suggestion(name, value, value_to, met)


def met_in(values: Floats, target: float, direction: str, target_to: float | None = None) -> tuple[int, int]:
    """How many values there are, and how many of them reach the target, or lie in the band from it to `target_to`."""
    known = values[np.isfinite(values)]
    reached = known <= target if direction == "down" else known >= target
    if target_to is not None:
        reached &= known <= target_to
    return len(known), int(reached.sum())


def suggest_target(kpi: str, lang: str = "en") -> Answer:
    """A range of targets from the KPI's published history, or why none can be suggested; nothing is written.

    Names and sentences are in the language `lang`. Raises NyckeltalError for an unknown KPI.
    """
    words = language(lang)
    entry, t = definition(kpi), words.t
    catalog = reader.newest_catalog().in_language(words.code)
    adopted = catalog.kpi(entry["kpi_id"])
    direction, freq = adopted.direction, adopted.target_freq or adopted.main_freq
    with reader.opened() as connection:
        histories = history.read(connection)
        present = _present(connection, adopted, freq)
        objective = _objective(connection, adopted, catalog, words)
    totals = histories.get((entry["kpi_id"], freq))
    answer: Answer = {
        "kpi_id": entry["kpi_id"],
        "name": adopted.name,
        "freq": freq,
        "direction": direction,
        "suggested": [],
        "objective": objective,
        "method": t(METHOD),
    }

    def written(value: float, value_to: float | None = None) -> str:
        return words.target(value, value_to, adopted.unit, catalog.reporting_currency)

    def refused(text: str, **facts: object) -> Answer:
        return answer | {"refused": t(text, name=adopted.name, **facts)}

    if direction not in ("up", "down", "band"):
        return refused("{name} has the direction {direction}: no value is a better one.", direction=t(direction))
    if adopted.retired is not None:
        return refused("{name} is retired since {day}.", day=adopted.retired.on)
    if totals is None:
        return refused("{name} has no {periods} with a published value.", periods=t(f"{_CLOSED[freq]}s"))
    answer |= {"history": _history_facts(totals), "present_target": present}
    if np.isfinite(totals.values).sum() > 1 and np.nanmin(totals.values) == np.nanmax(totals.values):
        value = written(float(np.nanmax(totals.values)))
        return refused(
            "{name} was {value} in every closed period: its history says nothing of other values.", value=value
        )
    suggested_and_outlook = suggestions(totals, direction)
    if suggested_and_outlook is None:
        known = int(np.isfinite(totals.values).sum())
        needed = _FEWEST_OF_YEARS if freq == "A" else FEWEST_YEARS * SEASONS[freq]
        return refused(
            "{name} has {periods} with a published value; a target needs {needed} of them, and more where season and"
            " gaps take too many.",
            periods=words.count(known, _CLOSED[freq], f"{_CLOSED[freq]}s"), needed=needed,
        )  # fmt: skip
    suggested, outlook = suggested_and_outlook
    answer["suggested"] = [
        {
            "name": suggestion.name,
            "value": suggestion.value,
            "value_to": suggestion.value_to,
            "met_if_things_go_on": LEVELS[suggestion.name],
            "met_in_last": [{"periods": n, "with_value": had, "met": met} for n, (had, met) in suggestion.met.items()],
            "yaml": _yaml(suggestion, totals, adopted),
        }
        for suggestion in suggested
    ]
    per = f" {t(_A_PERIOD[freq])}" if adopted.kind == "flow" else ""
    likely = next(suggestion for suggestion in suggested if suggestion.name == "likely")
    facts = {
        "name": adopted.name, "count": len(totals.periods), "periods": t(_WORDS[freq]),
        "last": words.period(totals.periods[-1].code), "likely": f"{written(likely.value, likely.value_to)}{per}",
        "first": written(suggested[0].value), "most": written(suggested[-1].value),
    }  # fmt: skip
    said = (
        "If things go on as in the {count} {periods} to {last}, {name} will be about {likely} in the coming year:"
        " {first} to {most} from a cautious to an ambitious target."
        if likely.value_to is None
        else "If things go on as in the {count} {periods} to {last}, {name} will be from {likely} in half of the coming"
        " year's {periods}. Where it should be, its history can't say: a band is what is wanted, not what is usual."
    )
    answer["quote"] = t(said, **facts)
    answer["trend"] = _trend(outlook, totals)
    answer["steps"] = [totals.periods[place].code for place in sorted(_steps(totals))]
    answer["to_keep"] = _to_keep(adopted)
    if outlook.has_season or adopted.target_by_period:
        because = (
            "{name} has a season: one value for all {periods} misleads. State one for each as by_period."
            if outlook.has_season
            else "{name} has targets of single periods: one value for all {periods} misleads. State one for each as"
            " by_period."
        )
        answer["warning"] = t(because, **facts)
    return answer


def _history_facts(totals: History) -> Answer:
    """Level and percentiles of the last year, and what the history consists of."""
    known = totals.values[np.isfinite(totals.values)]
    last = totals.values[-SEASONS[totals.freq] :]
    quantiles = np.nanquantile(last, (0.1, 0.25, 0.5, 0.75, 0.9)) if np.isfinite(last).any() else [np.nan] * 5
    return {
        "first": totals.periods[0].code,
        "last": totals.periods[-1].code,
        "periods_with_value": len(known),
        "gaps": totals.gaps,
        "breaks": [period.code for period in totals.breaks],
        "percentiles_of_last_year": {
            str(share): float(value) for share, value in zip((10, 25, 50, 75, 90), quantiles, strict=True)
        },
    }


def _present(connection: duckdb.DuckDBPyConnection, kpi: CatalogKpi, freq: str) -> Answer | None:
    """The present target, and how many of the latest closed periods reached their own; None without one.

    As published: of a period with a target of its own, whether it reached that one.
    """
    if kpi.target is None:
        return None
    statuses = [
        status
        for (status,) in connection.execute(
            """select target_status from kpi.observations
               where kpi_id = ? and freq = ? and segment = '_T' and not provisional order by period_start""",
            [kpi.kpi_id, freq],
        ).fetchall()
    ]
    year = SEASONS[freq]
    met_in_last = []
    for count in (year, 2 * year):
        compared = [status for status in statuses[-count:] if status]
        met_in_last.append({"periods": count, "with_value": len(compared), "met": compared.count("on target")})
    ends = [kpi.target, *kpi.target_by_period.values()]
    return {
        "value": kpi.target,
        "value_to": kpi.target_to,
        "of_periods": {"value": min(ends), "value_to": max(ends)} if kpi.target_by_period else None,  # least, greatest
        "varies": bool(kpi.target_by_period or kpi.earlier_targets),
        "met_in_last": met_in_last,
    }


def _trend(outlook: Prospects, totals: History) -> Answer:
    """The trend a year, with its standard error; relative where changes of the KPI are."""
    year = SEASONS[totals.freq]
    sizes = [number * year for number in (outlook.slope, outlook.slope_error)]
    if totals.is_scaled_by_logs:
        sizes = [float(np.expm1(size)) for size in sizes]
    kind = "relative" if totals.is_scaled_by_logs else "difference"
    return {"a_year": sizes[0], "standard_error": sizes[1], "is": kind, "has_season": outlook.has_season}


def _objective(connection: duckdb.DuckDBPyConnection, kpi: CatalogKpi, catalog: Catalog, words: Language) -> Answer:
    """The KPI's objective, and the other KPIs that serve it with their status against their targets."""
    rows = connection.execute(
        """select s.kpi_id, s.status from kpi.scorecard s join kpi.catalog c using (kpi_id)
           where c.objective = ? and s.kpi_id <> ? order by s.status, s.kpi_id""",
        [kpi.objective, kpi.kpi_id],
    ).fetchall()
    others = [{"kpi_id": kpi_id, "name": catalog.kpi(kpi_id).name, "status": status} for kpi_id, status in rows]
    missed = [row["name"] for row in others if row["status"] == "off target"]
    reached = sum(row["status"] == "on target" for row in others)
    objective = catalog.objectives.get(kpi.objective)
    name = objective.name if objective else kpi.objective
    said = (
        "{name} is served by {others}: {reached} on target, {missed} off target. Which value of a KPI the objective"
        " needs isn't stated anywhere, so the suggestions don't take it into account."
    )
    quote = words.t(
        said,
        name=name, others=words.count(len(others), "other KPI", "other KPIs"), reached=reached,
        missed=f"{len(missed)} ({', '.join(missed)})" if missed else 0,
    )  # fmt: skip
    return {"name": name, "other_kpis": others, "quote": quote}


def _yaml(suggestion: Suggestion, totals: History, kpi: CatalogKpi) -> str:
    """The lines of the adoption, without those to keep. A sum over the period is a target of one frequency only."""
    freq = [f"  freq: {totals.freq}"] if kpi.target is None and kpi.kind == "flow" else []
    first, last = totals.periods[0].code, totals.periods[-1].code
    rationale = f"{suggestion.name.capitalize()}, from the {_WORDS[totals.freq]} {first} to {last}"
    value = f"  value: {suggestion.value:.15g}"
    if suggestion.value_to is not None:
        value = f"  band: [{suggestion.value:.15g}, {suggestion.value_to:.15g}]"
    return "\n".join(["target:", value, *freq, "  source: history", f"  rationale: {rationale}"])


def _to_keep(kpi: CatalogKpi) -> list[str]:
    """The other keys of the present target, which the suggested lines don't have."""
    stated = {
        "freq": kpi.target_freq,
        "since": kpi.target_since,
        "by_period": kpi.target_by_period,
        "tolerance": kpi.target_tolerance is not None,
        "earlier": kpi.earlier_targets,
    }
    return [key for key, value in stated.items() if value] if kpi.target is not None else []
