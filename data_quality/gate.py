"""The gate: judges every planned key and keeps its verdict in the warehouse. What publishes is `release.py`."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import date

import numpy as np
import pandas as pd

from data_quality import admission, candidates, checks, expectations, offer, verdict, warehouse
from data_quality.ledger import Ledger
from data_quality.plan import Planned, history, plan
from data_quality.verdict import CheckResult, Key, Outcome, Verdict
from metrics import clock
from metrics import company as deployment
from metrics.catalog import Catalog
from metrics.check_rules import RULES, CheckRule
from metrics.company import Company
from metrics.text import visible


def unsettled(catalog: Catalog) -> set[Key]:
    """The keys of the whole history that a run judges, whichever months it is of; `admission.unsettled` says which.

    Raises NyckeltalError when the warehouse isn't there or isn't free, or the ledger can't be read.
    """
    with warehouse.connect() as connection:
        offered = offer.read(connection, catalog, *history(catalog))
    return admission.unsettled(offered, Ledger.find(deployment.ledger_path()))


def judge(
    company: Company, catalog: Catalog, first: date, last: date, also: Collection[Key] = frozenset()
) -> list[Verdict]:
    """Judge every key whose period ended in [first, last] and before today, and those of `also`; keep the verdicts.

    Ordered as the catalogue, then by freq and period. What can't be evaluated is held.
    Raises NyckeltalError when the warehouse isn't there or isn't free, or the ledger can't be read.
    """
    with warehouse.connect() as connection:
        planned = plan(catalog, first, last, also)
        if not planned:
            return []
        loaded = candidates.load(connection, catalog)
        ledger = Ledger.find(deployment.ledger_path())
        frame = checks.figures(connection, company, planned, loaded, catalog.identities, ledger)
        outcomes = expectations.judge(frame, RULES)
        by_check = [_results(check, frame, outcomes[check.name], planned) for check in RULES]
        severities = {item.kpi.kpi_id: item.kpi.severities for item in planned}
        judged_at = clock.now()
        verdicts = []
        for item, *results in zip(planned, *by_check, strict=True):
            candidate = loaded.candidates.get(item.key)
            build = loaded.builds.get(item.kpi.kpi_id)
            found = Verdict(
                kpi_id=item.kpi.kpi_id,
                freq=item.period.freq,
                time_period=item.period.code,
                period_start=item.period.start,
                period_end=item.period.end,
                verdict=verdict.answer(results, severities[item.kpi.kpi_id]),
                checks=tuple(results),
                candidate_hash=candidate.candidate_hash if candidate else None,
                definition_hash=item.kpi.definition_hash,
                batch_id=build.batch_id if build else None,
                judged_at=judged_at,
                protected=item.kpi.protected,
            )
            verdicts.append(verdict.without_figures(found) if item.kpi.protected else found)
        verdict.store(connection, verdicts)
    return verdicts


def _results(
    check: CheckRule, frame: pd.DataFrame, outcomes: Sequence[Outcome], planned: Sequence[Planned]
) -> list[CheckResult]:
    """The check's result for every planned key."""
    numbers = frame[check.name].to_numpy(dtype="float64", na_value=np.nan).tolist()
    limits, details = frame[f"{check.name}__limit"].tolist(), frame[f"{check.name}__detail"].tolist()
    settings = {item.kpi.kpi_id: item.kpi.rules[check.name] for item in planned}
    results = []
    for number, limit, detail, outcome, item in zip(numbers, limits, details, outcomes, planned, strict=True):
        rule = settings[item.kpi.kpi_id]
        judged = outcome in ("pass", "fail")
        figure = number if judged and math.isfinite(number) else None
        told = visible(f"off: {rule.off}" if rule.off else _detail(check, str(detail), outcome, item))
        results.append(CheckResult(check.name, rule.severity, outcome, figure, limit if judged else None, told))
    return results


def _detail(check: CheckRule, found: str, outcome: Outcome, item: Planned) -> str:
    if outcome == "not_evaluated":
        return "could not be evaluated"
    if outcome != "fail":
        return ""
    if item.kpi.protected and check.name != "inputs_complete":  # that one speaks of feeds, not of persons
        return "fails; figures of a protected KPI stay in the warehouse"
    return found
