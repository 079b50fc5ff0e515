"""The command `kpi`: arguments in, calls, and what a person or a program reads out. No logic of its own."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from metrics.core.deployment import PROJECT, data_dir
from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.core.periods import parse
from metrics.core.private_files import OTHERS, make_data_dir
from metrics.core.text import storable
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from metrics.definitions.kpi import require_adopted
from orchestration.cli import decide, ledger, lookup, new
from orchestration.cli.terminal import DONE, FAILED, console, print_csv, print_json, styled

app = typer.Typer(
    name="kpi", help="Governed KPIs: define, compile, run, look up.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip
app.add_typer(lookup.app)
app.add_typer(decide.app)
app.add_typer(ledger.app, name="ledger")
app.add_typer(new.app, name="new")
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


@app.command()
def run(
    period: Annotated[
        str | None, typer.Option(help="Not the open months, but those of this period, such as 2026-10 or 2026-Q3.")
    ] = None,
    whole: Annotated[bool, typer.Option("--history", help="Judge every month again.")] = False,
    as_json: Json = False,
) -> None:
    """Bring in the sources, build, judge and publish: the job `refresh`.

    Judged are the months that are still open, and what was never judged or has changed since. It ends with status 1
    when a KPI could not be built.
    """
    if period is not None and whole:
        raise NyckeltalError("give --period or --history, not both")
    if period is not None:
        parse(period)
    from orchestration import partitions
    from orchestration import run as main_job
    from orchestration.cli import report, stage_display
    from publishing import reader

    company = Company.load()
    reader.restore()
    if period is not None:
        first, last = partitions.of_period(company, period)
    elif whole:
        first, last = partitions.history(company)
    else:
        first, last = partitions.still_open(company)
    if as_json:
        result = main_job.run(company, first, last)
        done = {"release": result.release, "held": result.release.held, "seconds": result.seconds}
        print_json({**done, "not_built": result.build_failures}, _plain)
        _require_built(result.build_failures)
        return
    terminal = console()  # this very stream, also while the run sends what libraries print elsewhere
    with stage_display.shown(terminal) as stages:
        result = main_job.run(company, first, last, stages)
    report.run_summary(terminal, company, result, reader.newest_totals(result.catalog), reader.incidents())
    _require_built(result.build_failures)


def _require_built(failures: Mapping[str, str]) -> None:
    """Ends a run with status 1, after its summary, when KPIs were not built."""
    if failures:
        count = f"{len(failures)} KPI{'s' * (len(failures) != 1)}"
        text = f"{count} could not be built ({', '.join(failures)}); what was published of them stands."
        console(stderr=True).print(styled(FAILED, text), highlight=False, soft_wrap=True)
        raise typer.Exit(1)


@app.command()
def check(as_json: Json = False) -> None:
    """Check the company's feeds and KPI definitions; report every finding at once."""
    from metrics.versioning import reviewed
    from orchestration.dbt.planning import planned
    from orchestration.dbt.released import anything_released

    company = Company.load()
    plan = planned(company, bound=True)
    reviewed.review(company, plan.currents, released=anything_released())
    domains = sorted({one.plan.kpi.domain for one in plan.kpis})
    undecided = [domain for domain in domains if not company.roles.deciders(domain)]
    if as_json:
        found = {"company": company.name, "feeds": len(company.feeds), "kpis": len(plan.kpis), "findings": []}
        print_json({**found, "nobody_decides_for": undecided, "read_whole": plan.read_whole})
        return
    terminal = console()
    terminal.print(styled(DONE, f"{company.name}: {len(company.feeds)} feeds and {len(plan.kpis)} KPIs are right."))
    if undecided:
        terminal.print(f"  roles.yml names nobody who may decide on held values of {', '.join(undecided)}.")
    _tell_read_whole(plan.read_whole)


def _tell_read_whole(models: Sequence[Mapping[str, Any]]) -> None:
    """Print which models' columns can't be told apart, and what is the reason."""
    for one in models:
        console().print(
            f"  {one['file']}: which columns it needs can't be told, because of: {one['statement']}. Until that is"
            f" written otherwise, all columns of {', '.join(one['feeds'])} are watched, and no key that it joins by.",
            highlight=False,
        )


@app.command(name="compile")
def compile_(
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when a file isn't up to date.")
    ] = False,
    engine: Annotated[str, typer.Option(help="duckdb, or spark to read its SQL; that isn't what runs.")] = "duckdb",
    out: Annotated[Path | None, typer.Option(help="With --engine spark: the folder to write to.")] = None,
) -> None:
    """Write the company's compiled models and catalogue from its definitions."""
    from metrics import compiled_folder
    from metrics.versioning import reviewed
    from orchestration.dbt.planning import planned
    from orchestration.dbt.released import anything_released

    company = Company.load()
    if engine not in ("duckdb", "spark"):
        raise NyckeltalError(
            f"there is no such engine{did_you_mean(engine, ['duckdb', 'spark'])}", field="--engine", found=engine,
            expected="duckdb or spark",
        )  # fmt: skip
    if engine == "spark":
        _compile_for_spark(company, check_only, out)
        return
    plan = planned(company, bound=True)
    changed_definitions = reviewed.unreviewed(company, plan.currents)
    files = compiled_folder.compile_company(company, plan, released=anything_released())
    if check_only:
        compiled_folder.require_current(company, files)
        console().print(styled(DONE, f"{len(files)} compiled files are up to date."))
    else:
        changed = compiled_folder.write(company, files)
        terminal = console()
        terminal.print(styled(DONE, f"{len(files)} files compiled, {len(changed)} changed."))
        for name in changed:
            terminal.print(f"  {os.path.normpath(f'compiled/{name}')}", highlight=False)
        if changed_definitions:
            listed = ", ".join(changed_definitions)
            terminal.print(f"  Nothing was released yet, so these changed without a review: {listed}.", highlight=False)
    _tell_read_whole(plan.read_whole)


@app.command()
def refactored(
    kpi_ids: Annotated[list[str] | None, typer.Argument(metavar="[KPI]…", help="The KPIs; none with --all.")] = None,
    reason: Annotated[str, typer.Option(help="Why every value stays what it is.")] = "",
    by: Annotated[
        str, typer.Option(envvar="USER", help="Who says so, as in roles.yml; recorded, not authenticated.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Every KPI whose definition changed.")] = False,
) -> None:
    """Record that a changed definition gives the same values, so that its version stays; then compile.

    The next run computes it from the rows that the definition before it was computed from. Until that has given the
    same values, every value by it is held.
    """
    if not reason.strip() or not by.strip():
        field = "--by" if reason.strip() else "--reason"
        raise NyckeltalError("a refactoring needs a reason, and who reviewed it", field=field)
    if every == bool(kpi_ids):
        raise NyckeltalError("name the KPIs, or give --all")
    company = Company.load()
    require_adopted(company, kpi_ids or ())
    from metrics import compiled_folder
    from metrics.versioning import reviewed
    from orchestration.dbt.planning import planned

    plan = planned(company)
    recorded = reviewed.record_refactoring(
        company, plan.currents, None if every else kpi_ids, reason.strip(), by.strip()
    )
    terminal = console()
    terminal.print(styled(DONE, f"Recorded as refactored by {by}: {', '.join(recorded) or 'none'}."))
    if waiting := reviewed.unreviewed(company, plan.currents):
        listed = ", ".join(waiting)
        terminal.print(f"  Not compiled yet: {listed} changed, too; `kpi check` says what to do.", highlight=False)
        return
    compiled_folder.write(company, compiled_folder.compile_company(company, plan))
    if recorded:
        terminal.print("  The next run proves it on the same rows; what gives other values is held.")


def _compile_for_spark(company: Company, check_only: bool, out: Path | None) -> None:
    from metrics import compiled_folder
    from orchestration.dbt.planning import planned

    if check_only or out is None:
        raise NyckeltalError("the SQL for Spark is written to a folder of its own", field="--out", expected="a folder")
    files = compiled_folder.whole_tables(planned(company, "spark"))
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (out / name).write_text(text, encoding="utf-8")
    console().print(styled(DONE, f"{len(files)} models for Spark written to {out}."), highlight=False)


@app.command()
def plan(
    kpi_id: Annotated[str | None, typer.Argument(metavar="[KPI]", help="Explain this KPI down to its columns.")] = None,
) -> None:
    """How the KPIs are computed: the scans, the leaves that share each, and what rolls up to what."""
    company = Company.load()
    if kpi_id is not None:
        require_adopted(company, [kpi_id])
    from orchestration.cli import plan_report
    from orchestration.dbt.planning import planned

    plan = planned(company)
    if kpi_id is None:
        plan_report.company_plan(console(), plan)
        return
    (one,) = (one.plan for one in plan.kpis if one.plan.kpi.id == kpi_id)
    plan_report.kpi_plan(console(), one, plan)


@app.command(name="list")
def list_(as_json: Json = False) -> None:
    """The adopted KPIs, by domain."""
    from orchestration.cli import report

    catalog = Catalog.read(Company.load())
    if as_json:
        print_json([kpi.model_dump(mode="json") for kpi in catalog.kpis])
        return
    report.print_catalog(console(), catalog)


@app.command()
def show(
    kpi_id: Annotated[str, typer.Argument(metavar="KPI")],
    freq: Annotated[str | None, typer.Option(help="W, M, Q or A; else M, or what there is.")] = None,
    segment: Annotated[str | None, typer.Option(help="Cut by this segment, such as country.")] = None,
    last: Annotated[int, typer.Option(min=1, help="How many periods, counted back from the newest.")] = 12,
    as_json: Json = False,
) -> None:
    """The published values of one KPI."""
    from orchestration.cli import report
    from publishing import reader

    company = Company.load()
    catalog = Catalog.read(company)
    kpi = catalog.kpi(kpi_id)
    freq = lookup.known_freq(freq or kpi.main_freq, kpi)
    if segment is not None and segment not in kpi.segments:
        problem = f"{kpi_id} is not cut by that segment{did_you_mean(segment, kpi.segments)}"
        raise NyckeltalError(problem, field="--segment", found=segment, expected=" or ".join(kpi.segments))
    rows = reader.series(kpi_id, freq, segment or "_T", last)
    if as_json:
        print_json(rows)
        return
    held = [row["time_period"] for row in reader.held() if (row["kpi_id"], row["freq"]) == (kpi_id, freq)]
    report.print_series(console(), company, catalog, kpi, freq, rows, segment, held)


@app.command()
def status(as_json: Json = False) -> None:
    """Where things stand: what is held and why, reviews overdue, each KPI's newest value, the newest release."""
    from orchestration.cli import report
    from publishing import reader

    company = Company.load()
    catalog = Catalog.read(company)
    releases = reader.query("select * from kpi.releases order by sequence desc limit 1")
    rows = reader.newest_totals(catalog)
    incidents = reader.incidents()
    overdue = report.overdue_reviews(catalog, reader.reviews(), company.time_zone)
    if as_json:
        found = {"newest": rows, "held": reader.held(), "incidents": incidents, "reviews_overdue": overdue}
        print_json({"release": releases[0] if releases else None, **found})
        return
    report.status(console(), company, catalog, releases, rows, incidents, overdue)


@app.command(
    context_settings={"ignore_unknown_options": True}
)  # a query may begin with a comment, as in `-- what it asks`
def sql(
    query: Annotated[str, typer.Argument(help='Such as "from kpi.observations limit 10".')],
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with a header.")] = False,
    as_json: Json = False,
) -> None:
    """Ask the published tables in SQL, read-only, also while a run goes on."""
    from orchestration.cli import report
    from publishing import reader

    if as_csv and as_json:
        raise NyckeltalError("give --csv or --json, not both")
    if as_json:
        print_json(reader.query(query))
        return
    names, rows = reader.table(query)
    if as_csv:
        print_csv(names, rows)
        return
    report.print_query(console(), names, rows)


@app.command()
def dev(port: Annotated[int, typer.Option(help="The port of the web page, on this machine only.")] = 3000) -> None:
    """Dagster's web page over the assets, with its schedules."""
    from orchestration import dagster_storage
    from orchestration.run import dagster_home

    Company.load()
    make_data_dir()
    os.umask(OTHERS)  # for all processes that Dagster starts
    home = dagster_home()
    dagster_storage.require_sound(home)
    os.environ["DAGSTER_HOME"] = str(home)
    dagster = str(Path(sys.executable).with_name("dagster"))
    arguments = [dagster, "dev", "-w", str(PROJECT / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port)]
    os.execv(dagster, arguments)


def _plain(value: Any) -> Any:
    return vars(value) if hasattr(value, "__dict__") else str(value)


def main() -> None:
    """Runs the command; a user's mistake ends it with one line on standard error and exit status 2."""
    try:
        for number, argument in enumerate(sys.argv[1:], 1):
            if not storable(argument):
                raise NyckeltalError("is not UTF-8 text, so it can't be stored", field=f"argument {number}")
        app()
    except NyckeltalError as error:
        console(stderr=True).print(styled(FAILED, str(error)), highlight=False, soft_wrap=True)
        sys.exit(2)
    except OSError as error:
        reason = f"{error.filename or data_dir()}: {error.strerror}"
        console(stderr=True).print(styled(FAILED, reason), soft_wrap=True)
        sys.exit(2)


def command() -> NoReturn:
    """The script `kpi`: runs the command in a process of its own, and ends that."""
    # Nearly all that a command makes lives until its end; a run would look through it for garbage for two seconds.
    gc.disable()
    status = 0
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, int):
            status = end.code
        elif end.code is not None:  # a text is what went wrong, as the interpreter takes it
            sys.stderr.write(f"{end.code}\n")
            status = 1
    # What a run has imported takes the interpreter two seconds to take apart; nothing is left to be written then.
    atexit._run_exitfuncs()
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    command()
