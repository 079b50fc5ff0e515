"""The gate: judges every planned key and stores its verdict in the warehouse. `release/release.py` publishes."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import date

import numpy as np
import pandas as pd

from data_quality import warehouse
from data_quality.gate import baseline, candidates, expectations, verdict
from data_quality.gate.checks import frame as checks
from data_quality.gate.checks.check import LEVELS, Check
from data_quality.gate.checks.registry import CHECKS, LIMITS, NAMES
from data_quality.gate.keys import Planned, plan
from data_quality.gate.verdict import CheckResult, Outcome, Verdict
from data_quality.ledger.store import Ledger
from metrics.core import clock, deployment
from metrics.core.text import visible
from metrics.definitions.catalog import Catalog, Key
from metrics.definitions.company import Company

_WORST_FIRST: tuple[Outcome, ...] = ("not_evaluated", "fail", "pass", "not_applicable")


def judge(
    company: Company, catalog: Catalog, first: date, last: date, also: Collection[Key] = frozenset()
) -> list[Verdict]:
    """Judge each KPI and period that ended from first to last and before today, and the keys of `also`.

    The verdicts are stored, and given back in the order of the catalogue, then of freq and period. A key with a check
    that can't be evaluated is held.
    Raises NyckeltalError when the warehouse isn't there or isn't free, or the ledger can't be read.
    """
    with warehouse.connect() as connection:
        planned = plan(catalog, first, last, also)
        if not planned:
            return []
        loaded = candidates.load(connection, catalog)
        ledger = Ledger.find(deployment.ledger_path())
        in_baseline = baseline.find(planned, catalog, ledger, clock.today(company.time_zone))
        frame = checks.figures(connection, company, catalog, planned, in_baseline, loaded, ledger)
        outcomes = expectations.judge(frame, LIMITS)
        by_check = [_results(check, frame, outcomes, planned) for check in CHECKS]
        judged_at = clock.now()
        verdicts = []
        for planned_key, *results in zip(planned, *by_check, strict=True):
            kpi, period = planned_key.kpi, planned_key.period
            candidate = loaded.candidates.get(planned_key.key)
            build = loaded.builds.get(kpi.kpi_id)
            judged = Verdict(
                kpi_id=kpi.kpi_id,
                freq=period.freq,
                time_period=period.code,
                period_start=period.start,
                period_end=period.end,
                verdict=verdict.answer(results, NAMES),
                checks=tuple(results),
                candidate_hash=candidate.candidate_hash if candidate else None,
                definition_hash=kpi.definition_hash,
                batch_id=build.batch_id if build else None,
                judged_at=judged_at,
                protected=kpi.protected,
            )
            verdicts.append(verdict.without_figures(judged) if kpi.protected else judged)
        verdict.store(connection, verdicts)
    return verdicts


def _results(
    check: Check, frame: pd.DataFrame, outcomes: dict[str, list[Outcome]], planned: Sequence[Planned]
) -> list[CheckResult]:
    """The check's result for every planned key: the worse outcome of its two limits, with the limit that it is for.

    With equal outcomes the limit to hold counts.
    """
    figures = frame[check.name].to_numpy(dtype="float64", na_value=np.nan).tolist()
    details, feeds = frame[f"{check.name}__detail"].tolist(), frame[f"{check.name}__feed"].tolist()
    limits = {level: frame[f"{check.name}__{level}"].tolist() for level in LEVELS}
    by_level = [(level, outcomes.get(f"{check.name}__{level}")) for level in reversed(LEVELS)]
    results = []
    for row, planned_key in enumerate(planned):
        row_outcomes = [
            (level_outcomes[row], level) for level, level_outcomes in by_level if level_outcomes is not None
        ]
        outcome, level = min(row_outcomes, key=lambda pair: _WORST_FIRST.index(pair[0]))
        judged = outcome in ("pass", "fail")
        setting = planned_key.kpi.gate.get(check.name)
        off = setting.off if setting else None
        results.append(
            CheckResult(
                check=check.name,
                severity="critical" if level == "hold" else "warning",
                outcome=outcome,
                figure=figures[row] if judged and math.isfinite(figures[row]) else None,
                limit=limits[level][row] if judged else None,
                detail=visible(f"off: {off}" if off else _detail(check, str(details[row]), outcome, planned_key)),
                feed=feeds[row] if outcome == "fail" else None,
            )
        )
    return results


def _detail(check: Check, detail: str, outcome: Outcome, planned_key: Planned) -> str:
    """The detail as it is stored: without figures of protected KPIs, and only for checks that didn't pass."""
    if outcome == "not_evaluated":
        return "could not be evaluated"
    if outcome != "fail":
        return ""
    if planned_key.kpi.protected and check.name != "complete":  # details of `complete` are about feeds, not persons
        return "figures of a protected KPI stay in the warehouse"
    return detail
