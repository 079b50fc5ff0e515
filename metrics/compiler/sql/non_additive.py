"""The SQL of non-additive measures: distinct counts, quantiles and averages of each period, from the period's rows.

Pure text for rollups.py, which chooses the rows and periods. The CTEs read `fact` (day, a column per segment, a column
per measure), a relation with the days of each period, and the rollup's daily model. The SQL of quantiles in DuckDB is
in quantiles.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from metrics.compiler.measures import MeasureQuery
from metrics.compiler.plan import Rollup
from metrics.compiler.sql.cuts import (
    EACH_CUT,
    EACH_SPAN,
    NEXT_CUT,
    NEXT_SPAN,
    grouping_sets,
    member_column,
    more_columns,
    piece_ctes,
    segment_and_member,
)
from metrics.compiler.sql.quantiles import quantiles
from metrics.core.segments import identifier

_BITS = 62  # members per word: the bits of a BIGINT without its sign


def non_additive(rollup: Rollup, days: str, *, narrowed: bool) -> tuple[dict[str, str], list[str]]:
    """The CTEs of the rollup's non-additive measures, by their openings, and the names of the CTEs with the results.

    Results have the columns KEYS and one per measure. `days` is the relation with the days of each period. `narrowed`
    says whether quantiles are computed as in quantiles.py, which is for DuckDB, or by the engine's own aggregate.
    """
    distinct = [measure for measure in rollup.non_additive if measure.measure_class == "distinct"]
    quantile = [measure for measure in rollup.non_additive if measure.measure_class == "quantile" and narrowed]
    stocks = [measure for measure in rollup.non_additive if measure.measure_class == "stock of entities"]
    aggregates = [measure for measure in rollup.non_additive if measure not in (*distinct, *quantile, *stocks)]
    ctes: dict[str, str] = {}
    results = []
    if distinct or quantile:
        ctes |= {f"{name} AS": sql for name, sql in piece_ctes(rollup, days).items()}
    if distinct:
        ctes |= {f"{name} AS": sql for name, sql in _coded_rows(rollup).items()}
    measures_by_key: dict[str, list[MeasureQuery]] = {}
    for measure in distinct:
        measures_by_key.setdefault(measure.argument, []).append(measure)
    for key, measures in measures_by_key.items():
        name = measures[0].metric
        ctes[f"keys_of_{name} AS MATERIALIZED"] = _keys(key, measures)
        ctes[f"by_{name} AS"] = _key_counts(measures)
        results.append(f"by_{name}")
    measures_by_value: dict[str, list[MeasureQuery]] = {}
    for measure in quantile:
        measures_by_value.setdefault(measure.value, []).append(measure)
    for measures in measures_by_value.values():
        ctes |= quantiles(rollup, measures)
        results.append(f"by_{measures[0].metric}")
    for measure in stocks:
        ctes[f"by_{measure.metric} AS"] = _stock_of_entities(rollup, measure, days)
        results.append(f"by_{measure.metric}")
    if aggregates:
        ctes["computed AS"] = _aggregates(aggregates, days)
        results.append("computed")
    return ctes, results


def aggregate_sql(measure: MeasureQuery) -> str:
    """The SQL of the measure's aggregate over its column of `fact`."""
    return measure.aggregate.replace("{}", measure.metric)


def entity_columns(measure: MeasureQuery) -> list[str]:
    """The columns of `fact` with the keys of a stock of entities."""
    return [f"{measure.metric}_entity_{number}" for number in range(len(measure.entities))]


def _stock_of_entities(rollup: Rollup, measure: MeasureQuery, days: str) -> str:
    """The values per period and member over the rows of each entity's own last (or first) day; rows without one don't
    count."""
    entities = entity_columns(measure)
    conditions = [*(f"NOT {entity} IS NULL" for entity in entities)]
    conditions += [f"{measure.metric}_counts"] if measure.filter_sql else []
    cut_columns = segment_and_member(rollup).replace("\n", "\n    ")
    return f"""  {{% for freq, span in spans if span == 'period' %}}
  SELECT
    '{{{{ freq }}}}' AS freq,
    'period' AS span,
    period_start,
    {cut_columns},
    {aggregate_sql(measure)} AS {measure.metric}
  FROM (
    SELECT
      fact.*,
      period_start,
      RANK() OVER (
        PARTITION BY period_start, {", ".join(entities)} ORDER BY day{"" if measure.uses_first_day else " DESC"}
      ) AS days_before
    FROM fact
    INNER JOIN {days} USING (day)
    WHERE freq = '{{{{ freq }}}}' AND span = 'period' AND {" AND ".join(conditions)}
  ) AS ranked
  WHERE days_before = 1
  GROUP BY GROUPING SETS ({grouping_sets(rollup, "period_start")})
{NEXT_SPAN}"""


def _coded_rows(rollup: Rollup) -> dict[str, str]:
    """The CTEs that give each row its segment members as bits of one number, so that one pass covers all segments.

    A number (a word) has a bit for each of 62 members; further members get further words. Each row is there once for
    the first word, and once more for each of its members in a later word.
    """
    segments = [segment for segment, _ in rollup.segments]
    aliases = {segment: f"{identifier(segment)}_bits" for segment in segments}
    bits = "".join(f" | COALESCE({alias}.bit, 0)" for alias in aliases.values())
    first_word = "".join(
        f"\n  LEFT JOIN members AS {alias}\n    ON {_is_member(segment, alias)} AND {alias}.word = 0"
        for segment, alias in aliases.items()
    )
    later_words = "".join(
        f"\n  UNION ALL\n  SELECT fact.*, piece, members.word, members.bit AS bits\n  FROM fact\n"
        f"  INNER JOIN pieces USING (day)\n"
        f"  INNER JOIN members\n    ON {_is_member(segment, 'members')} AND members.word > 0"
        for segment in segments
    )
    return {
        "members": f"""  -- Each member is a bit of a word; the total is the first.
  SELECT
    segment,
    member,
    CAST(FLOOR(number / {_BITS}) AS INTEGER) AS word,
    CAST(1 AS BIGINT) << CAST(number % {_BITS} AS INTEGER) AS bit
  FROM (
    SELECT
      segment,
      member,
      ROW_NUMBER() OVER (ORDER BY CASE WHEN segment = '_T' THEN 0 ELSE 1 END, segment, member) - 1 AS number
    FROM {{{{ ref('rollup_{rollup.days}_daily') }}}}
    WHERE n_rows > 0
    GROUP BY segment, member
  ) AS numbered""",
        "segment_bits": """  SELECT segment, word, BIT_OR(bit) AS segment_bits
  FROM members
  GROUP BY segment, word""",
        "coded": f"""  SELECT fact.*, piece, 0 AS word, CAST(1 AS BIGINT){bits} AS bits
  FROM fact
  INNER JOIN pieces USING (day){first_word}{later_words}""",
    }


def _is_member(segment: str, members: str) -> str:
    return (
        f"{members}.segment = '{segment}'"
        f" AND {members}.member = COALESCE(CAST({member_column(segment)} AS STRING), '_U')"
    )


def _keys(key: str, measures: Sequence[MeasureQuery]) -> str:
    """The SELECT of the keys to count, once per piece and word, with the members that have rows of each key."""
    masks = [
        f"BIT_OR(bits) FILTER (WHERE {measure.metric}_counts) AS {measure.metric}"
        for measure in measures
        if measure.filter_sql
    ]
    return f"""  -- Each {key} once per piece, with the members that it is seen in.
  SELECT piece, word, {measures[0].metric} AS key, BIT_OR(bits) AS bits{more_columns(masks, "    ")}
  FROM coded
  GROUP BY piece, word, {measures[0].metric}"""


def _key_counts(measures: Sequence[MeasureQuery]) -> str:
    """The distinct counts per period and member.

    A period's keys are the distinct keys of its pieces. They are grouped by the set of members in which they occur,
    because there are few different sets.
    """
    filtered = [measure.metric for measure in measures if measure.filter_sql]
    counts = [
        f"CAST(SUM(n_keys){f' FILTER (WHERE {measure.metric} & bit <> 0)' if measure.filter_sql else ''} AS BIGINT)"
        f" AS {measure.metric}"
        for measure in measures
    ]
    own = more_columns([f"{name} & segment_bits AS {name}" for name in filtered], "      ")
    united = more_columns([f"BIT_OR({name}) AS {name}" for name in filtered], "        ")
    sets = "".join(f", {name} & segment_bits" for name in filtered)
    return f"""{EACH_SPAN}
  SELECT
    '{{{{ freq }}}}' AS freq,
    '{{{{ span }}}}' AS span,
    period_start,
    segment,
    member{more_columns(counts, "    ")}
  FROM (
    SELECT
      period_start,
      segment,
      word,
      COUNT(key) AS n_keys,
      bits & segment_bits AS bits{own}
    FROM (
      SELECT period_start, word, key, BIT_OR(bits) AS bits{united}
      FROM keys_of_{measures[0].metric}
      INNER JOIN period_pieces USING (piece)
      WHERE freq = '{{{{ freq }}}}' AND span = '{{{{ span }}}}'
      GROUP BY period_start, word, key
    ) AS keys
    INNER JOIN segment_bits USING (word)
    GROUP BY period_start, segment, word, bits & segment_bits{sets}
  ) AS sets
  INNER JOIN members USING (segment, word)
  WHERE bits & bit <> 0
  GROUP BY period_start, segment, member
{NEXT_SPAN}"""


def _aggregates(measures: Sequence[MeasureQuery], days: str) -> str:
    """The values per period and member by the engine's own aggregates."""
    return f"""{EACH_CUT}
  SELECT
    '{{{{ freq }}}}' AS freq,
    '{{{{ span }}}}' AS span,
    period_start,
    '{{{{ segment }}}}' AS segment,
    COALESCE(CAST({{{{ member }}}} AS STRING), '_U') AS member{
        more_columns([f"{aggregate_sql(measure)} AS {measure.metric}" for measure in measures], "    ")
    }
  FROM fact
  INNER JOIN {days} USING (day)
  WHERE freq = '{{{{ freq }}}}' AND span = '{{{{ span }}}}'
  GROUP BY period_start, {{{{ member }}}}
{NEXT_CUT}"""
