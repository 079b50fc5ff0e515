"""The SQL of quantiles: counting shows which few rows can hold a period's quantile, and only those rows are sorted.

Pure text for non_additive.py, in DuckDB's SQL. The engine's own aggregate would hold all values of a group in memory,
for every frequency and segment again. Here all values are counted once, by piece, member and bin; a bin is a range of
values. The counts are summed for every period and member, and show in which bins the ranks of its quantile are.
Only the values of these bins, a few percent of all, are then read and ranked. The macros in quantiles.sql assign values
to bins and interpolate between two neighbouring values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from metrics.compiler.measures import MeasureQuery
from metrics.compiler.plan import Rollup
from metrics.compiler.sql.cuts import KEYS, grouping_sets, member_column, more_columns, segment_and_member

_AGGREGATE = re.compile(r"(PERCENTILE_\w+)\((.+)\) WITHIN GROUP \(ORDER BY \{\}\)")


def quantiles(rollup: Rollup, measures: Sequence[MeasureQuery]) -> dict[str, str]:
    """The CTEs, by their openings, of quantiles of the same value; the last, `by_<first measure>`, has the results.

    The results have the columns KEYS and one per measure. The CTEs read `fact` and those of `cuts.piece_ctes`. A period
    in which no row has a value gets a total row with NULL.
    """
    name, keys = measures[0].metric, ", ".join(KEYS)
    members = more_columns([member_column(segment) for segment, _ in rollup.segments], "    ")
    member_by_segment = {"_T": "'_T'"} | {
        segment: f"COALESCE(CAST({member_column(segment)} AS STRING), '_U')" for segment, _ in rollup.segments
    }
    shares = [_function_and_share(measure)[1] for measure in measures]
    cut_columns = segment_and_member(rollup).replace("\n", "\n    ")
    ranks = [f"{measure.metric}_rank" for measure in measures]
    rank_columns = [f"{_rank(measure)} AS {rank}" for measure, rank in zip(measures, ranks, strict=True)]
    has_rank = " OR ".join(f"(below <= CEIL({rank}) AND below + n > FLOOR({rank}))" for rank in ranks)
    neighbours = [column for rank in ranks for column in _neighbours(rank)]
    values = [
        "{{ "
        + f"interpolated('{measure.metric}_lower', '{measure.metric}_upper', '{rank}')"
        + " }} AS "
        + measure.metric
        for measure, rank in zip(measures, ranks, strict=True)
    ]
    return {
        f"values_of_{name} AS NOT MATERIALIZED": f"""  SELECT
    piece{members},
    {name} AS value,
    {{{{ value_code('{name}') }}}} AS code
  FROM fact
  INNER JOIN pieces USING (day)
  WHERE NOT {name} IS NULL""",
        f"bins_of_{name} AS MATERIALIZED": f"""  -- Ranges of values, narrow where the quantiles of all rows are.
  SELECT
    code,
    {{{{ quantile_bin('(upto - n) / total', 'upto / total', [{", ".join(shares)}]) }}}} AS bin
  FROM (
    SELECT code, COUNT(*) AS n, SUM(COUNT(*)) OVER (ORDER BY code) AS upto, SUM(COUNT(*)) OVER () AS total
    FROM values_of_{name}
    GROUP BY code
  ) AS codes""",
        f"counts_of_{name} AS": f"""  SELECT
    piece,
    bin,
    {cut_columns},
    COUNT(*) AS n,
    MIN(value) AS least,
    MAX(value) AS greatest
  FROM values_of_{name}
  INNER JOIN bins_of_{name} USING (code)
  GROUP BY GROUPING SETS ({grouping_sets(rollup, "piece, bin")})""",
        f"ranks_of_{name} AS": f"""  -- A bin's values have the ranks from `below` on, among all of a member, from 0.
  SELECT
    *,
    CAST(SUM(n) OVER (PARTITION BY {keys} ORDER BY bin) AS BIGINT) - n AS below,
    CAST(SUM(n) OVER (PARTITION BY {keys}) AS BIGINT) AS total
  FROM (
    SELECT {keys}, bin, CAST(SUM(n) AS BIGINT) AS n, MIN(least) AS least, MAX(greatest) AS greatest
    FROM counts_of_{name}
    INNER JOIN period_pieces USING (piece)
    GROUP BY {keys}, bin
  ) AS counts""",
        f"bins_with_{name} AS MATERIALIZED": f"""  SELECT *
  FROM (
    SELECT *{more_columns(rank_columns, "      ")}
    FROM ranks_of_{name}
  ) AS ranks
  WHERE {has_rank}""",
        f"wanted_{name} AS MATERIALIZED": f"""  -- One value alone in a bin is known; of others the rows tell.
  SELECT *
  FROM bins_with_{name}
  INNER JOIN period_pieces USING (freq, span, period_start)
  WHERE least < greatest""",
        f"codes_with_{name} AS MATERIALIZED": f"""  SELECT DISTINCT piece, code, bin
  FROM wanted_{name}
  INNER JOIN bins_of_{name} USING (bin)""",
        f"rows_with_{name} AS": f"""  SELECT
    piece,
    bin,
    value,
    UNNEST([{", ".join(f"'{segment}'" for segment in member_by_segment)}]) AS segment,
    UNNEST([{", ".join(member_by_segment.values())}]) AS member
  FROM values_of_{name}
  INNER JOIN codes_with_{name} USING (piece, code)""",
        f"ranked_{name} AS": f"""  SELECT
    {keys},
    below + ROW_NUMBER() OVER (PARTITION BY {keys}, bin ORDER BY value) - 1 AS below,
    1 AS n,
    value{more_columns(ranks, "    ")}
  FROM rows_with_{name}
  INNER JOIN wanted_{name} USING (piece, bin, segment, member)""",
        f"by_{name} AS": f"""  SELECT
    {keys}{more_columns(values, "    ")}
  FROM (
    SELECT
      {keys}{more_columns(neighbours, "      ")}
    FROM (
      SELECT *
      FROM ranked_{name}
      UNION ALL BY NAME
      SELECT {keys}, below, n, least AS value{"".join(f", {rank}" for rank in ranks)}
      FROM bins_with_{name}
      WHERE least = greatest
      UNION ALL BY NAME
      SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member
      FROM period_pieces
    ) AS ranked
    GROUP BY {keys}
  ) AS neighbours""",
    }


def _function_and_share(measure: MeasureQuery) -> tuple[str, str]:
    """The percentile function of the measure's aggregate, and its share ("0.5")."""
    match = _AGGREGATE.fullmatch(measure.aggregate)
    assert match is not None, measure.aggregate  # measures.py writes it
    return match.group(1), match.group(2)


def _rank(measure: MeasureQuery) -> str:
    """The SQL of the quantile's rank among the `total` values of a member, from 0; a fraction lies between two ranks.

    It is the formula of DuckDB's own functions, with the same arithmetic, so that rounding is equal.
    """
    function, share = _function_and_share(measure)
    if function == "PERCENTILE_CONT":
        return f"CAST({share} AS DOUBLE) * (total - 1)"
    return f"GREATEST(total - FLOOR(total - total * {share}), 1) - 1"


def _neighbours(rank: str) -> list[str]:
    """The SQL of the rank and of the values at the whole ranks below and above it."""
    measure = rank.removesuffix("_rank")

    def value_at(whole_rank: str) -> str:
        return f"MAX(value) FILTER (WHERE below <= {whole_rank} AND below + n > {whole_rank})"

    return [
        f"MAX({rank}) AS {rank}",
        f"{value_at(f'FLOOR({rank})')} AS {measure}_lower",
        f"{value_at(f'CEIL({rank})')} AS {measure}_upper",
    ]
