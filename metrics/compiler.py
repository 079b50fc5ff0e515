"""From a KPI's plan to the SQL of its dbt model. Pure: the same plan gives the same text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp, parse_one

from metrics.planner import KpiPlan, Leaf, LeafGroup
from metrics.semantic import GRAINS, SemanticLayer

KEYS = ("freq", "period_start", "segment", "member")
_REF = re.compile(r'"?__ref__(\w+)__"?')


def kpi_sql(plan: KpiPlan, layer: SemanticLayer, definition_hash: str) -> str:
    """The dbt model of a KPI: one row per period of each frequency and member of each segment, and the total.

    Columns are those of `kpi.candidates` but for the candidate hash, which covers rows of several members.
    """
    kpi = plan.kpi
    final = exp.select(
        exp.alias_(exp.Literal.string(kpi.id), "kpi_id"),
        "freq",
        exp.alias_(exp.column("__time_period__"), "time_period"),
        "period_start",
        exp.alias_(exp.column("__period_end__"), "period_end"),
        "segment",
        "member",
        _cast(plan.value, "double", "obs_value"),
        _cast(plan.numerator, "double", "numerator"),
        _cast(plan.denominator, "double", "denominator"),
        _count(plan.n_obs, "n_obs"),
        _count(plan.n_persons_numerator, "n_persons_numerator"),
        _count(plan.n_persons_denominator, "n_persons_denominator"),
        exp.alias_(exp.Literal.string(definition_hash), "definition_hash"),
        exp.alias_(exp.Literal.string("__invocation_id__"), "batch_id"),
    ).from_(_joined(plan))
    ctes = [(group.name, leaf_select(group, layer, kpi.adoption.freqs, kpi.adoption.segments)) for group in plan.groups]
    for name, select in ctes:
        final = final.with_(name, select, copy=False)
    sql = final.sql(dialect="duckdb", pretty=True)
    sql = _REF.sub(lambda match: f"{{{{ ref('{match.group(1)}') }}}}", sql)
    sql = sql.replace("__time_period__", "{{ time_period('freq', 'period_start') }}")
    sql = sql.replace("__period_end__", "{{ period_end('freq', 'period_start') }}")
    sql = sql.replace("__invocation_id__", "{{ invocation_id }}")
    return (
        f"-- {kpi.definition.name} ({kpi.id}). Written by `kpi compile`; change the definition, not this file.\n{sql}\n"
    )


def leaf_select(
    group: LeafGroup, layer: SemanticLayer, freqs: Sequence[str], segments: Sequence[str]
) -> exp.Select | exp.Union:
    """The rows (freq, period_start, segment, member, one column per metric) of a leaf group."""
    if not group.stock:
        return _grouping_sets(layer.leaf_sql(group.metrics, freqs, segments), group.metrics, freqs, segments)
    selects: list[exp.Select] = [
        _grouping_sets(layer.leaf_sql(group.metrics, [freq], segments), group.metrics, [freq], segments)
        for freq in freqs
    ]
    return exp.union(*selects, distinct=False) if len(selects) > 1 else selects[0]


def candidates_sql(plans: Sequence[KpiPlan]) -> str:
    """The view that unites the KPIs' models and gives each (KPI, freq, period) the hash of its rows."""
    union = "\n    union all\n".join(f"    select * from {{{{ ref('{plan.kpi.model}') }}}}" for plan in plans)
    return f"""-- Every candidate of every adopted KPI. Written by `kpi compile`.
{{{{ config(materialized='view') }}}}

with observations as (

{union}

),

hashes as (

    -- Ten digits of canonical text: sums of DOUBLE differ between runs in their last ones.
    select
        kpi_id,
        freq,
        time_period,
        sha256(
            string_agg(
                concat_ws(
                    '|', segment, member,
                    coalesce(printf('%.9e', obs_value), ''),
                    coalesce(printf('%.9e', numerator), ''),
                    coalesce(printf('%.9e', denominator), ''),
                    coalesce(n_obs, -1), coalesce(n_persons_numerator, -1), coalesce(n_persons_denominator, -1),
                    definition_hash
                ),
                chr(10) order by segment, member
            )
        ) as candidate_hash
    from observations
    group by kpi_id, freq, time_period

)

select
    observations.* exclude (definition_hash, batch_id),
    observations.definition_hash,
    hashes.candidate_hash,
    observations.batch_id
from observations
inner join hashes using (kpi_id, freq, time_period)
"""


def _grouping_sets(sql: str, metrics: Sequence[str], freqs: Sequence[str], segments: Sequence[str]) -> exp.Select:
    """MetricFlow's query by every period and segment, regrouped into one grouping set for each of their pairs."""
    tree = parse_one(re.sub(r"_src_\d+\b", "", sql), dialect="duckdb")
    for node in tree.walk():
        node.comments = None
    for table in tree.find_all(exp.Table):
        if table.db:
            table.replace(exp.to_table(f"__ref__{table.name}__", alias=table.alias or table.name))
    assert isinstance(tree, exp.Select) and tree.args.get("group") is not None, "a leaf query ends in one GROUP BY"
    columns = {projection.alias_or_name: projection.unalias() for projection in tree.selects}
    times = {freq: columns[f"metric_time__{GRAINS[freq]}"] for freq in freqs}
    cuts = {segment: columns[segment] for segment in segments}

    sets = [
        f"({', '.join(part.sql(dialect='duckdb') for part in parts)})"
        for time in times.values()
        for parts in ([time], *([time, cut] for cut in cuts.values()))
    ]
    grouped = parse_one(f"SELECT 1 GROUP BY GROUPING SETS ({', '.join(sets)})", dialect="duckdb")
    tree.set("group", grouped.args["group"])
    tree.set(
        "expressions",
        [
            exp.alias_(_first_grouped({freq: exp.Literal.string(freq) for freq in freqs}, times), "freq"),
            exp.alias_(
                exp.cast(
                    exp.func("COALESCE", *times.values()) if len(times) > 1 else next(iter(times.values())).copy(),
                    "date",
                ),
                "period_start",
            ),
            exp.alias_(_first_grouped({cut: exp.Literal.string(cut) for cut in cuts}, cuts, "_T"), "segment"),
            exp.alias_(_first_grouped({cut: _member(column) for cut, column in cuts.items()}, cuts, "_T"), "member"),
            *(exp.alias_(columns[metric], metric) for metric in metrics),
        ],
    )
    # A row without a date belongs to no period.
    return tree.having(exp.column("period_start").is_(exp.null()).not_())


def _first_grouped(
    results: dict[str, exp.Expr], columns: dict[str, exp.Expr], otherwise: str | None = None
) -> exp.Expr:
    """CASE: the result of the column by which a row is grouped."""
    if otherwise is None and len(results) == 1:
        return next(iter(results.values()))
    if not results:
        return exp.Literal.string(str(otherwise))
    case = exp.Case()
    for name, result in results.items():
        grouped = parse_one(f"GROUPING({columns[name].sql(dialect='duckdb')}) = 0", dialect="duckdb")
        case = case.when(grouped, result)
    return case.else_(exp.Literal.string(otherwise)) if otherwise is not None else case


def _member(column: exp.Expr) -> exp.Expr:
    return exp.func("COALESCE", exp.cast(column.copy(), "text"), exp.Literal.string("_U"))


def _joined(plan: KpiPlan) -> exp.Select:
    """The leaf groups side by side, and beside them the earlier periods that the KPI looks at."""
    first, *others = plan.groups
    base = exp.select("*").from_(first.name)
    for other in others:
        base = base.join(other.name, using=list(KEYS), join_type="full outer")
    if not plan.offsets:
        return base.subquery("leaves", copy=False) if others else exp.to_table(first.name)  # type: ignore[return-value]
    # Left, not full: a period that has not come yet has no observation, though its year-ago one exists.
    earlier: list[exp.Expr] = []
    joined = exp.select("*").from_(base.subquery("now") if others else exp.to_table(first.name, alias="now"))
    for leaf in plan.offsets:
        group = next(group for group in plan.groups if leaf.metric in group.metrics)
        alias = leaf.column
        earlier.append(exp.alias_(exp.column(leaf.metric, table=alias), leaf.column))
        joined = joined.join(exp.to_table(group.name, alias=alias), on=_shifted(leaf, alias), join_type="left")
    joined.set("expressions", [exp.column(exp.Star(), table="now"), *earlier])
    return joined.subquery("leaves")  # type: ignore[return-value]


def _shifted(leaf: Leaf, alias: str) -> exp.Expr:
    count, unit = leaf.offset.split()
    return parse_one(
        f"now.freq = {alias}.freq AND now.segment = {alias}.segment AND now.member = {alias}.member"
        f" AND now.period_start = {alias}.period_start + INTERVAL {count} {unit}",
        dialect="duckdb",
    )


def _cast(expression: exp.Expr | None, kind: str, alias: str) -> exp.Expr:
    value = expression.copy() if expression is not None else exp.null()
    is_double = kind == "double" and isinstance(value, exp.Div)
    return exp.alias_(value if is_double else exp.cast(value, kind), alias)


def _count(expression: exp.Expr | None, alias: str) -> exp.Expr:
    """A count over leaves that were joined: a leaf without a row has counted nothing."""
    counted = exp.func("COALESCE", expression.copy(), exp.Literal.number(0)) if expression is not None else None
    return _cast(counted, "bigint", alias)
