"""`duplicate_rows`: the share of a feed's rows that equal another row of their day, beyond the usual share.

Rows are counted if they are equal in all columns. Rows that are equal in all columns but ids are counted, too, if that
is rare in the feed: they may have been delivered again under new ids. Of these, as many are left out as chance makes of
rows of any days (`profiles/feed_statistics.py`), and the others must be more than that number varies by.

In a feed with a column that identifies rows, two equal rows are certainly a duplicate. In other feeds rows can be equal
by chance: only more rows than chance explains count, and if some are usual, only more than twice as many.
"""

from __future__ import annotations

from data_quality.gate.checks.chance import rows_by_chance
from data_quality.gate.checks.check import Check
from data_quality.gate.checks.feed_shares import PERIODS, SHARE_BEFORE, SHARE_IN_PERIOD, USUAL_ROWS, largest_share_sql

_HOLD = 0.02
_SHARES = """
(with {periods}
select key_no, period_start, feed,
    if({is_no_chance} and {share_in_period} - {share_before} > greatest({share_before}, {at_least}),
        {share_in_period} - {share_before}, 0) as share
from periods)
"""
_HAS_ROW_ID = "feed in (select feed from gate.feed_columns where names_rows and type not similar to 'DATE|TIMESTAMP.*')"
_IS_NO_CHANCE = {
    "n_duplicates": f"(n_faulty > {rows_by_chance(USUAL_ROWS)} or {_HAS_ROW_ID})",
    "n_alike": f"n_faulty + n_alike_by_chance > {rows_by_chance(f'({USUAL_ROWS} + n_alike_by_chance)')}",
}
# The smallest share that counts: when values get lost or are merged, a few more rows are equal in all but ids.
_AT_LEAST = {"n_duplicates": 0, "n_alike": _HOLD}
_FIGURE = largest_share_sql(
    "shares as ("
    + " union all ".join(
        _SHARES.format(
            periods=PERIODS.format(fault_column=name),
            is_no_chance=is_no_chance,
            at_least=_AT_LEAST[name],
            share_in_period=SHARE_IN_PERIOD,
            share_before=SHARE_BEFORE,
        )
        for name, is_no_chance in _IS_NO_CHANCE.items()
    )
    + ")",
    "of the rows equal another row",
)

CHECK = Check(
    __name__,
    _FIGURE,
    "No more rows than usual are duplicates of another row.",
    "rows were delivered twice",
    flag=0.001,
    hold=_HOLD,
)
