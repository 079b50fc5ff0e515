"""The commands that start Dagster: `kpi run` and `kpi dev`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from metrics.core import clock
from metrics.core.deployment import PROJECT
from metrics.core.errors import NyckeltalError
from metrics.core.periods import parse
from metrics.core.private_files import GROUP_AND_OTHERS_BITS, make_data_dir
from metrics.core.text import short_path
from metrics.definitions.company import Company
from orchestration.cli.options import Json
from orchestration.cli.terminal import FAILED, console, print_json, styled

HELP_ORDER = 3
app = typer.Typer()


@app.command()
def run(
    period: Annotated[
        str | None,
        typer.Option(help="Judge the months of this period too, such as 2026-10 or 2026-Q3, changed or not."),
    ] = None,
    whole_history: Annotated[bool, typer.Option("--history", help="Judge every month again.")] = False,
    as_json: Json = False,
) -> None:
    """Load the sources, build the models, judge and publish the KPIs: the job `refresh`.

    It judges the periods that are still open, were never judged or have changed since. It ends with
    status 1 when a KPI could not be built.
    """
    if period is not None and whole_history:
        raise NyckeltalError("give --period or --history, not both")
    if period is not None:
        parse(period)
    from orchestration import partitions
    from orchestration import run as main_job
    from orchestration.cli import stage_display
    from orchestration.cli.reports import lint as lint_report
    from orchestration.cli.reports.values import published
    from publishing import lint, reader
    from publishing.analysis.noise import with_usual

    company = Company.load()
    reader.restore()
    if period is not None:
        first, last = partitions.of_period(company, period)
    elif whole_history:
        first, last = partitions.history(company)
    else:
        month = partitions.present_month(company)
        first, last = month.start, month.end
    if as_json:
        result = main_job.run(company, first, last)
        summary = {"release": result.release, "held": result.release.held, "seconds": result.seconds}
        print_json({**summary, "not_built": result.build_failures}, _attributes)
        _require_built(result.build_failures)
        return
    terminal = console()  # made before the run, which redirects standard output
    with stage_display.shown(terminal) as stages:
        result = main_job.run(company, first, last, stages)
    rows = with_usual(reader.newest_totals(result.catalog))
    published.run_summary(terminal, company, result, rows, reader.incidents())
    lint_report.print_count(terminal, lint.findings(company, result.catalog, clock.today(company.time_zone)))
    _require_built(result.build_failures)


def _require_built(failures: Mapping[str, str]) -> None:
    """Ends the command with status 1 when KPIs could not be built; `failures` has their reasons by KPI."""
    if failures:
        count = f"{len(failures)} KPI{'s' * (len(failures) != 1)}"
        text = f"{count} could not be built ({', '.join(failures)}); their published values stay."
        console(stderr=True).print(styled(FAILED, text), highlight=False, soft_wrap=True)
        raise typer.Exit(1)


def _attributes(value: Any) -> Any:
    """What JSON shows of an object: its attributes, or its text when it has none."""
    return vars(value) if hasattr(value, "__dict__") else str(value)


@app.command()
def dev(port: Annotated[int, typer.Option(help="The port of the web page, on this machine only.")] = 3000) -> None:
    """Start Dagster's web page with the assets and schedules."""
    from orchestration import dagster_storage
    from orchestration.run import dagster_home

    Company.load()
    make_data_dir()
    os.umask(GROUP_AND_OTHERS_BITS)  # for all processes that Dagster starts
    home = dagster_home()
    dagster_storage.require_sound(home)
    os.environ["DAGSTER_HOME"] = str(home)
    # Dagster is silent for some seconds, while it reads the definitions.
    console().print(f"Starting Dagster: in half a minute its web page is at http://127.0.0.1:{port}")
    console().print(f"Its log follows; its runs are kept in {short_path(home)}. Ctrl-C ends it.", soft_wrap=True)
    sys.stdout.flush()  # this process becomes Dagster
    dagster = str(Path(sys.executable).with_name("dagster"))
    arguments = [dagster, "dev", "-w", str(PROJECT / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port)]
    os.execv(dagster, arguments)
