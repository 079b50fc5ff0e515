"""The commands that look up dates, past values and findings: `kpi calendar`, `as-of`, `revisions` and `docs`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated

import typer

from metrics.core import clock
from metrics.core.errors import NyckeltalError
from metrics.core.periods import later
from metrics.core.text import short_path
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.cli.options import Freq, Json, Last, published_freq
from orchestration.cli.terminal import console, print_json
from orchestration.lock import writing
from publishing import reader

HELP_ORDER = 6
app = typer.Typer()


@app.command()
def calendar(
    count: Annotated[int, typer.Option("--next", min=1, help="The number of dates.")] = 20,
    freq: Annotated[str | None, typer.Option(help="Only W, M, Q or A.")] = None,
    as_json: Json = False,
) -> None:
    """The next release dates: the day on which each period closes, soonest first."""
    from orchestration.cli.reports.values import lookup as lookup_report

    company = Company.load()
    today = clock.today(company.time_zone)
    if freq is not None:
        published_freq(freq, None)
    dates = Catalog.read(company).release_dates({}, today, later(today, "2 years"))
    dates = [release_date for release_date in dates if freq in (None, release_date.freq)][:count]
    if as_json:
        print_json([asdict(release_date) | {"state": release_date.state(today)} for release_date in dates])
        return
    lookup_report.print_calendar(console(), dates, today)


@app.command(name="as-of")
def as_of(
    day: Annotated[str, typer.Argument(metavar="DAY", help="Such as 2026-10-05.")],
    kpi_id: Annotated[
        str | None, typer.Argument(metavar="[KPI]", help="A KPI, to see its series. Without it, all newest values.")
    ] = None,
    freq: Freq = None,
    last: Last = 12,
    as_json: Json = False,
) -> None:
    """Published totals as they were at the end of a day."""
    from orchestration.cli.reports.values import lookup as lookup_report

    company = Company.load()
    catalog = Catalog.read(company)
    kpi = catalog.kpi(kpi_id) if kpi_id is not None else None
    if kpi or freq:
        freq = published_freq(freq or (kpi.main_freq if kpi else ""), kpi)
    past_day = _past_day(day, clock.today(company.time_zone))
    if kpi is None:
        rows = reader.totals_as_of(past_day, freq, catalog)
    else:
        rows = reader.series_as_of(past_day, kpi.kpi_id, freq or kpi.main_freq, last)
    if as_json:
        print_json(rows)
        return
    lookup_report.print_as_of(console(), catalog, past_day, rows, kpi)


@app.command()
def revisions(
    kpi_id: Annotated[str, typer.Argument(metavar="KPI")],
    freq: Freq = None,
    last: Last = 24,
    as_json: Json = False,
) -> None:
    """How a KPI's totals were revised: each period's first, second, … value, and the bias of first values."""
    from orchestration.cli.reports.values import lookup as lookup_report
    from orchestration.cli.reports.values import revisions as revision_statistics

    catalog = Catalog.read(Company.load())
    kpi = catalog.kpi(kpi_id)
    freq = published_freq(freq or kpi.main_freq, kpi)
    histories = revision_statistics.value_histories(reader.vintages(kpi_id, freq))[-last:]
    statistics = revision_statistics.statistics(histories, kpi.unit)
    if as_json:
        periods = [asdict(history) for history in histories]
        print_json({"kpi_id": kpi_id, "freq": freq, "statistics": asdict(statistics), "periods": periods})
        return
    terminal = console()
    lookup_report.print_triangle(terminal, catalog, kpi, histories)
    terminal.print(lookup_report.statistics_line(statistics), highlight=False)


@app.command()
def docs() -> None:
    """Write a page for each KPI with the gate's findings, to open in a browser."""
    from data_quality import pages as data_docs

    company = Company.load()
    catalog = Catalog.read(company)
    with writing():  # a run can't open the warehouse while another process reads it
        page = data_docs.write(company, catalog)
    console().print(f"Written: {short_path(page)}", soft_wrap=True, highlight=False)


def _past_day(text: str, today: date) -> date:
    """The day in the text. By its end something must have been published.

    Raises NyckeltalError for any other text.
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
