"""What a person sees of what waits for a decision, and of a decision: from results to Rich."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Table

from data_quality.decisions import Decided
from data_quality.verdict import CheckResult
from data_quality.waiting import Waiting
from metrics.catalog import Catalog, CatalogKpi
from orchestration.formats import change, number
from orchestration.tables import Cell, Column, number_column, print_with_notes
from orchestration.terminal import DONE, styled

NOT_AUTHENTICATED = "recorded, not authenticated"
AS_RELEASED = "This is what the newest release says; the new values and the feeds' state show when it has ended."
STATES = {
    "decide": "waits for a decision",
    "rejected": "was rejected",
    "judge again": "must be built and judged again: no decision helps",
}


def overview(console: Console, catalog: Catalog, found: Sequence[Waiting]) -> None:
    """What waits, by what can be done about it; what somebody may decide on comes first."""
    by_state = {state: [one for one in found if one.state == state] for state in STATES}
    for state, ones in by_state.items():
        if ones:
            _print_waiting(console, catalog, STATES[state], ones)
    if by_state["decide"]:
        one = by_state["decide"][0]
        hint = styled((f"kpi held {one.kpi_id}", "bold"), " shows all the evidence. Decide with")
        console.print(hint, highlight=False)
        console.print(f'  kpi release {one.kpi_id} {one.time_period} --reason "…" --by …', highlight=False)
        console.print(f'  kpi reject {one.kpi_id} {one.time_period} --reason "…" --by …', highlight=False)
    else:
        console.print(styled(("Nothing waits for a decision.", "green")))


def evidence(console: Console, catalog: Catalog, kpi: CatalogKpi, found: Sequence[Waiting]) -> None:
    """All that is known of each period of a KPI that waits."""
    for one in found:
        table = Table(title=f"{one.kpi_id} {one.time_period} {STATES[one.state]}", title_justify="left", box=None)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        if not one.checks or one.state == "judge again":
            table.add_row("why", one.reason)
        for result in one.checks:
            table.add_row(result.check, _finding(result) + ("" if result.holds else "; only a warning"))
        if kpi.protected:
            table.add_row("values", "of a KPI that reads personnel data, no figure leaves the warehouse")
        else:
            difference = change(one.candidate_value, one.published_value, kpi.unit)
            before, now = (
                number(value, kpi.unit, catalog.reporting_currency, exact=True)
                for value in (one.published_value, one.candidate_value)
            )
            table.add_row("published", before)
            table.add_row("candidate", now if one.published_value is None else f"{now} ({difference})")
        for feed in one.feeds:
            came = f", newest delivery {feed.newest_delivery:%Y-%m-%d %H:%M}" if feed.newest_delivery else ""
            lacks = f"; {feed.outstanding}" if feed.outstanding else ""
            table.add_row("feed", f"{feed.feed} whole until {feed.watermark or 'nothing yet'}{came}{lacks}")
        if one.standing:
            table.add_row("decided", _standing(one.standing))
        names = ", ".join(one.deciders) or f"nobody: roles.yml names none for {kpi.domain}"
        table.add_row("may decide", f"{names} ({NOT_AUTHENTICATED})")
        console.print(table)
        console.print()
    if not found:
        console.print(styled((f"Nothing is held for {kpi.kpi_id}.", "green")))


def decided(console: Console, catalog: Catalog, done: Decided, today: date) -> None:
    """What a decision did."""
    who = f"by {done.decided_by} ({NOT_AUTHENTICATED})"
    name = done.kpi_id if done.time_period is None else f"{done.kpi_id} {done.time_period}"
    sequence = done.release.sequence
    if done.decision == "review":
        due = catalog.kpi(done.kpi_id).review_due(today)
        lines = [styled(DONE, f"{name} reviewed {who}; release {sequence}. The next review is due on {due}.")]
    elif done.decision == "reject":
        lines = [
            styled(DONE, f"{name} rejected {who}; release {sequence}. What was published before stands."),
            styled("  Another value of that period is judged anew."),
        ]
    elif done.published:
        checks = f", although these fail: {', '.join(done.checks)}" if done.checks else ""
        lines = [
            styled(DONE, f"{name} released {who}{checks}."),
            styled(f"  It is in release {sequence}: {done.release.appended_observations:,} new vintages."),
        ]
    else:
        reasons = "; ".join(one.reason for one in done.release.held)
        lines = [styled(("! ", "yellow"), f"{name}: the decision {who} is recorded, yet it is held: {reasons}")]
    if done.overrides:
        lines.append(styled(f"  Before: {_standing(done.overrides)}"))
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


def _print_waiting(console: Console, catalog: Catalog, title: str, found: Sequence[Waiting]) -> None:
    columns = [Column("KPI"), Column("period"), *map(number_column, ("published", "candidate", "change"))]
    rows: list[tuple[list[Cell], str]] = []
    for one in found:
        kpi = catalog.kpi(one.kpi_id)
        values = [number(v, kpi.unit, catalog.reporting_currency) for v in (one.published_value, one.candidate_value)]
        difference = change(one.candidate_value, one.published_value, kpi.unit)
        if one.state == "decide" and one.checks:
            why = "\n".join(f"{result.check}: {result.detail}" for result in one.checks if result.holds)
        else:
            why = _standing(one.standing) if one.state == "rejected" and one.standing else one.reason
        rows.append(([one.kpi_id, one.time_period, *values, difference], why))
    print_with_notes(console, columns, rows, title=title.capitalize())


def _finding(result: CheckResult) -> str:
    limit = f" (figure {result.figure:.6g}, limit {result.limit:.6g})" if _has_figures(result) else ""
    return f"{result.detail or 'fails'}{limit}"


def _has_figures(result: CheckResult) -> bool:
    return result.figure is not None and result.limit is not None


def _standing(decision: dict[str, Any]) -> str:
    day = f"{decision['decided_at']:%Y-%m-%d}"
    return f"{decision['decision']} by {decision['decided_by']} on {day}: {decision['reason']}"
