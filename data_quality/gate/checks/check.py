"""What a check of the gate is. Each check is a module in one of the folders beside this one; `registry.py` finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import duckdb

if TYPE_CHECKING:
    import pandas as pd

Level = Literal["flag", "hold"]
LEVELS: tuple[Level, ...] = ("flag", "hold")
Figure: TypeAlias = "str | Callable[[duckdb.DuckDBPyConnection], pd.DataFrame]"
"""A query, or a function, that gives a row for each planned key, with these columns:

- key_no
- figure: what the limits are compared with; a key passes when figure <= limit
- applies: whether the check makes sense for the key
- detail: an explanation for a reader; it may contain figures
- feed (optional): the feed at fault

It may read the warehouse and the temporary tables of `candidates.py`, `history.py` and `checks/frame.py`. A figure that
is NULL or NaN where the check applies counts as not evaluated, and so does a key without a row or with several.
"""


@dataclass(frozen=True)
class Check:
    """A check: one figure, and the limits above which it flags a value or holds it.

    `module` is its module's `__name__`: the last part is the check's name, and the one before it its family.
    `sentence` says what is true when a value passes. `failing` says what is wrong when it fails; it continues
    "Feed <name>: " where the check names a feed, else "<KPI>: ". A `fixed` check is promised of every published value,
    so a KPI can't change its limits or turn it off. A check `by_chance` is statistical: it separates changes from
    chance. Stages run in order: checks of stage 2 can read which keys those of stage 1 hold (the table `failing_keys`),
    and those of stage 3 also which periods a check `by_chance` holds (`held_periods`).
    """

    module: str
    figure: Figure
    sentence: str
    failing: str
    flag: float | None = None
    hold: float | None = None
    fixed: bool = False
    stage: Literal[1, 2, 3] = 1
    by_chance: bool = False

    @property
    def name(self) -> str:
        """The name of its module."""
        return self.module.rpartition(".")[2]

    @property
    def family(self) -> str:
        """The folder of its module: computation, rows, values or result."""
        return self.module.split(".")[-2]

    def compute(self, connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        """The check's figure for every planned key, with the columns that `Figure` describes."""
        return connection.execute(self.figure).df() if isinstance(self.figure, str) else self.figure(connection)


@dataclass(frozen=True)
class LimitOf:
    """One limit of a check, which is one expectation of the suite."""

    check: Check
    level: Level

    @property
    def name(self) -> str:
        """The name of its columns in the frame that is judged."""
        return f"{self.check.name}__{self.level}"
