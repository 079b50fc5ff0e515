"""The page `docs/reference/checks.md`: every check with its limits, from the checks themselves.

`python -m data_quality.gate.checks.reference` writes it. What stands there is changed in the check's module.
"""

from __future__ import annotations

from itertools import groupby

from data_quality.gate.checks import computation, result, rows, values
from data_quality.gate.checks.registry import CHECKS
from metrics.core.deployment import PROJECT

PAGE = PROJECT / "docs" / "reference" / "checks.md"
_FAMILIES = {module.__name__.rpartition(".")[2]: module.__doc__ or "" for module in (computation, rows, values, result)}
_HEAD = """# The checks of the gate

<!-- Written by `python -m data_quality.gate.checks.reference`; change the checks, not this page. -->

Each check computes one figure for each KPI and period. Above the first limit the value is published with a flag, above
the second one it is held. Where a figure can't be computed, the value is held. How a figure is computed stands in the
check's module, `data_quality/gate/checks/<family>/<check>.py`. Shares are of a feed's rows in the period, beyond what
<<<<<<< HEAD
was usual in the year before. Checks of rows and values also look at the months that a KPI looks back on, where no value
of these is judged. Of a quarter or year they look at the months that weren't published by themselves.
=======
was usual in the year before. Checks of rows and values look at the months that a KPI looks back on, too, where no value
of these is judged; of a quarter or year they look at the months that weren't published by themselves.
>>>>>>> w-docs

In the baseline, the history that a company started with, only a fault of computation holds a value. What another check
would hold is flagged.

A KPI sets limits of its own under `gate`, in its definition or its adoption: `flag` and `hold` are figures or `never`,
`off` is the reason why a check isn't made. `built` and `complete` can't be set.
"""


def page() -> str:
    """The page."""
    parts = [_HEAD]
    for family, checks in groupby(CHECKS, key=lambda check: check.family):
        lines = [f"| `{c.name}` | {_limit(c.flag)} | {_limit(c.hold)} | {c.sentence} |" for c in checks]
        table = ["| check | flags above | holds above | it passes when |", "| --- | --- | --- | --- |", *lines]
        parts.append(f"## {family.capitalize()}\n\n{_FAMILIES[family]}\n\n" + "\n".join(table) + "\n")
    return "\n".join(parts)


def _limit(limit: float | None) -> str:
    """A limit as a reader wants it: shares of rows are below one, deviations above."""
    if limit is None:
        return "–"
    return f"{100 * limit:g} %" if 1e-3 <= limit < 1 else f"{limit:g}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
