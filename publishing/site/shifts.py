"""What the site says of KPIs whose level, trend or relation to another changed of late: by KPI, in its language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from metrics.definitions.catalog import Catalog, CatalogKpi
from publishing.analysis.watch import explanations, main_histories, watched
from publishing.analysis.words import shift_sentence
from publishing.language import Language


class ShiftNote(NamedTuple):
    """A shift of a KPI in a sentence, and what else happened at that time: each as (words in the language, text)."""

    kpi: CatalogKpi
    sentence: str
    known: list[tuple[str, str]]


def read(path: Path, catalog: Catalog, language: Language) -> list[ShiftNote]:
    """The shifts in the published file, the most certain first. `catalog` is that of its newest release."""
    own_names = {kpi.kpi_id: kpi.name for kpi in catalog.kpis}
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        in_english = connection.execute("select kpi_id, name from kpi.catalog").fetchall()
        names = {name: own_names[kpi_id] for kpi_id, name in in_english}
        histories = {history.kpi_id: history for history in main_histories(connection)}
        adopted = {kpi.kpi_id: kpi for kpi in catalog.kpis}
        shifts = watched([history for kpi_id, history in histories.items() if kpi_id in adopted]).shifts
        notes = []
        for shift in shifts:
            kpi = adopted[shift.kpi_id]
            entry = {"name": kpi.name, "unit": kpi.unit, "currency": catalog.reporting_currency}
            other = adopted[shift.beside].name if shift.beside else ""
            known = explanations(connection, shift, histories[shift.kpi_id].breaks)
            sentence = shift_sentence(shift, entry, other, language)
            notes.append(ShiftNote(kpi, sentence, [_known(event, language, names) for event in known]))
    return notes


def by_kpi(notes: list[ShiftNote]) -> Mapping[str, list[ShiftNote]]:
    """The notes by kpi_id."""
    grouped: dict[str, list[ShiftNote]] = defaultdict(list)
    for note in notes:
        grouped[note.kpi.kpi_id].append(note)
    return grouped


def _known(event: Mapping[str, Any], language: Language, names: Mapping[str, str]) -> tuple[str, str]:
    words = {
        "decision": "Released as a new level from {day}:",
        "incident": "Incident since {day}:",
        "break": "The series breaks on {day}.",
    }
    text = event["text"] or ""
    written = language.incident(text, names) if event["kind"] == "incident" else text
    return language.t(words[event["kind"]], day=language.day(event["since"])), written
