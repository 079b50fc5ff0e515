"""What a fault did: which published numbers it moved, by how much, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandas as pd

from data_quality import warehouse
from data_quality.gate import candidates
from data_quality.gate.verdict import Verdict
from data_quality.release.result import Held
from metrics.definitions.catalog import Catalog, Key

UNMOVED = 1e-6
"""Per cent under which a number counts as unmoved: sums of floating-point numbers differ in their last digits."""
_CELLS = """
select kpi_id, freq, time_period, segment, member, obs_value, n_obs
from candidate_rows where period_end between $first and $last
"""
KEY = ["kpi_id", "freq", "time_period"]


@dataclass(frozen=True)
class Outcome:
    """What became of one key: `held`, `flagged` or `published`; the checks that failed; and which of them hold."""

    answer: str
    checks: tuple[str, ...]
    holding: tuple[str, ...] = ()


UNJUDGED = Outcome("held", ("not judged",))
"""Of a key that has no verdict."""


@dataclass(frozen=True)
class Move:
    """A total or a cell that a fault moved, in per cent of its clean value, and what became of its key."""

    kpi_id: str
    freq: str
    time_period: str
    segment: str
    member: str
    pct: float
    outcome: Outcome


def cells(catalog: Catalog, first: date, last: date) -> pd.DataFrame:
    """All candidates of the periods that end in [first, last], of the deployment in force.

    Columns: kpi_id, freq, time_period, segment, member, obs_value (NaN where NULL), n_obs.
    """
    with warehouse.connect() as connection:
        candidates.load(connection, catalog)
        return connection.execute(_CELLS, {"first": first, "last": last}).df()


def outcomes(verdicts: Iterable[Verdict], refused: Iterable[Held]) -> dict[Key, Outcome]:
    """The outcome of each key. Keys that a release would refuse, such as changed values of closed periods, are held."""
    answers = {"publish": "published", "publish_flagged": "flagged", "hold": "held"}
    by_key = {
        verdict.key: Outcome(
            answers[verdict.verdict],
            tuple(result.check for result in verdict.failing),
            tuple(result.check for result in verdict.holding),
        )
        for verdict in verdicts
    }
    for held in refused:
        judged = by_key.get(held.key, Outcome("held", ()))
        beside = tuple(check for check in held.checks if check not in judged.checks)
        by_key[held.key] = Outcome("held", (*judged.checks, *beside), (*judged.holding, *beside))
    return by_key


def beyond(faulted: Mapping[Key, Outcome], clean: Mapping[Key, Outcome]) -> dict[Key, Outcome]:
    """The outcomes of a fault world, without flags that the clean world has, too: these don't show the fault."""
    return {
        key: replace(outcome, answer="published")
        if outcome.answer == "flagged" and key in clean and set(outcome.checks) <= set(clean[key].checks)
        else outcome
        for key, outcome in faulted.items()
    }


def moves(
    catalog: Catalog, clean: pd.DataFrame, faulted: pd.DataFrame, judged: Mapping[Key, Outcome], kpis: frozenset[str]
) -> list[Move]:
    """The totals and cells of these KPIs that differ from the clean world's, the largest difference first.

    A value that is missing on one side has moved by 100 %. For fractions that may be negative (a growth, a gap), the
    move is measured in percentage points: near 0, a move in per cent could be of any size.
    """
    on = [*KEY, "segment", "member"]
    both = clean[clean.kpi_id.isin(kpis)].merge(
        faulted[faulted.kpi_id.isin(kpis)], on=on, how="outer", suffixes=("_clean", "")
    )
    by_point = {kpi.kpi_id for kpi in catalog.kpis if kpi.unit == "fraction" and kpi.lower_bound is None}
    before, after = both.obs_value_clean, both.obs_value
    size = before.abs().mask(both.kpi_id.isin(by_point), 1.0)
    pct = (100 * (after - before).abs() / size).mask(before.isna() != after.isna(), 100.0)
    pct = pct.mask((before == 0) & (after != 0), 100.0).mask(before == after, 0.0)
    both = both.assign(pct=pct)
    both = both[both.pct > UNMOVED].sort_values(["pct", *on], ascending=[False, *[True] * len(on)])
    return [
        Move(kpi_id, freq, code, segment, member, round(pct, 4), judged.get((kpi_id, freq, code), UNJUDGED))
        for kpi_id, freq, code, segment, member, pct in both[[*on, "pct"]].itertuples(index=False, name=None)
    ]


def as_json(move: Move) -> dict[str, Any]:
    """A move in the form of the results file."""
    cell = {} if move.segment == "_T" else {"cell": f"{move.segment} {move.member}"}
    return {
        "kpi_id": move.kpi_id,
        "period": move.time_period,
        **cell,
        "moved_pct": move.pct,
        "outcome": move.outcome.answer,
        "checks": list(move.outcome.checks),
        "holding": list(move.outcome.holding),
    }
