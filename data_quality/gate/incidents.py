"""Incidents: failing verdicts that have one reason, which people look at and decide on as one.

How they are grouped: two failing periods of the same or the next week (month, quarter, year) have one reason when a
check finds fault with a feed that both KPIs read, when one KPI is computed from the other, or when they are computed
from mostly the same feeds. What is still to come, and what was rejected, is another reason than a value. A longer
period belongs to the incident of the shorter ones in it, or next to it, and what is flagged to one that is held on its
days.
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

# The checks that only say that something else is held, and those that show beside published values only.
_DERIVED = ("part_of_held", "beside_held", "reconciliation", "base_restated")
_FAILINGS = {check.name: check.failing for check in CHECKS} | {
    "closed_period": "the value of a closed period changed",
    "unexplained_change": "the value changed though nothing newer came",
    "refactoring": "a changed definition isn't proved to give the same values",
    "base_restated": "what it looks back on is another than what was published",
    "reconciliation": "it would contradict what stays published",
}
_STILL_TO_COME = frozenset(check.name for check in CHECKS if check.fixed)
_SHORTEST_FIRST = ("D", "W", "M", "Q", "A")


@dataclass(frozen=True)
class Failure:
    """A key whose newest verdict fails: `held`, or only flagged. `checks` are those that fail.

    What was `rejected` is held by a decision, and in an incident of its own.
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
        """The feeds whose rows checks find fault with."""
        return frozenset(check.feed for check in self.checks if check.feed is not None)

    @cached_property
    def days(self) -> tuple[int, int]:
        """The first and the last day of its period, as numbers."""
        return self.period.start.toordinal(), self.period.end.toordinal()

    @cached_property
    def is_still_to_come(self) -> bool:
        """Whether it fails as its build or data are still to come, rather than for its value."""
        return any(check.check in _STILL_TO_COME for check in self.checks)

    @cached_property
    def is_derived(self) -> bool:
        """Whether it fails only as another value is held."""
        return all(check.check in _DERIVED for check in self.checks) and bool(self.checks)

    @property
    def main_check(self) -> CheckResult | None:
        """The check to name first: one that holds before one that flags, a cause before what follows from it."""
        order = [*_FAILINGS]

        def rank(check: CheckResult) -> tuple[bool, bool, bool, int]:
            at = order.index(check.check) if check.check in order else len(order)
            return not check.holds, check.outcome != "fail", check.check in _DERIVED, at

        return min(self.checks, key=rank, default=None)


@dataclass(frozen=True)
class Incident:
    """Failures with one reason, in the order of the catalogue and of time. The first named is `lead`.

    The KPI of `lead` is the one that most others of the incident are computed from; it says who may decide.
    """

    failures: tuple[Failure, ...]
    lead: Failure

    @property
    def incident_id(self) -> str:
        """Such as net_revenue-2016-07: the KPI and the first period of its lead. Any key of it is another name."""
        return f"{self.lead.kpi.kpi_id}-{self.lead.period.code}"

    @property
    def is_held(self) -> bool:
        """Whether anything of it is held, rather than flagged."""
        return any(one.held for one in self.failures)

    @property
    def held(self) -> tuple[Failure, ...]:
        """What of it is held."""
        return tuple(one for one in self.failures if one.held)

    @property
    def since(self) -> date:
        """The first day of the earliest of its shortest periods, held ones where it holds any."""
        of = self.held or self.failures
        shortest = min(_SHORTEST_FIRST.index(one.period.freq) for one in of)
        return min(one.period.start for one in of if _SHORTEST_FIRST.index(one.period.freq) == shortest)

    @property
    def until(self) -> date:
        """The last day of its last period, of held ones where it holds any."""
        return max(one.period.end for one in self.held or self.failures)

    @property
    def kpi_ids(self) -> tuple[str, ...]:
        """Its KPIs."""
        return tuple(dict.fromkeys(one.kpi.kpi_id for one in self.failures))

    @property
    def title(self) -> str:
        """What is wrong, in words, without a figure."""
        check = self.lead.main_check
        if check is None:
            return f"{self.lead.kpi.name}: held"
        told = _FAILINGS.get(check.check, f"the check {check.check} fails")
        return f"Feed {check.feed}: {told}" if check.feed else f"{self.lead.kpi.name}: {told}"


def find(failures: Iterable[Failure], catalog: Catalog) -> list[Incident]:
    """The incidents that the failures make up, worst first: what is held, of key KPIs, and most of it."""
    in_order = sorted(failures, key=lambda one: (_SHORTEST_FIRST.index(one.period.freq), one.period.start))
    causes = [one for one in in_order if not one.is_derived]
    # What is flagged, or fails only as another value is held, joins an incident of its days, and joins no two.
    groups = _grouped([one for one in causes if one.held])
    flagged = _joined(groups, [one for one in causes if not one.held])
    groups += _grouped(flagged)
    groups += [[one] for one in _joined(groups, [one for one in in_order if one.is_derived])]
    return sorted((incident(group, catalog) for group in groups), key=_worst_first, reverse=True)


def of(name: str, incidents: Sequence[Incident]) -> Incident | None:
    """The incident of that id, or that has the key which the id names; None where there is none."""
    exact = next((one for one in incidents if one.incident_id == name), None)
    kpi_id, _, code = name.partition("-")
    by_key = (one for one in incidents if any((f.kpi.kpi_id, f.period.code) == (kpi_id, code) for f in one.failures))
    return exact or next(by_key, None)


def _grouped(failures: Sequence[Failure]) -> list[list[Failure]]:
    """Failures in the order of `find`, by reason: a longer period is with the shorter ones in it, and joins no two."""
    groups: list[list[Failure]] = []
    for freq in _SHORTEST_FIRST:
        shorter = list(groups)
        for run in _runs([one for one in failures if one.period.freq == freq]):
            home = next((group for group in shorter if _overlap(group, run)), None)
            home = home or next((group for group in shorter if _meet(group, run)), None)
            if home is None:
                groups.append(run)
            else:
                home += run
    return groups


def _joined(groups: Sequence[list[Failure]], failures: Sequence[Failure]) -> list[Failure]:
    """Puts each failure into the first of the groups that has its days and may have its reason; gives the others."""
    causes = [list(group) for group in groups]
    others = []
    for one in failures:
        home = next((group for group, cause in zip(groups, causes, strict=True) if _overlap(cause, [one])), None)
        if home is None:
            others.append(one)
        else:
            home.append(one)
    return others


def _runs(failures: Sequence[Failure]) -> list[list[Failure]]:
    """Failures of one frequency, in the order of time, grouped: what has one reason and follows on."""
    done: list[list[Failure]] = []
    running: list[list[Failure]] = []
    for failure in failures:
        touching: list[list[Failure]] = []
        apart: list[list[Failure]] = []
        for run in running:
            if max(one.days[1] for one in run) < failure.days[0] - 1:
                done.append(run)
            else:
                (touching if any(_goes_on(one, failure) for one in reversed(run)) else apart).append(run)
        running = [*apart, [*chain.from_iterable(touching), failure]]
    return done + running


def _goes_on(earlier: Failure, later: Failure) -> bool:
    """Whether a failure of the same days, or of those just before, is of one reason with a later one.

    A fault of a feed's rows that is told for one of two following periods only isn't what is wrong with the other.
    """
    apart = later.days[0] - earlier.days[1]
    same_kind = bool(earlier.faulty_feeds) == bool(later.faulty_feeds)
    return (apart <= 0 or (apart == 1 and same_kind)) and _alike(earlier, later)


def _overlap(group: Sequence[Failure], run: Sequence[Failure]) -> bool:
    return any(
        one.days[0] <= other.days[1] and other.days[0] <= one.days[1] and _alike(one, other)
        for one in group
        for other in run
    )


def _meet(group: Sequence[Failure], run: Sequence[Failure]) -> bool:
    """Whether they follow on each other and find fault with no feed: what began in July goes on in August's weeks."""
    return any(
        1 in (one.days[0] - other.days[1], other.days[0] - one.days[1])
        and not one.faulty_feeds | other.faulty_feeds
        and _alike(one, other)
        for one in group
        for other in run
    )


def _alike(one: Failure, other: Failure) -> bool:
    """Whether they may have one reason. Protected KPIs are decided on by themselves."""
    kinds = [(failure.is_still_to_come, failure.rejected, failure.kpi.protected) for failure in (one, other)]
    if kinds[0] != kinds[1]:
        return False
    if one.kpi.kpi_id == other.kpi.kpi_id:
        return True
    if one.faulty_feeds & set(other.kpi.feeds) or other.faulty_feeds & set(one.kpi.feeds):
        return True
    if one.kpi.kpi_id in other.kpi.covers or other.kpi.kpi_id in one.kpi.covers:
        return True
    shared = len(set(one.kpi.feeds) & set(other.kpi.feeds))
    return 2 * shared > min(len(one.kpi.feeds), len(other.kpi.feeds))


def incident(group: Sequence[Failure], catalog: Catalog) -> Incident:
    """The incident that these failures make up, one or more."""
    place = {kpi.kpi_id: number for number, kpi in enumerate(catalog.kpis)}
    failures = tuple(
        sorted(group, key=lambda one: (place[one.kpi.kpi_id], _SHORTEST_FIRST.index(one.period.freq), one.period.start))
    )
    covered = Counter(kpi_id for one in {f.kpi.kpi_id: f.kpi for f in failures}.values() for kpi_id in one.covers)

    def rank(one: Failure) -> tuple[bool, bool, int, bool]:
        return not one.held, one.is_derived, -covered[one.kpi.kpi_id], one.kpi.level != "key"

    return Incident(failures, min(failures, key=rank))


def _worst_first(incident: Incident) -> tuple[bool, int, int, date]:
    counted = incident.held or incident.failures
    key = len({one.kpi.kpi_id for one in counted if one.kpi.level == "key"})
    return incident.is_held, key, len(counted), incident.until


def failure(
    catalog: Catalog, key: Key, checks: Sequence[CheckResult], *, held: bool, rejected: bool = False
) -> Failure:
    """The failure of a key, by what the catalogue says of its KPI."""
    return Failure(catalog.kpi(key[0]), parse(key[2]), tuple(checks), held, rejected)
