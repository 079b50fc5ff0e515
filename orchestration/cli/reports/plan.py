"""What `kpi plan` prints: how all KPIs are computed, and how one KPI is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from metrics.company_plan import CompanyPlan
from metrics.compiler.measures import MeasureClass, MeasureQuery
from metrics.compiler.plan import KpiPlan, Rollup
from metrics.compiler.sql.rollups import referenced
from orchestration.cli.tables import Cell, Column, print_record, print_with_notes
from orchestration.cli.terminal import styled

PERIOD_VALUES: dict[MeasureClass, str] = {
    "rolls up": "{roll_up} of its days",
    "stock": "its {day} day with rows",
    "stock of entities": "over each entity's {day} day with rows",
    "distinct": "counted over all its rows",
    "quantile": "found by counting all its rows in bins",
    "average": "computed over all its rows",
}
_WINDOW_END = {
    "first": "up to the period's first day",
    "last": "up to the period's last day",
    "average": "up to each day of the period; the mean of these",
}


def print_company_plan(console: Console, planned: CompanyPlan) -> None:
    """Print a row for each rollup: the models that it reads, its day column and its segments.

    Below it are its measures, grouped by how a period's value is computed, and the KPIs that use it.
    """
    rows: list[tuple[list[Cell], Text]] = []
    for rollup in planned.rollups:
        by_computation: dict[str, list[str]] = defaultdict(list)
        for measure in rollup.measures:
            by_computation[_period_value(measure)].append(measure.metric)
        lines = [styled(f"{', '.join(names)}: ", (computation, "dim")) for computation, names in by_computation.items()]
        lines.append(styled(("for ", "dim"), ", ".join(rollup.kpi_ids)))
        cut = ", ".join(name for name, _ in rollup.segments) or "nothing"
        rows.append(([" + ".join(rollup.models), _day(rollup), cut], styled("\n").join(lines)))
    columns = [Column("scan of", wraps=True), Column("by day"), Column("cut by", wraps=True)]
    title = "The scans; below each its measures, how a period's value of each is computed, and the KPIs"
    print_with_notes(console, columns, rows, title=title)
    measures = sum(len(rollup.measures) for rollup in planned.rollups)
    scans = sum(rollup.window is None for rollup in planned.rollups)
    recounted = sum(bool(rollup.non_additive) for rollup in planned.rollups)
    adoptions = [defined_kpi.plan.kpi.adoption for defined_kpi in planned.kpis]
    queries = sum(len(adoption.freqs) * (1 + len(adoption.segments)) for adoption in adoptions)
    console.print(
        f"{len(planned.kpis)} KPIs, {queries} combinations of KPI, frequency and segment, {measures} measures: "
        f"{scans} scans by day, and {recounted} more for non-additive measures, which can't be added up from days. "
        "After the first run, only days and periods whose rows changed are scanned."
    )


def print_kpi_plan(console: Console, plan: KpiPlan, planned: CompanyPlan) -> None:
    """Print the formula of a KPI, and each of its measures down to the columns that it reads."""
    definition, adoption = plan.kpi.definition, plan.kpi.adoption
    title = styled((definition.name, "bold"), f" ({plan.kpi.id}): metric {definition.metric}")
    console.print(title, highlight=False)
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, text in _formula_parts(plan):
        table.add_row(f"  {name}", text)
    table.add_row("  frequencies", " ".join(adoption.freqs))
    table.add_row("  cut by", ", ".join(adoption.segments) or "nothing")
    table.add_row("  to date", "year to date and rolling 12 months" if plan.to_date else "no")
    console.print(table, highlight=False)
    for rollup, measure in _measures(plan, planned):
        fields = [
            ("class", "cumulative" if measure.window else "conversion" if measure.cohort else measure.measure_class),
            ("over the rows of", _rows_of(measure)),
            ("by", _day(rollup)),
            ("aggregate", measure.aggregate.replace("{}", measure.value)),
            ("a period's value", _period_value(measure)),
            ("model", f"rollup_{rollup.name}"),
        ]
        print_record(console, f"measure {measure.metric}", fields)


def _formula_parts(kpi_plan: KpiPlan) -> Iterator[tuple[str, str]]:
    """The parts of the KPI's formula: label and SQL."""
    yield "value", kpi_plan.value.sql(dialect="duckdb")
    if kpi_plan.denominator is not None:
        yield "numerator", kpi_plan.numerator.sql(dialect="duckdb")
        yield "denominator", kpi_plan.denominator.sql(dialect="duckdb")
    yield "observations", kpi_plan.n_obs.sql(dialect="duckdb")
    for measure in kpi_plan.offsets:
        yield measure.column, f"{measure.metric} of {measure.offset} before, from the periods computed already"
    if kpi_plan.lookback:
        yield "looks back", kpi_plan.lookback


def _measures(kpi_plan: KpiPlan, planned: CompanyPlan) -> Iterator[tuple[Rollup, MeasureQuery]]:
    for rollup in planned.rollups:
        for measure in rollup.measures:
            if measure.metric in kpi_plan.measures:
                yield rollup, measure


def _day(rollup: Rollup) -> str:
    day = rollup.cohort.events.day if rollup.cohort else rollup.day
    return day.removeprefix("CAST(").removesuffix(" AS DATE)")


def _rows_of(measure: MeasureQuery) -> str:
    if (cohort := measure.cohort) is None:
        return referenced(measure.source, "{}")
    keys = " and ".join(
        key if key == conversion_key else f"{key} = {conversion_key}" for key, conversion_key in cohort.keys
    )
    events, conversions = (referenced(query.source, "{}") for query in (cohort.events, cohort.conversions))
    before = f"at most {cohort.window} before it" if cohort.window else "at any time before it"
    return f"{conversions}, each with the newest row of {events} with the same {keys}, {before}"


def _period_value(measure: MeasureQuery) -> str:
    """How a period's value of the measure is computed, in words."""
    words = PERIOD_VALUES[measure.measure_class].format(
        roll_up=(measure.roll_up or "").lower(), day="first" if measure.uses_first_day else "last"
    )
    if measure.cohort:
        return f"{words}, each conversion on the day of its {measure.cohort.events.metric}"
    if measure.window is None:
        return words
    window = measure.window
    extent = f"the {window.length}s" if window.length else f"the {window.since}" if window.since else "all days"
    return f"{measure.daily_measure}, {words}: over {extent} {_WINDOW_END[window.period_agg]}"
