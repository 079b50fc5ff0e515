"""Numbers, targets and codes as text for people: short, but never cut. `--json` and SQL have the exact numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich.text import Text

from metrics.core.periods import parse
from metrics.core.text import with_currency
from metrics.definitions.catalog import CatalogKpi
from orchestration.cli.terminal import styled
from publishing.statuses import REVISIONS

STATUSES = {
    "A": "normal",
    "P": "provisional until the period closes",
    "U": "of few observations",
    "B": "break in the series",
    "Q": "suppressed",
    "O": "missing",
    "E": "estimated",
    "M": "can't exist",
}
NOT_AUTHENTICATED = "recorded, not authenticated"
"""Said with each name of a person who decided, reviewed or voted."""
PERIODS = {"W": "week", "M": "month", "Q": "quarter", "A": "year"}
_TARGET_MARKS = {"on target": ("✓", "green"), "at risk": ("~", "yellow"), "off target": ("✗", "red")}
_LARGE = ((1e12, " tn"), (1e9, " bn"), (1e6, " M"))


def number(value: float | None, unit: str, currency: str, *, exact: bool = False, with_unit: bool = True) -> str:
    """A value as text: 12.3 %, 21.5 M SEK, 712,345 SEK, 475.7 SEK, 3.42 hours; as many digits as on the site.

    `exact` shows millions in full, and two decimals below a thousand.
    """
    if value is None:
        return "–"
    if unit == "fraction":
        return f"{_decimals(value * 100, 1)} %"
    return _plain(value, unit, exact) + (_label(unit, currency) if with_unit else "")


def cell(value: object) -> str:
    """A value of a query as text, without knowing its unit: 712,345 and 0.1234 of a float; empty for NULL."""
    if value is None:
        return ""
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 9999.5 else f"{value:,.4g}"


def change(value: float | None, kpi: CatalogKpi, currency: str) -> str:
    """A change as `kpi.observations` has it: +7.2 %, of shares +0.4 pp, of KPIs that can be negative +1.6 points."""
    if value is None:
        return "–"
    if kpi.change_kind == "relative":
        return f"{_signed(value * 100)} %"
    return f"{_signed(value * 100)} pp" if kpi.unit == "fraction" else f"{_signed(value)}{_label(kpi.unit, currency)}"


def change_between(value: float | None, previous: float | None, kpi: CatalogKpi, currency: str) -> str:
    """The change from the previous value, for values that aren't published."""
    if value is None or previous is None:
        return "–"
    if kpi.change_kind == "difference":
        return change(value - previous, kpi, currency)
    return change((value - previous) / abs(previous) if previous else None, kpi, currency)


def target(kpi: CatalogKpi, currency: str, *, value: float | None = None, period: str | None = None) -> str:
    """The target and its frequency: 20.0 M SEK a month, or 40.0 % to 60.0 %.

    If the KPI has targets for single periods, it is the target of `period`.
    """
    if kpi.target_by_period and period and value is not None:
        return f"{number(value, kpi.unit, currency)} in {period}, varies by {PERIODS[parse(period).freq]}"
    stated = goal(kpi.target, kpi.target_to, kpi.unit, currency)
    return f"{stated} a {PERIODS[kpi.target_freq]}" if kpi.target_freq else stated


def goal(value: float | None, value_to: float | None, unit: str, currency: str, *, with_unit: bool = True) -> str:
    """The value of a target, or the two ends of a band; empty without one."""
    ends = [number(end, unit, currency, with_unit=with_unit) for end in (value, value_to) if end is not None]
    return " to ".join(ends)


def target_mark(status: str | None) -> Text:
    """A mark for a status against the target: ✓ on target, ~ at risk, ✗ off target; empty for another one."""
    return styled(_TARGET_MARKS.get(status or "", ""))


def target_legend(statuses: Iterable[str | None]) -> str:
    """What the marks of these statuses mean, on a line of its own; empty where there are none."""
    used = set(statuses)
    meanings = ", ".join(f"{mark} {status}" for status, (mark, _) in _TARGET_MARKS.items() if status in used)
    return f"\n{meanings}." if meanings else ""


def status_legend(statuses: Iterable[str], title: str = "Status") -> str:
    """The meaning of these letters of obs_status; empty where there are none."""
    return _legend(title, STATUSES, statuses)


def revision_legend(types: Iterable[str | None]) -> str:
    """The meaning of these revision types; empty where there are none."""
    return _legend("Revised by", REVISIONS, types)


def _legend(title: str, meanings: dict[str, str], codes: Iterable[str | None]) -> str:
    used_codes = set(codes)
    explained = ", ".join(f"{code} {meaning}" for code, meaning in meanings.items() if code in used_codes)
    return f"{title}: {explained}." if explained else ""


def _label(unit: str, currency: str) -> str:
    """The text after a number of that unit, with a space; empty for numbers of things and for ratios."""
    return "" if unit in ("count", "ratio", "persons") else f" {with_currency(unit, currency)}"


def _plain(value: float, unit: str, exact: bool) -> str:
    size = round(abs(value))
    for limit, name in _LARGE:
        if size >= limit and not exact:
            return f"{value / limit:,.1f}{name}"
    if abs(value) >= 1000 or unit in ("count", "persons"):
        return f"{value:,.0f}"
    return _decimals(value, 1 if abs(value) >= 100 and not exact else 2)


def _signed(value: float) -> str:
    """The value with its sign and one decimal; what rounds to 0 has no sign."""
    rounded = round(value, 1)
    return f"{rounded:+,.1f}" if rounded else "0.0"


def _decimals(value: float, digits: int) -> str:
    """The value with that many decimals; a smaller value that isn't 0 is shown with its first two digits."""
    rounds_to_nothing = value != 0 and abs(value) < 0.5 * 10**-digits
    return f"{value:.2g}" if rounds_to_nothing else f"{value:,.{digits}f}"
