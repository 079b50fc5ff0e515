"""The SQL of quantiles: which rows a period's quantile can be among is found by counting, and only those are sorted.

Pure text for non_additive.py, in DuckDB's SQL. A quantile by the engine's own aggregate holds all values of a group in
memory, for every frequency and segment again. Here all values are counted once, by piece, member and bin, a bin being
a range of values. Counts add up to every period and member, and tell in which bins its quantile's ranks are. The values
of these bins, a few in a hundred, are then read, and those of the ranks taken. The macros of quantiles.sql say how
values get into bins and how two neighbours are put together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from metrics.compiler.cuts import KEYS, cut, grouping_sets, listed, member_column
from metrics.compiler.measures import MeasureQuery
from metrics.compiler.plan import Rollup

_AGGREGATE = re.compile(r"(PERCENTILE_\w+)\((.+)\) WITHIN GROUP \(ORDER BY \{\}\)")


def quantiles(rollup: Rollup, measures: Sequence[MeasureQuery]) -> dict[str, str]:
    """CTEs by how each begins, for quantiles of one value; the last, `by_<first measure>`, holds them by KEYS.

    They read `fact` and what `cuts.pieces` gives. A period in which no row has a value has a total without one.
    """
    name, keys = measures[0].metric, ", ".join(KEYS)
    members = listed([member_column(segment) for segment, _ in rollup.segments], "    ")
    cuts = {"_T": "'_T'"} | {
        segment: f"COALESCE(CAST({member_column(segment)} AS STRING), '_U')" for segment, _ in rollup.segments
    }
    shares = [_taken_apart(measure)[1] for measure in measures]
    own_cut = cut(rollup).replace("\n", "\n    ")
    ranks = [f"{measure.metric}_rank" for measure in measures]
    held = " OR ".join(f"(below <= CEIL({rank}) AND below + n > FLOOR({rank}))" for rank in ranks)
    found = [column for rank in ranks for column in _neighbours(rank)]
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
    {own_cut},
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
    SELECT *{listed([f"{_rank(measure)} AS {rank}" for measure, rank in zip(measures, ranks, strict=True)], "      ")}
    FROM ranks_of_{name}
  ) AS ranks
  WHERE {held}""",
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
    UNNEST([{", ".join(f"'{segment}'" for segment in cuts)}]) AS segment,
    UNNEST([{", ".join(cuts.values())}]) AS member
  FROM values_of_{name}
  INNER JOIN codes_with_{name} USING (piece, code)""",
        f"ranked_{name} AS": f"""  SELECT
    {keys},
    below + ROW_NUMBER() OVER (PARTITION BY {keys}, bin ORDER BY value) - 1 AS below,
    1 AS n,
    value{listed(ranks, "    ")}
  FROM rows_with_{name}
  INNER JOIN wanted_{name} USING (piece, bin, segment, member)""",
        f"by_{name} AS": f"""  SELECT
    {keys}{listed(values, "    ")}
  FROM (
    SELECT
      {keys}{listed(found, "      ")}
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


def _taken_apart(measure: MeasureQuery) -> tuple[str, str]:
    match = _AGGREGATE.fullmatch(measure.aggregate)
    assert match is not None, measure.aggregate  # measures.py writes it
    return match.group(1), match.group(2)


def _rank(measure: MeasureQuery) -> str:
    """Where among the `total` values of a member the quantile is: between two ranks where it is no whole number.

    In the terms of DuckDB's own functions, down to the arithmetic in which they round.
    """
    function, share = _taken_apart(measure)
    if function == "PERCENTILE_CONT":
        return f"CAST({share} AS DOUBLE) * (total - 1)"
    return f"GREATEST(total - FLOOR(total - total * {share}), 1) - 1"


def _neighbours(rank: str) -> list[str]:
    """The rank, and the values at the whole ranks below and above it."""
    measure = rank.removesuffix("_rank")

    def value_at(whole: str) -> str:
        return f"MAX(value) FILTER (WHERE below <= {whole} AND below + n > {whole})"

    return [
        f"MAX({rank}) AS {rank}",
        f"{value_at(f'FLOOR({rank})')} AS {measure}_lower",
        f"{value_at(f'CEIL({rank})')} AS {measure}_upper",
    ]
