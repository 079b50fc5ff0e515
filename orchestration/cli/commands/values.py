"""The commands that show the catalogue and published values: `kpi scorecard`, `list`, `show` and `sql`."""

from __future__ import annotations

from typing import Annotated

import typer

from metrics.core import clock
from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.core.segments import canonical
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.cli.options import Freq, Json, Last, published_freq
from orchestration.cli.terminal import console, print_csv, print_json

HELP_ORDER = 4
app = typer.Typer()


@app.command(name="status", hidden=True)  # its former name
@app.command()
def scorecard(as_json: Json = False) -> None:
    """Where things stand: held incidents, overdue reviews, each KPI's newest value beside its target, by objective."""
    from orchestration.cli.reports.values import published
    from publishing import reader
    from publishing.analysis.noise import with_usual

    company = Company.load()
    catalog = Catalog.read(company)
    releases = reader.query("select * from kpi.releases order by sequence desc limit 1")
    rows = with_usual(reader.newest_totals(catalog))
    incidents, scores = reader.incidents(), reader.scorecard()
    overdue = reader.overdue_reviews(clock.today(company.time_zone))
    if as_json:
        summary = {
            "scorecard": scores,
            "newest": rows,
            "held": reader.held(),
            "incidents": incidents,
            "reviews_overdue": overdue,
        }
        print_json({"release": releases[0] if releases else None, **summary})
        return
    published.scorecard(console(), company, catalog, releases, scores, rows, incidents, overdue)


@app.command(name="list")
def list_(as_json: Json = False) -> None:
    """The adopted KPIs, by domain."""
    from orchestration.cli.reports.values import published

    catalog = Catalog.read(Company.load())
    if as_json:
        print_json([kpi.model_dump(mode="json") for kpi in catalog.kpis])
        return
    published.print_catalog(console(), catalog)


@app.command()
def show(
    kpi_id: Annotated[str, typer.Argument(metavar="KPI")],
    freq: Freq = None,
    segment: Annotated[
        str | None, typer.Option(help="Cut by this segment, such as country, or a combination: country:channel.")
    ] = None,
    last: Last = 12,
    as_json: Json = False,
) -> None:
    """The published values of one KPI."""
    from orchestration.cli.reports.values import series
    from publishing import reader
    from publishing.analysis.noise import with_usual

    company = Company.load()
    catalog = Catalog.read(company)
    kpi = catalog.kpi(kpi_id)
    freq = published_freq(freq or kpi.main_freq, kpi)
    segment = canonical(segment) if segment else None
    if segment is not None and segment not in kpi.segments:
        problem = f"{kpi_id} is not cut by that segment{did_you_mean(segment, kpi.segments)}"
        raise NyckeltalError(problem, field="--segment", found=segment, expected=" or ".join(kpi.segments))
    rows = with_usual(reader.series(kpi_id, freq, segment or "_T", last))
    if as_json:
        print_json(rows)
        return
    held = [row["time_period"] for row in reader.held() if (row["kpi_id"], row["freq"]) == (kpi_id, freq)]
    series.print_series(console(), company, catalog, kpi, freq, rows, segment, held)


@app.command(context_settings={"ignore_unknown_options": True})  # a query may begin with a comment: `-- revenue`
def sql(
    query: Annotated[str, typer.Argument(help='Such as "from scorecard" or "from observations limit 10".')],
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with a header.")] = False,
    as_json: Json = False,
) -> None:
    """Query the published tables in SQL, read-only, also while a run is going on."""
    from orchestration.cli.reports.values import published
    from publishing import reader

    if as_csv and as_json:
        raise NyckeltalError("give --csv or --json, not both")
    names, rows = reader.table(query)
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    if as_csv:
        print_csv(names, rows)
        return
    published.print_query(console(), names, rows)
