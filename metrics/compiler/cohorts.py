"""Conversion metrics: each conversion is attributed to one base event and counts on the day of that event.

As in MetricFlow, that is the newest event of the same entity up to the conversion's day, within the window. Two things
differ from MetricFlow. It has no value where no event has a conversion; here the value is 0. Where an entity has
several events on one day, MetricFlow takes the segment members of any of them; here they are the first by name, so that
all runs give the same result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from metrics.compiler.measures import Cohort, MeasureQuery, measure_query
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.segments import identifier

# No metric's name contains a double underscore: MetricFlow reserves it.
_CONVERSIONS = "__conversions"


def conversions_measure(metric: str, layer: SemanticLayer) -> str:
    """The name of the measure that counts a conversion metric's conversions: the metric's name, unless it is a rate."""
    rate = layer.metrics[metric].type_params.conversion_type_params.calculation.value == "conversion_rate"
    return f"{metric}{_CONVERSIONS}" if rate else metric


def metric_of(measure: str) -> str:
    """The metric that a measure belongs to."""
    return measure.removesuffix(_CONVERSIONS)


def cohort_query(
    metric: str, segments: Sequence[str], layer: SemanticLayer, *, includes_total: bool = True
) -> MeasureQuery:
    """The conversions of a conversion metric, by the day and the segment members of their base event.

    Raises what `measure_query` raises for the base or the conversion metric.
    """
    parameters = layer.metrics[metric].type_params.conversion_type_params
    base, conversion = parameters.base_metric.name, parameters.conversion_metric.name
    keys = [(parameters.entity, parameters.entity)]
    keys += [
        (
            layer.group_by_name(base, constant_property.base_property),
            layer.group_by_name(conversion, constant_property.conversion_property),
        )
        for constant_property in parameters.constant_properties or ()
    ]
    event_segments = list(dict.fromkeys([*segments, *(event_key for event_key, _ in keys)]))
    conversion_segments = list(dict.fromkeys(conversion_key for _, conversion_key in keys))
    window = parameters.window
    cohort = Cohort(
        name=f"{metric}_cohorts" if includes_total else f"{metric}_cohorts_of_{identifier(segments[0])}",
        events=measure_query(base, event_segments, layer, includes_total=includes_total),
        conversions=measure_query(conversion, conversion_segments, layer),
        keys=tuple(keys),
        window=f"{window.count} {window.granularity}" if window else None,
    )
    # Distinct days don't roll up here either: the days of the conversions differ from the day of the event.
    is_distinct = _is_distinct(cohort)
    return MeasureQuery(
        metric=conversions_measure(metric, layer),
        measure_class="distinct" if is_distinct else "rolls up",
        source=f"(SELECT * FROM __ref__{cohort.model}__ WHERE has_events) AS cohort",
        day="day",
        segments=tuple((segment, _member(segment)) for segment in segments),
        argument="converted",
        value="converted",
        filter_sql=None,
        aggregate="COUNT(DISTINCT {})" if is_distinct else "SUM({})",
        roll_up=None if is_distinct else "SUM",
        uses_first_day=False,
        includes_total=includes_total,
        daily_measure=conversions_measure(metric, layer),
        cohort=cohort,
    )


def attributed_sql(cohort: Cohort, segments: Sequence[str], *, incremental: bool) -> str:
    """SQL of the attributed conversions: a row per day of base events, combination of members and, for distinct counts,
    converted key.

    Columns: day, a member per segment, converted (the key, or the sum of conversions; NULL or 0 without any),
    has_events and, if incremental, inputs. `inputs` is a hash of the content of all events and conversions from that
    day to the end of its window. Only if it differs for some day, conversions are attributed anew, from the first such
    day on.
    """
    if not incremental:
        return _attributed(cohort, segments, None)
    # `inputs` also contains the hash of the statement itself, so that a changed statement changes it too.
    return _attributed(cohort, segments, hashlib.sha256(_attributed(cohort, segments, "").encode()).hexdigest()[:16])


def _attributed(cohort: Cohort, segments: Sequence[str], code: str | None) -> str:
    """The statement; incremental if `code` is given, the hash of the statement itself."""
    members = [_member(segment) for segment in segments]
    keys = [f"{event_key}_key" for event_key, _ in cohort.keys]
    event_sql, conversion_sql = dict(cohort.events.segments), dict(cohort.conversions.segments)
    event_columns = [f"{event_sql[segment]} AS {_member(segment)}" for segment in segments]
    event_columns += [
        f"{event_sql[event_key]} AS {column}" for (event_key, _), column in zip(cohort.keys, keys, strict=True)
    ]
    conversion_columns = [
        f"{conversion_sql[conversion_key]} AS {column}"
        for (_, conversion_key), column in zip(cohort.keys, keys, strict=True)
    ]
    events = _rows(cohort.events, event_columns)
    conversions = _rows(cohort.conversions, [*conversion_columns, f"{cohort.conversions.argument} AS converted"])
    key_list, has_keys = ", ".join(keys), " AND ".join(f"{key} IS NOT NULL" for key in keys)
    first_members = "".join(f", MIN({member}) AS {member}" for member in members)
    member_list = "".join(f", {member}" for member in members)
    in_window = f" AND day > conversion_day - INTERVAL {cohort.window}" if cohort.window else ""
    no_conversion, converted, converted_key = (
        ("NULL", "converted", ", converted") if _is_distinct(cohort) else ("0", "SUM(converted)", "")
    )
    materialization, changed_ctes, inputs, removed_days = "", "", "", ""
    if code is not None:
        materialization = " NOT MATERIALIZED"
        changed_ctes = _changed_ctes(cohort, [*members, *keys], [*keys, "converted"], code)
        inputs = ", inputs"
        removed_days = """
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no events any more.
SELECT DISTINCT day, FALSE AS has_events
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}"""
    open_events, from_first_change = "events", ""
    only_changed = ""
    if changed_ctes:
        open_events, from_first_change = "reopened", " WHERE day >= (SELECT MIN(day) FROM changed)"
        only_changed = "\nINNER JOIN changed USING (day)"
    return f"""WITH events AS{materialization} (
{events}
), conversions AS{materialization} (
{conversions}
), {changed_ctes}event_days AS (
  -- Of several events on one day, the first member by name.
  SELECT day, {key_list}{first_members}
  FROM {open_events}
  WHERE {has_keys}
  GROUP BY day, {key_list}
), timeline AS (
  SELECT day, {key_list}, 0 AS is_conversion, NULL AS converted
  FROM event_days
  UNION ALL
  SELECT day, {key_list}, 1 AS is_conversion, converted
  FROM conversions{from_first_change}
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
  SELECT day{member_list}, {no_conversion} AS converted
  FROM {open_events}
  UNION ALL
  SELECT day{member_list}, converted
  FROM newest_events
  INNER JOIN event_days USING (day, {key_list})
  WHERE is_conversion = 1{in_window}
)
SELECT day{member_list}, {converted} AS converted, TRUE AS has_events{inputs}
FROM cohort{only_changed}
GROUP BY day{member_list}{converted_key}{inputs}{removed_days}
"""


def _changed_ctes(cohort: Cohort, event_columns: Iterable[str], conversion_columns: Iterable[str], code: str) -> str:
    """The CTEs with the days whose cohorts have changed since the last run, and with the events from the first on."""
    in_window = f" AND cohort_days.day > versions.day - INTERVAL {cohort.window}" if cohort.window else ""
    return f"""versions AS (
{_version("events", event_columns)}
  UNION ALL
{_version("conversions", conversion_columns)}
), inputs AS (
  -- What each day's cohort depends on: all rows from its day to the end of its window.
  SELECT
    cohort_days.day,
    MD5(CONCAT('{code} ', STRING_AGG(CONCAT(versions.day, version), ' ' ORDER BY versions.day, version))) AS inputs
  FROM (SELECT DISTINCT day FROM events) AS cohort_days
  INNER JOIN versions
    ON versions.day >= cohort_days.day{in_window}
  GROUP BY cohort_days.day
), changed AS (
  SELECT day, inputs
  FROM inputs{{% if is_incremental() %}} ANTI JOIN {{{{ this }}}} USING (day, inputs){{% endif %}}
), reopened AS (
  SELECT *
  FROM events
  WHERE day >= (SELECT MIN(day) FROM changed)
), """


def _version(relation: str, columns: Iterable[str]) -> str:
    """The SELECT of a text per day that changes with the content of the relation's rows of that day."""
    content = f"SUM(CAST(HASH({', '.join(columns)}) AS HUGEINT))"
    version = f"CONCAT_WS(' ', ' {relation}', COUNT(*), {content})"
    return f"  SELECT day, {version} AS version\n  FROM {relation}\n  GROUP BY day"


def _rows(query: MeasureQuery, columns: Sequence[str]) -> str:
    column_list = "".join(f",\n    {column}" for column in columns)
    condition = f"{query.day} IS NOT NULL" + (f" AND {query.filter_sql}" if query.filter_sql else "")
    return f"  SELECT\n    {query.day} AS day{column_list}\n  FROM {query.source}\n  WHERE {condition}"


def _is_distinct(cohort: Cohort) -> bool:
    return "DISTINCT" in cohort.conversions.aggregate


def _member(segment: str) -> str:
    return f"{identifier(segment)}_member"
