"""What a check of the gate is. Each is a module of a folder beside this one and is found by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import duckdb
import pandas as pd

Level = Literal["flag", "hold"]
LEVELS: tuple[Level, ...] = ("flag", "hold")
Figure = Callable[[duckdb.DuckDBPyConnection], pd.DataFrame]
"""Gives a row for each planned key: key_no, figure (what the limits are for: a key passes when figure <= limit),
applies, and detail (for a reader; may hold figures). A check of a feed's rows names in `feed` the one at fault.

It may read the warehouse and the temporary tables of `candidates.py`, `history.py` and `checks/frame.py`. A figure
that is NULL or NaN where it applies counts as not evaluated, and so does a key without a row.
"""


@dataclass(frozen=True)
class Check:
    """A check: one figure, and the limits above which it flags a value or holds it.

    `sentence` says what is true where it passes, `failing` what is wrong where it doesn't, of the feed at fault or else
    of the KPI. A `fixed` check is what the project promises of every published
    value, so that a KPI can't set it. Checks of stage 2 know which keys those of stage 1 hold (the table
    `failing_keys`), and those of stage 3 which periods are held by a check that is `by_chance`: one that tells a change
    from chance.
    """

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
        return self.figure.__module__.rpartition(".")[2]

    @property
    def family(self) -> str:
        """The folder of its module: computation, rows, values or result."""
        return self.figure.__module__.split(".")[-2]

    def limit(self, level: Level) -> float | None:
        """The limit above which it flags or holds; None where it never does."""
        return self.flag if level == "flag" else self.hold


@dataclass(frozen=True)
class LimitOf:
    """One limit of a check, which is one expectation of the suite."""

    check: Check
    level: Level

    @property
    def name(self) -> str:
        """The name of its columns in the frame that is judged."""
        return f"{self.check.name}__{self.level}"
