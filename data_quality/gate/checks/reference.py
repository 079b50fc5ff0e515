"""The page `docs/reference/checks.md`: every check with its limits, from the checks themselves.

`python -m data_quality.gate.checks.reference` writes it. To change the page, change the check's module.
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
the second one it is held. Where a figure can't be computed, the value is held. The module of a check,
`data_quality/gate/checks/<family>/<check>.py`, says how its figure is computed. A share in per cent is the share of a
feed's rows in the period, beyond the usual share of the year before. A deviation is in robust standard deviations.

Checks of rows and values read the days of the period. If the KPI looks back on earlier months, they also read those
months, unless a value of the KPI, or of a KPI that it is computed from, was published for them or is judged in the same
run. For a quarter or year they skip the months that were published by themselves.

In the baseline, which is the history that a company started with, only a failing check of computation holds a value.
What another check would hold is flagged.

A KPI can set its own limits under `gate`, in its definition or its adoption: `flag` and `hold` are figures or `never`,
and `off` is the reason why the check is not made. `built` and `complete` can't be changed.
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
    """A limit for a reader: below one it is a share and shown in per cent, else it is a number of deviations."""
    if limit is None:
        return "–"
    return f"{100 * limit:g} %" if 1e-3 <= limit < 1 else f"{limit:g}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
