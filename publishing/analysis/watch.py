"""The question where the ground has shifted: KPIs whose level, trend or relation changed in the last year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import duckdb
import numpy as np
from scipy import stats

from metrics.core.periods import Period
from publishing import reader
from publishing.analysis import history
from publishing.analysis.autoregression import Autoregression, order_of
from publishing.analysis.change_points import Search, Shift
from publishing.analysis.corrections import holm
from publishing.analysis.history import History
from publishing.analysis.regression import Floats, season_and_line
from publishing.analysis.words import shift_sentence
from publishing.answers import Answer
from publishing.language import language

FALSE_ALARMS = 0.05
"""How often at most anything is told of a whole catalogue in which nothing shifted."""
METHOD = (
    "Each KPI's closed periods, less season, trend, steps of earlier years and the memory of their noise, are searched"
    " for a step or a bend in the last year that has lasted three periods; and so is each pair of KPIs that move"
    " together, for a step that the other doesn't share. Corrected (Holm) for all that is searched: of a catalogue in"
    " which nothing shifted, anything is told at most 5 times in 100."
)
_EXPLAINED = """
select 'decision' as kind, new_level_from as since, new_level_from as until, reason, incident_id from kpi.decisions
where kpi_id = $kpi and new_level_from is not null
union
select 'incident', since, until, title, incident_id from kpi.incidents
where list_contains(string_split(kpis, ', '), $kpi)
order by all
"""


@dataclass(frozen=True)
class KpiShift:
    """A change of late in a KPI: since `since`. `beside` is the other KPI where their relation changed.

    `earlier_steps` are the first periods of the steps of earlier years that were taken into account.
    `level` is the mean of the values since then, in the KPI's unit. `size` is in its unit too, of a KPI with relative
    changes relative (0.05 is 5 %); of a trend for each period. `p_value` is corrected for the whole catalogue.
    """

    kpi_id: str
    freq: str
    kind: str
    since: Period
    level: float
    size: float
    is_relative: bool
    p_value: float
    beside: str | None = None
    earlier_steps: tuple[Period, ...] = ()


@dataclass(frozen=True)
class Watched:
    """What a catalogue shows: its shifts, the most certain first, and how much was searched.

    `too_short` are the KPIs with too few closed periods, or without a value for the newest of them.
    """

    shifts: tuple[KpiShift, ...]
    kpis: int
    pairs: int
    too_short: tuple[str, ...]


def watched(histories: Sequence[History]) -> Watched:
    """What shifted in the last year of these histories: one for each KPI, at its main frequency."""
    own = {
        kpi_history.kpi_id: (kpi_history, Search(kpi_history.scaled, kpi_history.places, kpi_history.freq))
        for kpi_history in histories
    }
    possible = {kpi_id: pair for kpi_id, pair in own.items() if pair[1].possible}
    searches: list[tuple[History, Search, str | None]] = [
        (kpi_history, search, None) for kpi_history, search in possible.values()
    ]
    pairs = [
        (first, Search(first.scaled, first.places, first.freq, beside=second.on(first.periods)), second.kpi_id)
        for first, second in moving_together([kpi_history for kpi_history, _ in possible.values()])
    ]
    searches += [pair for pair in pairs if pair[1].possible]
    quick = [search.quick_p() for _, search, _ in searches]
    shifts = {place: searches[place][1].shift() for place, p_value in enumerate(holm(quick)) if p_value <= FALSE_ALARMS}
    corrected = holm([shifts[place].p_value if place in shifts else p_value for place, p_value in enumerate(quick)])
    certain = [
        _kpi_shift(searches[place][0], shift, corrected[place], searches[place][2])
        for place, shift in shifts.items()
        if corrected[place] <= FALSE_ALARMS
    ]
    alone = {shift.kpi_id for shift in certain if shift.beside is None}
    reported = [shift for shift in certain if shift.beside is None or not {shift.kpi_id, shift.beside} & alone]
    return Watched(
        shifts=tuple(sorted(reported, key=lambda shift: shift.p_value)),
        kpis=len(possible),
        pairs=len(searches) - len(possible),
        too_short=tuple(sorted(set(own) - set(possible))),
    )


def moving_together(histories: Sequence[History]) -> list[tuple[History, History]]:
    """The pairs of KPIs of one frequency that move together beside season and trend, corrected for all pairs."""
    left = {
        kpi_history.kpi_id: dict(zip(kpi_history.periods, _left(kpi_history), strict=True)) for kpi_history in histories
    }
    pairs, p_values = [], []
    for first, second in combinations(histories, 2):
        both = [period for period in first.periods if second.freq == first.freq and period in left[second.kpi_id]]
        values = np.array([[left[kpi_history.kpi_id][period] for period in both] for kpi_history in (first, second)])
        if not both:
            continue
        values = values[:, np.isfinite(values).all(axis=0)]
        freedom = values.shape[1] - 2 - season_and_line(first.places).shape[1]
        if freedom < 3 or min(values.std(axis=1)) == 0:
            continue
        correlation = float(np.clip(np.corrcoef(values)[0, 1], -1 + 1e-12, 1 - 1e-12))
        t = correlation * np.sqrt(freedom / (1 - correlation**2))
        pairs.append((first, second))
        p_values.append(float(2 * stats.t.sf(abs(t), freedom)))
    return [pair for pair, p_value in zip(pairs, holm(p_values), strict=True) if p_value <= FALSE_ALARMS]


def main_histories(connection: duckdb.DuckDBPyConnection) -> list[History]:
    """The history of each KPI at its main frequency."""
    main: dict[str, History] = {}
    histories = history.read(connection)
    for freq in ("M", "Q", "A", "W"):
        for (kpi_id, of_freq), kpi_history in sorted(histories.items()):
            if of_freq == freq:
                main.setdefault(kpi_id, kpi_history)
    return list(main.values())


def explanations(connection: duckdb.DuckDBPyConnection, shift: KpiShift, breaks: Sequence[Period]) -> list[Answer]:
    """What is known about the KPI around the shift: a level that was released as new, incidents, breaks of the series.

    Around is from a period before the shift to a period after its first.
    """
    first, last = shift.since.shift(-1).start, shift.since.next().end
    rows = connection.execute(_EXPLAINED, {"kpi": shift.kpi_id}).fetchall()
    known = [
        {"kind": kind, "since": since, "text": text, "incident_id": incident}
        for kind, since, until, text, incident in rows
        if since <= last and until >= first
    ]
    return known + [
        {"kind": "break", "since": period.start, "text": None, "incident_id": None}
        for period in breaks
        if first <= period.start <= last
    ]


def watch(lang: str = "en") -> Answer:
    """The KPIs whose level, trend or relation to another KPI changed in the last year, by more than chance.

    Names and sentences are in the language `lang`. Raises NyckeltalError as `reader.opened` does.
    """
    words = language(lang)
    catalog = reader.newest_catalog().in_language(words.code)
    with reader.opened() as connection:
        histories = main_histories(connection)
        result = watched(histories)
        of_kpi = {kpi_history.kpi_id: kpi_history for kpi_history in histories}
        known = [explanations(connection, shift, of_kpi[shift.kpi_id].breaks) for shift in result.shifts]
    shifts = []
    for shift, facts in zip(result.shifts, known, strict=True):
        kpi, other = catalog.kpi(shift.kpi_id), catalog.kpi(shift.beside).name if shift.beside else ""
        entry = {"name": kpi.name, "unit": kpi.unit, "currency": catalog.reporting_currency}
        shifts.append(
            {
                "kpi_id": shift.kpi_id,
                "name": kpi.name,
                "owner": kpi.owner,
                "kind": shift.kind,
                "beside": shift.beside,
                "since": shift.since.code,
                "level_since": shift.level,
                "size": shift.size,
                "size_is": "relative" if shift.is_relative else "difference",
                "earlier_steps": [period.code for period in shift.earlier_steps],
                "p_value": shift.p_value,
                "known": [{**fact, "since": fact["since"].isoformat()} for fact in facts],
                "quote": shift_sentence(shift, entry, other, words),
            }
        )
    return {
        "shifts": shifts,
        "searched": {"kpis": result.kpis, "pairs": result.pairs},
        "too_short": list(result.too_short),
        "method": words.t(METHOD),
    }


def _kpi_shift(kpi_history: History, shift: Shift, p_value: float, beside: str | None) -> KpiShift:
    is_relative = kpi_history.is_scaled_by_logs
    return KpiShift(
        kpi_id=kpi_history.kpi_id,
        freq=kpi_history.freq,
        kind=shift.kind,
        since=kpi_history.periods[shift.place],
        level=float(np.nanmean(kpi_history.values[shift.place :])),
        size=float(np.expm1(shift.size)) if is_relative else shift.size,
        is_relative=is_relative,
        p_value=p_value,
        beside=beside,
        earlier_steps=tuple(kpi_history.periods[place] for place in sorted(shift.earlier_steps)),
    )


def _left(kpi_history: History) -> Floats:
    """What season, line and its last values leave of each value."""
    columns, nothing = season_and_line(kpi_history.places), np.zeros((len(kpi_history.values), 1))
    regression = Autoregression(
        np.isfinite(kpi_history.values), columns, nothing, order_of(kpi_history.scaled, columns)
    )
    return regression.residuals(kpi_history.scaled)
