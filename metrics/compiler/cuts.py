"""How rows are cut: by the pieces that periods are made of and by the members of segments. Pure text.

What the models of a rollup have in common. What is computed of each cut is in rollups.py, non_additive.py and
quantiles.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metrics.compiler.plan import Rollup

KEYS = ("freq", "span", "period_start", "segment", "member")
EACH_SPAN = "  {% for freq, span in spans %}"
NEXT_SPAN = """  {{ "UNION ALL" if not loop.last }}
  {% endfor %}"""
EACH_CUT = """  {% for freq, span in spans %}{% set outer = loop %}{% for segment, member in members.items() %}"""
NEXT_CUT = """  {{ "UNION ALL" if not (outer.last and loop.last) }}
  {% endfor %}{% endfor %}"""


def member_column(segment: str) -> str:
    """The column of `fact` that holds the segment's member."""
    return f"{segment}_member"


def listed(columns: Sequence[str], margin: str = "  ") -> str:
    """Columns that follow others in a select."""
    return "".join(f",\n{margin}{column}" for column in columns)


def loops(rollup: Rollup) -> str:
    """The spans and segments that a recount takes one by one: together they would need many times the memory."""
    spans = [(freq, "period") for freq in rollup.computed_freqs]
    spans += [("M", "year_to_date"), ("M", "rolling_12_months")] if rollup.to_date else []
    members = {"_T": "'_T'", **{segment: member_column(segment) for segment, _ in rollup.segments}}
    return f"{{% set spans = {spans} %}}\n{{% set members = {members} %}}"


def cut(rollup: Rollup) -> str:
    """The columns segment and member of the grouping set that a row belongs to."""
    if not rollup.segments:
        return "'_T' AS segment,\n'_T' AS member"
    names = [(segment, member_column(segment)) for segment, _ in rollup.segments]

    def case(result: Callable[[str, str], str]) -> str:
        whens = "\n".join(f"  WHEN GROUPING({name}) = 0 THEN {result(segment, name)}" for segment, name in names)
        return f"CASE\n{whens}\n  ELSE '_T'\nEND"

    members = case(lambda _, name: f"COALESCE(CAST({name} AS STRING), '_U')")
    return f"{case(lambda segment, _: repr(segment))} AS segment,\n{members} AS member"


def grouping_sets(rollup: Rollup, key: str) -> str:
    """The total and each segment, of every value of `key`."""
    return ", ".join([f"({key})", *(f"({key}, {member_column(segment)})" for segment, _ in rollup.segments)])


def pieces(rollup: Rollup, days: str) -> dict[str, str]:
    """CTEs: the pieces that the days of some periods fall into, and the pieces of each period."""
    return {
        "pieces": f"""  -- Days that lie in the same periods are one piece.
  SELECT DISTINCT day, {_piece(rollup)} AS piece
  FROM {days}""",
        "period_pieces": f"""  SELECT DISTINCT freq, span, period_start, {_piece(rollup)} AS piece
  FROM {days}""",
    }


def _piece(rollup: Rollup) -> str:
    """The first day of the piece: quarters and years are made of months, weeks are not; windows are made of days."""
    if rollup.window is not None:
        return "day"
    month = next(
        (unit for freq, unit in (("M", "month"), ("Q", "quarter"), ("A", "year")) if freq in rollup.freqs), None
    )
    units = ["month" if rollup.to_date else month, "week" if "W" in rollup.freqs else None]
    starts = [f"CAST(DATE_TRUNC('{unit}', day) AS DATE)" for unit in units if unit]
    return starts[0] if len(starts) == 1 else f"GREATEST({', '.join(starts)})"
