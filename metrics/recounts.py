"""The SQL of what doesn't roll up: distinct counts, quantiles and averages of each period, from the period's rows.

Pure text, for bases.py, which says which rows and periods they are. Its CTEs read `fact` (day, a column per segment, a
column per leaf), `days` (day, with every period that it counts in) and the base's daily model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from metrics.leaves import LeafQuery
from metrics.planner import Base

_QUANTILE = re.compile(r"(PERCENTILE_\w+)\((.+)\) WITHIN GROUP \(ORDER BY \{\}\)")
_BITS = 62  # of a word: those of a BIGINT, without its sign
_EACH_SPAN = "  {% for freq, span in spans %}"
_NEXT_SPAN = """  {{ "UNION ALL" if not loop.last }}
  {% endfor %}"""
_EACH_CUT = """  {% for freq, span in spans %}{% set outer = loop %}{% for segment, member in members.items() %}"""
_NEXT_CUT = """  {{ "UNION ALL" if not (outer.last and loop.last) }}
  {% endfor %}{% endfor %}"""


def loops(base: Base) -> str:
    """The spans and segments that a recount takes one by one: together they would need many times the memory."""
    spans = [(freq, "period") for freq in base.computed_freqs]
    spans += [("M", "year_to_date"), ("M", "rolling_12_months")] if base.to_date else []
    members = {"_T": "'_T'", **{segment: member_column(segment) for segment, _ in base.segments}}
    return f"{{% set spans = {spans} %}}\n{{% set members = {members} %}}"


def recounts(base: Base, days: str, *, lists: bool) -> tuple[dict[str, str], list[str]]:
    """CTEs by how each begins, and the names of those that hold the base's recounted leaves by period and member.

    `days` names the periods' days. `lists` says whether the engine takes several quantiles of one sorted list.
    """
    keys: dict[str, list[LeafQuery]] = {}
    for leaf in base.recounted:
        if leaf.leaf_class == "distinct":
            keys.setdefault(leaf.argument, []).append(leaf)
    ctes = {f"{name} AS": sql for name, sql in _coded(base, days).items()} if keys else {}
    results = []
    for key, leaves in keys.items():
        name = leaves[0].metric
        ctes[f"keys_of_{name} AS MATERIALIZED"] = _keys(key, leaves)
        ctes[f"by_{name} AS"] = _counted(leaves)
        results.append(f"by_{name}")
    if others := [leaf for leaf in base.recounted if leaf.leaf_class != "distinct"]:
        ctes["computed AS"] = _computed(others, days, lists=lists)
        results.append("computed")
    return ctes, results


def member_column(segment: str) -> str:
    """The column of `fact` that holds the segment's member."""
    return f"{segment}_member"


def aggregated(leaf: LeafQuery) -> str:
    """The leaf's aggregate over its column of `fact`."""
    return leaf.aggregate.replace("{}", leaf.metric)


def listed(columns: Sequence[str], margin: str = "  ") -> str:
    """Columns that follow others in a select."""
    return "".join(f",\n{margin}{column}" for column in columns)


def _coded(base: Base, days: str) -> dict[str, str]:
    """The rows with all their members as bits of one number, so that one pass finds the keys of all segments.

    There are as many words of bits as the members need. A row stands once for the first word, which is the only one
    but for facts with very many members, and once more for each of its members in a later word.
    """
    segments = [segment for segment, _ in base.segments]
    bits = "".join(f" | COALESCE({segment}_bits.bit, 0)" for segment in segments)
    first = "".join(
        f"\n  LEFT JOIN members AS {segment}_bits\n    ON {_is_member(segment, f'{segment}_bits')}"
        f" AND {segment}_bits.word = 0"
        for segment in segments
    )
    later = "".join(
        f"\n  UNION ALL\n  SELECT fact.*, piece, members.word, members.bit AS bits\n  FROM fact\n"
        f"  INNER JOIN pieces USING (day)\n"
        f"  INNER JOIN members\n    ON {_is_member(segment, 'members')} AND members.word > 0"
        for segment in segments
    )
    return {
        "pieces": f"""  -- Days that lie in the same periods are one piece.
  SELECT DISTINCT day, {_piece(base)} AS piece
  FROM {days}""",
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
    FROM {{{{ ref('base_{base.days}_daily') }}}}
    WHERE n_rows > 0
    GROUP BY segment, member
  ) AS numbered""",
        "segment_bits": """  SELECT segment, word, BIT_OR(bit) AS segment_bits
  FROM members
  GROUP BY segment, word""",
        "coded": f"""  SELECT fact.*, piece, 0 AS word, CAST(1 AS BIGINT){bits} AS bits
  FROM fact
  INNER JOIN pieces USING (day){first}{later}""",
        "period_pieces": f"""  SELECT DISTINCT freq, span, period_start, piece
  FROM {days}
  INNER JOIN pieces USING (day)""",
    }


def _is_member(segment: str, members: str) -> str:
    return (
        f"{members}.segment = '{segment}'"
        f" AND {members}.member = COALESCE(CAST({member_column(segment)} AS STRING), '_U')"
    )


def _piece(base: Base) -> str:
    """The first day of the piece: quarters and years are made of months, weeks are not; windows are made of days."""
    if base.window is not None:
        return "day"
    month = next((unit for freq, unit in (("M", "month"), ("Q", "quarter"), ("A", "year")) if freq in base.freqs), None)
    units = ["month" if base.to_date else month, "week" if "W" in base.freqs else None]
    starts = [f"CAST(DATE_TRUNC('{unit}', day) AS DATE)" for unit in units if unit]
    return starts[0] if len(starts) == 1 else f"GREATEST({', '.join(starts)})"


def _keys(key: str, leaves: Sequence[LeafQuery]) -> str:
    masks = [f"BIT_OR(bits) FILTER (WHERE {leaf.metric}_counts) AS {leaf.metric}" for leaf in leaves if leaf.counts]
    return f"""  -- Each {key} once per piece, with the members that it is seen in.
  SELECT piece, word, {leaves[0].metric} AS key, BIT_OR(bits) AS bits{listed(masks, "    ")}
  FROM coded
  GROUP BY piece, word, {leaves[0].metric}"""


def _counted(leaves: Sequence[LeafQuery]) -> str:
    """A period's keys are those of its pieces. They are counted by sets of members, of which there are few."""
    filtered = [leaf.metric for leaf in leaves if leaf.counts]
    counts = [
        f"CAST(SUM(n_keys){f' FILTER (WHERE {leaf.metric} & bit <> 0)' if leaf.counts else ''} AS BIGINT)"
        f" AS {leaf.metric}"
        for leaf in leaves
    ]
    own = listed([f"{name} & segment_bits AS {name}" for name in filtered], "      ")
    united = listed([f"BIT_OR({name}) AS {name}" for name in filtered], "        ")
    sets = "".join(f", {name} & segment_bits" for name in filtered)
    return f"""{_EACH_SPAN}
  SELECT
    '{{{{ freq }}}}' AS freq,
    '{{{{ span }}}}' AS span,
    period_start,
    segment,
    member{listed(counts, "    ")}
  FROM (
    SELECT
      period_start,
      segment,
      word,
      COUNT(key) AS n_keys,
      bits & segment_bits AS bits{own}
    FROM (
      SELECT period_start, word, key, BIT_OR(bits) AS bits{united}
      FROM keys_of_{leaves[0].metric}
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
{_NEXT_SPAN}"""


def _computed(leaves: Sequence[LeafQuery], days: str, *, lists: bool) -> str:
    columns = {leaf.metric: aggregated(leaf) for leaf in leaves} | (_quantiles(leaves) if lists else {})
    return f"""{_EACH_CUT}
  SELECT
    '{{{{ freq }}}}' AS freq,
    '{{{{ span }}}}' AS span,
    period_start,
    '{{{{ segment }}}}' AS segment,
    COALESCE(CAST({{{{ member }}}} AS STRING), '_U') AS member{
        listed([f"{sql} AS {name}" for name, sql in columns.items()], "    ")
    }
  FROM fact
  INNER JOIN {days} USING (day)
  WHERE freq = '{{{{ freq }}}}' AND span = '{{{{ span }}}}'
  GROUP BY period_start, {{{{ member }}}}
{_NEXT_CUT}"""


def _quantiles(leaves: Sequence[LeafQuery]) -> dict[str, str]:
    """Several quantiles of one value from a single list of it, which is what takes time and memory."""
    shares: dict[tuple[str, str], dict[str, str]] = {}
    for leaf in leaves:
        if match := _QUANTILE.fullmatch(leaf.aggregate):
            function, share = match.groups()
            shares.setdefault((function, leaf.value), {})[leaf.metric] = share
    found: dict[str, str] = {}
    for (function, _), group in shares.items():
        if len(group) > 1:
            of_list = f"{function}([{', '.join(group.values())}]) WITHIN GROUP (ORDER BY {min(group)})"
            found |= {metric: f"({of_list})[{number}]" for number, metric in enumerate(group, start=1)}
    return found
