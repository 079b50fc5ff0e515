"""Which periods count as a KPI's history, for the checks that hold a period against those before it.

What was published counts, as it was published last. What was held or rejected, and never released, doesn't. A period
that was never judged counts as it is computed now. Periods that this run judges are left to the checks: they count
from when they have passed, in the order of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from data_quality.gate.candidates import Candidate
from data_quality.gate.checks.registry import BY_CHANCE, CHECKS
from data_quality.ledger.former_checks import FORMER_CHECKS
from data_quality.ledger.queries import newest_decisions
from data_quality.ledger.schemas import OBSERVATIONS, VERDICTS
from data_quality.ledger.store import Ledger
from metrics.definitions.catalog import Key

# A period that isn't complete, or isn't there, is held for what is still to come and not for what its values are, and
# one that is a part of another for that one's.
_NOT_FOR_DATA = tuple(check.name for check in CHECKS if check.fixed or check.by_chance or check.stage == 3)
_FIXED = tuple(check.name for check in CHECKS if check.fixed)
_FORMER = "[" + ", ".join(f"{{'was': '{was}', 'name': '{name}'}}" for was, name in FORMER_CHECKS.items()) + "]"
# Another version's values are another series. What disclosure control lets nobody see, the warehouse knows.
_HISTORY = f"""
create or replace temp table new_levels as
select kpi_id, list(distinct new_level_from order by new_level_from) as since
from let_through where new_level_from is not null group by kpi_id;
create or replace temp table rejected as select * exclude (decision) from decided where decision = 'reject';
create or replace temp table released as select * exclude (decision) from decided where decision = 'release';
create or replace temp table newest_verdicts as
from verdicts qualify row_number() over (partition by kpi_id, freq, time_period order by sequence desc) = 1;
create or replace temp table held_keys as
from (select kpi_id, freq, time_period from newest_verdicts where verdict = 'hold' union from rejected)
anti join released using (kpi_id, freq, time_period);
create or replace temp table failing_before as
select kpi_id, freq, time_period, coalesce(former.name, one.check) as check_name, one.severity, one.outcome
from (
    select kpi_id, freq, time_period,
        unnest(from_json(checks, '[{{"check": "VARCHAR", "severity": "VARCHAR", "outcome": "VARCHAR"}}]')) as one
    from newest_verdicts
    where verdict <> 'publish'
)
left join (select unnest({_FORMER}, recursive := true)) former on former.was = one.check
where one.outcome in ('fail', 'not_evaluated');
create or replace temp table held_before as
select distinct kpi_id, freq, time_period
from failing_before
where severity = 'critical' and check_name not in {_NOT_FOR_DATA};
create or replace temp table held_by_chance_before as
select distinct kpi_id, freq, time_period
from failing_before
where check_name in {BY_CHANCE} and outcome = 'fail' and severity = 'critical'
except
select kpi_id, freq, time_period from failing_before where check_name in {_FIXED};
create or replace temp table history as
with published as (
    select
        l.kpi_id, l.freq, l.time_period, l.period_start, l.segment, l.member,
        coalesce(l.obs_value, c.obs_value) as obs_value,
        coalesce(l.numerator, c.numerator) as numerator,
        coalesce(l.denominator, c.denominator) as denominator,
        coalesce(l.n_obs, c.n_obs) as n_obs,
        l.decision_id is not null as vouched,
        l.obs_status <> 'P' as is_final
    from (
        from observations
        qualify row_number() over (
            partition by kpi_id, freq, time_period, segment, member order by sequence desc
        ) = 1
    ) l
    join rules r on r.kpi_id = l.kpi_id and r.definition_version = l.definition_version
    left join candidate_rows c on c.kpi_id = l.kpi_id and c.freq = l.freq and c.time_period = l.time_period
        and c.segment = l.segment and c.member = l.member
)
from published
union all
select c.kpi_id, c.freq, c.time_period, c.period_start, c.segment, c.member,
    c.obs_value, c.numerator, c.denominator, c.n_obs, false as vouched, false as is_final
from candidate_rows c
join rules using (kpi_id)
anti join planned using (kpi_id, freq, time_period)
anti join published using (kpi_id, freq, time_period)
anti join held_keys using (kpi_id, freq, time_period)
"""
_DECIDED = pa.schema([(name, pa.string()) for name in ("kpi_id", "freq", "time_period", "decision")])
_LET_THROUGH = pa.schema(
    [
        ("kpi_id", pa.string()),
        ("new_level_from", pa.date32()),
    ]
)
_SEQUENCE = pa.field("sequence", pa.int64())


def load(connection: duckdb.DuckDBPyConnection, ledger: Ledger | None, candidates: Mapping[Key, Candidate]) -> None:
    """Put what was judged, decided and published before into temporary tables.

    `rejected` and `released` have the keys whose candidate was; `held_keys` those that the newest verdict holds or that
    are rejected, but for released ones; `held_before` those that it holds for a fault of the data, and
    `held_by_chance_before` complete ones that it holds by a check of BY_CHANCE; `new_levels` says since when a KPI's
    level is another one, by a decision; `history` has the values that count.

    Columns of `history`: kpi_id, freq, time_period, period_start, segment, member, obs_value, numerator, denominator,
    n_obs, `vouched`: a decision let it through, and `is_final`: it was published, and its period had closed. Needs the
    temporary tables of `candidates.py` and of `checks/frame.py`. `ledger` is None where nothing was ever published.
    """
    decided: list[tuple[str, ...]] = []
    let_through: list[dict[str, Any]] = []
    observations, verdicts = OBSERVATIONS.append(_SEQUENCE).empty_table(), VERDICTS.append(_SEQUENCE).empty_table()
    if ledger is not None:
        observations, verdicts = ledger.observations, ledger.verdicts
        decisions = newest_decisions(ledger)
        let_through = [one for one in decisions.values() if one["decision"] == "release"]
        decided = [
            (*key, made["decision"])
            for key, candidate in candidates.items()
            if (made := decisions.get((*key, candidate.candidate_hash)))
        ]
    given = {
        "let_through": pa.Table.from_pylist(let_through, _LET_THROUGH),
        "observations": observations,
        "verdicts": verdicts,
        "decided": pa.Table.from_pylist([dict(zip(_DECIDED.names, one, strict=True)) for one in decided], _DECIDED),
    }
    for name, table in given.items():
        connection.register(name, table)
    connection.execute(_HISTORY)
    for name in given:
        connection.unregister(name)
