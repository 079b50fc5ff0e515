"""The commands that look up dates, past values and findings: `kpi calendar`, `as-of`, `revisions` and `docs`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated

import typer

from metrics.core import clock
from metrics.core.errors import NyckeltalError
from metrics.core.periods import FREQ_NAMES, later
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from orchestration.cli import revisions
from orchestration.cli.terminal import console, print_json
from orchestration.lock import writing
from publishing import reader

app = typer.Typer()
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Freq = Annotated[str | None, typer.Option(help="W, M, Q or A; else M, or what there is.")]
Last = Annotated[int, typer.Option(min=1, help="How many periods, counted back from the newest.")]


@app.command()
def calendar(
    coming: Annotated[int, typer.Option("--next", min=1, help="How many of them.")] = 20,
    freq: Annotated[str | None, typer.Option(help="Only W, M, Q or A.")] = None,
    as_json: Json = False,
) -> None:
    """The coming release dates: the day on which each period closes, soonest first."""
    from orchestration.cli import lookup_report

    company = Company.load()
    today = clock.today(company.time_zone)
    if freq is not None:
        known_freq(freq, None)
    dates = Catalog.read(company).release_dates({}, today, later(today, "2 years"))
    dates = [one for one in dates if freq in (None, one.freq)][:coming]
    if as_json:
        print_json([asdict(one) | {"state": one.state(today)} for one in dates])
        return
    lookup_report.print_calendar(console(), dates, today)


@app.command(name="as-of")
def as_of(
    day: Annotated[str, typer.Argument(metavar="DAY", help="Such as 2026-10-05.")],
    kpi_id: Annotated[
        str | None, typer.Argument(metavar="[KPI]", help="One KPI's series, not each one's newest.")
    ] = None,
    freq: Freq = None,
    last: Last = 12,
    as_json: Json = False,
) -> None:
    """Published totals as they stood at the end of a day."""
    from orchestration.cli import lookup_report

    company = Company.load()
    catalog = Catalog.read(company)
    kpi = catalog.kpi(kpi_id) if kpi_id is not None else None
    if kpi or freq:
        freq = known_freq(freq or (kpi.main_freq if kpi else ""), kpi)
    moment = _past_day(day, clock.today(company.time_zone))
    if kpi is None:
        rows = reader.totals_as_of(moment, freq, catalog)
    else:
        rows = reader.series_as_of(moment, kpi.kpi_id, freq or kpi.main_freq, last)
    if as_json:
        print_json(rows)
        return
    lookup_report.print_as_of(console(), catalog, moment, rows, kpi)


@app.command(name="revisions")
def revisions_(
    kpi_id: Annotated[str, typer.Argument(metavar="KPI")],
    freq: Freq = None,
    last: Last = 24,
    as_json: Json = False,
) -> None:
    """How a KPI's totals were revised: each period's first, second, … value, and the bias of first values."""
    from orchestration.cli import lookup_report

    catalog = Catalog.read(Company.load())
    kpi = catalog.kpi(kpi_id)
    freq = known_freq(freq or kpi.main_freq, kpi)
    histories = revisions.triangle(reader.vintages(kpi_id, freq))[-last:]
    found = revisions.statistics(histories, kpi.unit)
    if as_json:
        print_json(
            {"kpi_id": kpi_id, "freq": freq, "statistics": asdict(found), "periods": list(map(asdict, histories))}
        )
        return
    terminal = console()
    lookup_report.print_triangle(terminal, catalog, kpi, histories)
    terminal.print(lookup_report.statistics_line(found), highlight=False)


@app.command()
def docs() -> None:
    """Write a page for each KPI on what the gate found (Great Expectations' Data Docs), to open in a browser."""
    from data_quality import pages as data_docs

    company = Company.load()
    catalog = Catalog.read(company)
    with writing():  # a run can't open the warehouse while another process reads it
        page = data_docs.write(company, catalog)
    console().print(f"Written: {page}", soft_wrap=True, highlight=False)


def known_freq(freq: str, kpi: CatalogKpi | None) -> str:
    """The frequency, when the KPI, or any, is published at it.

    Raises NyckeltalError for any other.
    """
    known = kpi.freqs if kpi else tuple(FREQ_NAMES)
    if freq not in known:
        subject = f"{kpi.kpi_id} is" if kpi else "KPIs are"
        problem = f"{subject} not published {FREQ_NAMES.get(freq, 'at such a frequency')}"
        raise NyckeltalError(problem, field="--freq", found=freq, expected=" or ".join(known))
    return freq


def _past_day(text: str, today: date) -> date:
    """The day of the text, on which something stood published.

    Raises NyckeltalError for anything else.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise NyckeltalError("no such day", field="DAY", found=text, expected="a day like 2026-10-05") from None
    if day > today:
        raise NyckeltalError("lies in the future", field="DAY", found=text, expected=f"{today} at the latest")
    first = reader.first_release()
    if day < first:
        raise NyckeltalError(
            "nothing had been published by then", field="DAY", found=text, expected=f"{first} or later"
        )
    return day
