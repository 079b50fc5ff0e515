"""Incidents: groups of failing verdicts with one reason, which people look at and decide on together.

Two failing periods that overlap or are adjacent have one reason if

- both belong to the same KPI,
- a check names a feed as faulty that the other KPI reads,
- one KPI is computed from the other, or
- more than half of the feeds of one KPI are feeds of the other.

Three kinds of verdicts have incidents of their own: those that wait for data or a build, rejected ones, and those of
protected KPIs. A longer period joins the incident of shorter ones in it or next to it. A flagged period joins the
incident of a held one that it overlaps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import chain

from data_quality.gate.checks.registry import CHECKS
from data_quality.gate.verdict import CheckResult
from metrics.core.periods import Period, parse
from metrics.definitions.catalog import Catalog, CatalogKpi, Key

# Checks that fail only because another value is held, or only beside published values.
_DERIVED = ("part_of_held", "beside_held", "reconciliation", "base_restated")
FAILINGS = {check.name: check.failing for check in CHECKS} | {
    "closed_period": "the value of a closed period changed",
    "unexplained_change": "the value changed although no newer data came",
    "refactoring": "the definition changed, and it is not proved that its values stay the same",
    "base_restated": "the earlier values that it is computed from differ from the published ones",
    "reconciliation": "it would contradict values that stay published",
}
_STILL_TO_COME = frozenset(check.name for check in CHECKS if check.fixed)
_SHORTEST_FIRST = ("D", "W", "M", "Q", "A")


@dataclass(frozen=True)
class Failure:
    """A key whose newest verdict fails: it is `held`, or else only flagged.

    `checks` are the failing ones. A `rejected` key is held by a decision, and in an incident of its own.
    """

    kpi: CatalogKpi
    period: Period
    checks: tuple[CheckResult, ...]
    held: bool
    rejected: bool = False

    @property
    def key(self) -> Key:
        """(kpi_id, freq, time_period)."""
        return self.kpi.kpi_id, self.period.freq, self.period.code

    @cached_property
    def faulty_feeds(self) -> frozenset[str]:
        """The feeds that failing checks name."""
        return frozenset(check.feed for check in self.checks if check.feed is not None)

    @cached_property
    def days(self) -> tuple[int, int]:
        """The first and the last day of its period, as ordinals of `date`."""
        return self.period.start.toordinal(), self.period.end.toordinal()

    @cached_property
    def is_still_to_come(self) -> bool:
        """Whether the period waits for its build or its data, and doesn't fail for its value."""
        return any(check.check in _STILL_TO_COME for check in self.checks)

    @cached_property
    def is_derived(self) -> bool:
        """Whether the period fails only because another value is held."""
        return all(check.check in _DERIVED for check in self.checks) and bool(self.checks)

    @property
    def main_check(self) -> CheckResult | None:
        """The check to name first: one that holds before one that flags, a cause before its consequences."""
        order = [*FAILINGS]

        def rank(check: CheckResult) -> tuple[bool, bool, bool, int]:
            position = order.index(check.check) if check.check in order else len(order)
            return not check.holds, check.outcome != "fail", check.check in _DERIVED, position

        return min(self.checks, key=rank, default=None)


@dataclass(frozen=True)
class Incident:
    """Failures with one reason, in the order of the catalogue and of time.

    `lead` is the failure to name first. Its KPI is the one from which most other KPIs of the incident are computed; its
    roles decide.
    """

    failures: tuple[Failure, ...]
    lead: Failure

    @property
    def incident_id(self) -> str:
        """KPI and period of its lead, such as net_revenue-2016-07. People may also use another key of the incident."""
        return f"{self.lead.kpi.kpi_id}-{self.lead.period.code}"

    @property
    def is_held(self) -> bool:
        """Whether any of its failures is held; else all are flagged."""
        return any(failure.held for failure in self.failures)

    @property
    def held(self) -> tuple[Failure, ...]:
        """The failures that are held."""
        return tuple(failure for failure in self.failures if failure.held)

    @property
    def since(self) -> date:
        """The first day of the earliest of its shortest periods; only held periods count if there are any."""
        return _since(self.held or self.failures)

    def since_of(self, kpi_id: str) -> date:
        """The same for the periods of one KPI, because an event may reach one KPI later than another."""
        return _since([failure for failure in self.held or self.failures if failure.kpi.kpi_id == kpi_id])

    @property
    def until(self) -> date:
        """The last day of its last period; only held periods count if there are any."""
        return max(failure.period.end for failure in self.held or self.failures)

    @property
    def kpi_ids(self) -> tuple[str, ...]:
        """The ids of its KPIs, each once."""
        return tuple(dict.fromkeys(failure.kpi.kpi_id for failure in self.failures))

    @property
    def title(self) -> str:
        """What is wrong, in words and without figures."""
        check = self.lead.main_check
        if check is None:
            return f"{self.lead.kpi.name}: held"
        what_is_wrong = FAILINGS.get(check.check, f"the check {check.check} fails")
        subject = f"Feed {check.feed}" if check.feed else self.lead.kpi.name
        return f"{subject}: {what_is_wrong}"


def _since(failures: Sequence[Failure]) -> date:
    shortest = min(failures, key=lambda failure: _SHORTEST_FIRST.index(failure.period.freq)).period.freq
    return min(failure.period.start for failure in failures if failure.period.freq == shortest)


def find(failures: Iterable[Failure], catalog: Catalog) -> list[Incident]:
    """The failures grouped into incidents, the worst first: held before flagged, then by key KPIs and failures."""
    in_order = sorted(failures, key=lambda failure: (_SHORTEST_FIRST.index(failure.period.freq), failure.period.start))
    causes = [failure for failure in in_order if not failure.is_derived]
    # Flagged and derived failures join a group that they overlap, but never make one group of two.
    groups = _grouped([failure for failure in causes if failure.held])
    flagged = _not_joined(groups, [failure for failure in causes if not failure.held])
    groups += _grouped(flagged)
    groups += _grouped(_not_joined(groups, [failure for failure in in_order if failure.is_derived]))
    return sorted((incident(group, catalog) for group in groups), key=_severity, reverse=True)


def by_id(name: str, incidents: Sequence[Incident]) -> Incident | None:
    """The incident with that id, or else the one with the key that the id names; None if there is none."""
    exact = next((incident for incident in incidents if incident.incident_id == name), None)
    kpi_id, _, code = name.partition("-")
    by_key = (
        incident
        for incident in incidents
        if any((failure.kpi.kpi_id, failure.period.code) == (kpi_id, code) for failure in incident.failures)
    )
    return exact or next(by_key, None)


def _grouped(failures: Sequence[Failure]) -> list[list[Failure]]:
    """Failures, sorted as in `find`, grouped by reason. A longer period joins one group of shorter ones at most."""
    groups: list[list[Failure]] = []
    for freq in _SHORTEST_FIRST:
        shorter = list(groups)
        for run in _runs([failure for failure in failures if failure.period.freq == freq]):
            group = next((group for group in shorter if _overlap(group, run)), None)
            group = group or next((group for group in shorter if _are_adjacent(group, run)), None)
            if group is None:
                groups.append(run)
            else:
                group += run
    return groups


def _not_joined(groups: Sequence[list[Failure]], failures: Sequence[Failure]) -> list[Failure]:
    """Adds each failure to the first group that it overlaps and that may have its reason; returns those without one.

    Failures added here don't count when the next one is compared with a group.
    """
    before = [list(group) for group in groups]
    not_joined = []
    for failure in failures:
        overlapping = (group for group, members in zip(groups, before, strict=True) if _overlap(members, [failure]))
        group = next(overlapping, None)
        if group is None:
            not_joined.append(failure)
        else:
            group.append(failure)
    return not_joined


def _runs(failures: Sequence[Failure]) -> list[list[Failure]]:
    """Groups failures of one frequency, sorted by time.

    A failure joins every run with a failure that it continues (see `_continues`), so that runs may become one.
    """
    closed_runs: list[list[Failure]] = []
    open_runs: list[list[Failure]] = []
    for failure in failures:
        runs_to_join: list[list[Failure]] = []
        other_open_runs: list[list[Failure]] = []
        for run in open_runs:
            if max(earlier.days[1] for earlier in run) < failure.days[0] - 1:
                closed_runs.append(run)
            else:
                (
                    runs_to_join if any(_continues(earlier, failure) for earlier in reversed(run)) else other_open_runs
                ).append(run)
        open_runs = [*other_open_runs, [*chain.from_iterable(runs_to_join), failure]]
    return closed_runs + open_runs


def _continues(earlier: Failure, later: Failure) -> bool:
    """Whether the later failure has the reason of the earlier one, with the same days or the days right after them.

    Of two adjacent periods, either both or neither must fail for a faulty feed.
    """
    days_between = later.days[0] - earlier.days[1]
    same_kind = bool(earlier.faulty_feeds) == bool(later.faulty_feeds)
    return (days_between <= 0 or (days_between == 1 and same_kind)) and _may_share_reason(earlier, later)


def _overlap(group: Sequence[Failure], run: Sequence[Failure]) -> bool:
    """Whether a failure of each share a day and may have one reason."""
    return any(
        grouped.days[0] <= new.days[1] and new.days[0] <= grouped.days[1] and _may_share_reason(grouped, new)
        for grouped in group
        for new in run
    )


def _are_adjacent(group: Sequence[Failure], run: Sequence[Failure]) -> bool:
    """Whether a failure of each are adjacent in time, name no faulty feed and may have one reason.

    So July joins the first week of August, where the same change goes on.
    """
    return any(
        1 in (grouped.days[0] - new.days[1], new.days[0] - grouped.days[1])
        and not grouped.faulty_feeds | new.faulty_feeds
        and _may_share_reason(grouped, new)
        for grouped in group
        for new in run
    )


def _may_share_reason(first: Failure, second: Failure) -> bool:
    """Whether two failures may have one reason, by the rules in the module's docstring. Their days aren't compared."""
    kinds = [(failure.is_still_to_come, failure.rejected, failure.kpi.protected) for failure in (first, second)]
    if kinds[0] != kinds[1]:
        return False
    if first.kpi.kpi_id == second.kpi.kpi_id:
        return True
    if first.faulty_feeds & set(second.kpi.feeds) or second.faulty_feeds & set(first.kpi.feeds):
        return True
    if first.kpi.kpi_id in second.kpi.covers or second.kpi.kpi_id in first.kpi.covers:
        return True
    shared = len(set(first.kpi.feeds) & set(second.kpi.feeds))
    return 2 * shared > min(len(first.kpi.feeds), len(second.kpi.feeds))


def incident(group: Sequence[Failure], catalog: Catalog) -> Incident:
    """The incident made up of these failures (at least one)."""
    position = {kpi.kpi_id: number for number, kpi in enumerate(catalog.kpis)}

    def order(failure: Failure) -> tuple[int, int, date]:
        return position[failure.kpi.kpi_id], _SHORTEST_FIRST.index(failure.period.freq), failure.period.start

    failures = tuple(sorted(group, key=order))
    kpis = {failure.kpi.kpi_id: failure.kpi for failure in failures}
    n_computed_from = Counter(kpi_id for kpi in kpis.values() for kpi_id in kpi.covers)

    def rank(failure: Failure) -> tuple[bool, bool, int, bool]:
        n_kpis = n_computed_from[failure.kpi.kpi_id]
        return not failure.held, failure.is_derived, -n_kpis, failure.kpi.level != "key"

    return Incident(failures, min(failures, key=rank))


def _severity(incident: Incident) -> tuple[bool, int, int, date]:
    """A sort key that is largest for the worst incident."""
    counted = incident.held or incident.failures
    n_key_kpis = len({failure.kpi.kpi_id for failure in counted if failure.kpi.level == "key"})
    return incident.is_held, n_key_kpis, len(counted), incident.until


def failure(
    catalog: Catalog, key: Key, checks: Sequence[CheckResult], *, held: bool, rejected: bool = False
) -> Failure:
    """The failure of a key, with its KPI from the catalogue."""
    return Failure(catalog.kpi(key[0]), parse(key[2]), tuple(checks), held, rejected)
