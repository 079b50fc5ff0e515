"""SQL for cutting rows by segment members and by pieces of periods, shared by all models of a rollup. Pure text.

What is computed for each cut is in rollups.py, non_additive.py and quantiles.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metrics.compiler.plan import Rollup
from metrics.core.segments import identifier

KEYS = ("freq", "span", "period_start", "segment", "member")
EACH_SPAN = "  {% for freq, span in spans %}"
NEXT_SPAN = """  {{ "UNION ALL" if not loop.last }}
  {% endfor %}"""
EACH_CUT = """  {% for freq, span in spans %}{% set outer = loop %}{% for segment, member in members.items() %}"""
NEXT_CUT = """  {{ "UNION ALL" if not (outer.last and loop.last) }}
  {% endfor %}{% endfor %}"""


def member_column(segment: str) -> str:
    """The name of the column of `fact` that holds the segment's member."""
    return f"{identifier(segment)}_member"


def more_columns(columns: Sequence[str], margin: str = "  ") -> str:
    """The columns as a continuation of a SELECT list: each after a comma, on a line of its own."""
    return "".join(f",\n{margin}{column}" for column in columns)


def loop_variables(rollup: Rollup) -> str:
    """The Jinja variables `spans` and `members`, over which the SQL of non-additive measures loops.

    `spans` are pairs of freq and span, `members` the SQL of a row's member by segment. There is one select for each
    of both, because a single one for all would need many times the memory.
    """
    spans = [(freq, "period") for freq in rollup.computed_freqs]
    spans += [("M", "year_to_date"), ("M", "rolling_12_months")] if rollup.to_date else []
    members = {"_T": "'_T'", **{segment: member_column(segment) for segment, _ in rollup.segments}}
    return f"{{% set spans = {spans} %}}\n{{% set members = {members} %}}"


def segment_and_member(rollup: Rollup) -> str:
    """The SQL of the columns segment and member: which dimension the row is grouped by, and its value in the row."""
    if not rollup.segments:
        return "'_T' AS segment,\n'_T' AS member"
    names = [(segment, member_column(segment)) for segment, _ in rollup.segments]

    def case(result: Callable[[str, str], str]) -> str:
        whens = "\n".join(f"  WHEN GROUPING({name}) = 0 THEN {result(segment, name)}" for segment, name in names)
        return f"CASE\n{whens}\n  ELSE '_T'\nEND"

    members = case(lambda _, name: f"COALESCE(CAST({name} AS STRING), '_U')")
    return f"{case(lambda segment, _: repr(segment))} AS segment,\n{members} AS member"


def grouping_sets(rollup: Rollup, key: str) -> str:
    """The list of grouping sets: for each value of `key` the total, and the members of each segment."""
    return ", ".join([f"({key})", *(f"({key}, {member_column(segment)})" for segment, _ in rollup.segments)])


def piece_ctes(rollup: Rollup, days: str) -> dict[str, str]:
    """The SQL of two CTEs by name: `pieces`, the piece of each day, and `period_pieces`, the pieces of each period.

    A piece is a set of days that lie in the same periods. `days` is the relation with the days of each period.
    """
    return {
        "pieces": f"""  -- Days that lie in the same periods are one piece.
  SELECT DISTINCT day, {_piece(rollup)} AS piece
  FROM {days}""",
        "period_pieces": f"""  SELECT DISTINCT freq, span, period_start, {_piece(rollup)} AS piece
  FROM {days}""",
    }


def _piece(rollup: Rollup) -> str:
    """The SQL of the first day of the piece in which a day lies.

    A piece is the longest span of days from which all periods of the rollup can be put together: the shortest of month,
    quarter and year that is asked for (a month for sums to date), and with weeks a week cut at its borders, hence the
    GREATEST of both first days. For windows each day is a piece.
    """
    if rollup.window is not None:
        return "day"
    month = next(
        (unit for freq, unit in (("M", "month"), ("Q", "quarter"), ("A", "year")) if freq in rollup.freqs), None
    )
    units = ["month" if rollup.to_date else month, "week" if "W" in rollup.freqs else None]
    starts = [f"CAST(DATE_TRUNC('{unit}', day) AS DATE)" for unit in units if unit]
    return starts[0] if len(starts) == 1 else f"GREATEST({', '.join(starts)})"
