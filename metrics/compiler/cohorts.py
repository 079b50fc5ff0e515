"""Conversion metrics: each conversion is given to the base event that led to it, and counts on that event's day.

As in MetricFlow that is the newest event of the entity up to the conversion's day, within the window. Two things
differ. MetricFlow has no value where events led to nothing, here it is 0. And where an entity has several events on
that day, MetricFlow takes the segment members of any of them, here the first by name, so that runs agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from metrics.compiler.measures import Cohort, MeasureQuery, measure_query
from metrics.compiler.semantic_layer import SemanticLayer

# MetricFlow keeps the double underscore for itself, so that no metric has the name.
_CONVERSIONS = "__conversions"


def conversions_measure(metric: str, layer: SemanticLayer) -> str:
    """The name of the measure that counts a conversion metric's conversions: the metric's own unless it is a rate."""
    rate = layer.metrics[metric].type_params.conversion_type_params.calculation.value == "conversion_rate"
    return f"{metric}{_CONVERSIONS}" if rate else metric


def metric_of(measure: str) -> str:
    """The metric that a measure belongs to."""
    return measure.removesuffix(_CONVERSIONS)


def cohort_query(metric: str, segments: Sequence[str], layer: SemanticLayer, *, total: bool = True) -> MeasureQuery:
    """The conversions of a conversion metric, by the day of their base event and its segment members.

    Raises what `measure_query` raises for the base or the conversion metric.
    """
    parameters = layer.metrics[metric].type_params.conversion_type_params
    base, conversion = parameters.base_metric.name, parameters.conversion_metric.name
    keys = [(parameters.entity, parameters.entity)]
    keys += [
        (layer.group_by_name(base, one.base_property), layer.group_by_name(conversion, one.conversion_property))
        for one in parameters.constant_properties or ()
    ]
    window = parameters.window
    cohort = Cohort(
        name=f"{metric}_cohorts" if total else f"{metric}_cohorts_of_{segments[0]}",
        events=measure_query(base, list(dict.fromkeys([*segments, *(event for event, _ in keys)])), layer, total=total),
        conversions=measure_query(conversion, list(dict.fromkeys(one for _, one in keys)), layer),
        keys=tuple(keys),
        window=f"{window.count} {window.granularity}" if window else None,
    )
    # Distinct days too: those of the conversions don't follow from the day of the event.
    is_distinct = _is_distinct(cohort)
    return MeasureQuery(
        metric=conversions_measure(metric, layer),
        measure_class="distinct" if is_distinct else "rolls up",
        source=f"(SELECT * FROM __ref__{cohort.model}__ WHERE has_events) AS cohort",
        day="day",
        segments=tuple((segment, _member(segment)) for segment in segments),
        argument="converted",
        value="converted",
        counts=None,
        aggregate="COUNT(DISTINCT {})" if is_distinct else "SUM({})",
        roll_up=None if is_distinct else "SUM",
        first_day=False,
        total=total,
        days_of=conversions_measure(metric, layer),
        cohort=cohort,
    )


def attributed_sql(cohort: Cohort, segments: Sequence[str], *, incremental: bool) -> str:
    """One row per day of base events, combination of members and, for distinct counts, what converted; NULL if nothing.

    Incremental, each day carries `inputs`, a hash of the content of all events and conversions from that day to the end
    of its window: only where they differ is anything attributed again, from the first such day on.
    """
    if not incremental:
        return _attributed(cohort, segments, None)
    # The content tells of changed data; of a changed statement, its own hash does.
    return _attributed(cohort, segments, hashlib.sha256(_attributed(cohort, segments, "").encode()).hexdigest()[:16])


def _attributed(cohort: Cohort, segments: Sequence[str], code: str | None) -> str:
    members = [_member(segment) for segment in segments]
    keys = [f"{event}_key" for event, _ in cohort.keys]
    event_sql, conversion_sql = dict(cohort.events.segments), dict(cohort.conversions.segments)
    event_columns = [f"{event_sql[segment]} AS {_member(segment)}" for segment in segments]
    event_columns += [f"{event_sql[event]} AS {key}" for (event, _), key in zip(cohort.keys, keys, strict=True)]
    conversion_columns = [
        f"{conversion_sql[conversion]} AS {key}" for (_, conversion), key in zip(cohort.keys, keys, strict=True)
    ]
    value = cohort.conversions.argument
    events = _rows(cohort.events, event_columns)
    conversions = _rows(cohort.conversions, [*conversion_columns, f"{value} AS converted"])
    key_list, present = ", ".join(keys), " AND ".join(f"{key} IS NOT NULL" for key in keys)
    first = "".join(f", MIN({member}) AS {member}" for member in members)
    grouped = "".join(f", {member}" for member in members)
    within = f" AND day > conversion_day - INTERVAL {cohort.window}" if cohort.window else ""
    nothing, value, group = (
        ("NULL", "converted", ", converted") if _is_distinct(cohort) else ("0", "SUM(converted)", "")
    )
    kept, before, inputs, after = "", "", "", ""
    if code is not None:
        kept = " NOT MATERIALIZED"
        before = _reopened(cohort, [*members, *keys], [*keys, "converted"], code)
        inputs = ", inputs"
        after = """
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no events any more.
SELECT DISTINCT day, FALSE AS has_events
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}"""
    opened, since = ("reopened", " WHERE day >= (SELECT MIN(day) FROM changed)") if before else ("events", "")
    only = "\nINNER JOIN changed USING (day)" if before else ""
    return f"""WITH events AS{kept} (
{events}
), conversions AS{kept} (
{conversions}
), {before}event_days AS (
  -- Of several events on one day, the first member by name.
  SELECT day, {key_list}{first}
  FROM {opened}
  WHERE {present}
  GROUP BY day, {key_list}
), timeline AS (
  SELECT day, {key_list}, 0 AS is_conversion, NULL AS converted
  FROM event_days
  UNION ALL
  SELECT day, {key_list}, 1 AS is_conversion, converted
  FROM conversions{since}
), newest_events AS (
  SELECT
    {key_list},
    day AS conversion_day,
    is_conversion,
    converted,
    MAX(CASE WHEN is_conversion = 0 THEN day END) OVER (
      PARTITION BY {key_list} ORDER BY day, is_conversion ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS day
  FROM timeline
), cohort AS (
  SELECT day{grouped}, {nothing} AS converted
  FROM {opened}
  UNION ALL
  SELECT day{grouped}, converted
  FROM newest_events
  INNER JOIN event_days USING (day, {key_list})
  WHERE is_conversion = 1{within}
)
SELECT day{grouped}, {value} AS converted, TRUE AS has_events{inputs}
FROM cohort{only}
GROUP BY day{grouped}{group}{inputs}{after}
"""


def _reopened(cohort: Cohort, events: Iterable[str], conversions: Iterable[str], code: str) -> str:
    """The days whose cohorts differ from what was computed last, and the events from the first of them on."""
    within = f" AND cohort_days.day > versions.day - INTERVAL {cohort.window}" if cohort.window else ""
    return f"""versions AS (
{_version("events", events)}
  UNION ALL
{_version("conversions", conversions)}
), inputs AS (
  -- What each day's cohort depends on: all rows from its day to the end of its window.
  SELECT
    cohort_days.day,
    MD5(CONCAT('{code} ', STRING_AGG(CONCAT(versions.day, version), ' ' ORDER BY versions.day, version))) AS inputs
  FROM (SELECT DISTINCT day FROM events) AS cohort_days
  INNER JOIN versions
    ON versions.day >= cohort_days.day{within}
  GROUP BY cohort_days.day
), changed AS (
  SELECT day, inputs
  FROM inputs{{% if is_incremental() %}} ANTI JOIN {{{{ this }}}} USING (day, inputs){{% endif %}}
), reopened AS (
  SELECT *
  FROM events
  WHERE day >= (SELECT MIN(day) FROM changed)
), """


def _version(rows: str, columns: Iterable[str]) -> str:
    content = f"SUM(CAST(HASH({', '.join(columns)}) AS HUGEINT))"
    return f"  SELECT day, CONCAT_WS(' ', ' {rows}', COUNT(*), {content}) AS version\n  FROM {rows}\n  GROUP BY day"


def _rows(query: MeasureQuery, columns: Sequence[str]) -> str:
    listed = "".join(f",\n    {column}" for column in columns)
    only = f" AND {query.counts}" if query.counts else ""
    return f"  SELECT\n    {query.day} AS day{listed}\n  FROM {query.source}\n  WHERE {query.day} IS NOT NULL{only}"


def _is_distinct(cohort: Cohort) -> bool:
    return "DISTINCT" in cohort.conversions.aggregate


def _member(segment: str) -> str:
    return f"{segment}_member"
