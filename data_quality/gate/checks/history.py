"""Which periods count as a KPI's history, for the checks that compare a period with those before it.

A published period counts, with the values published last. A held or rejected period that was never released doesn't.
A period that was never judged counts with the values computed now. A period that this run judges counts from when it
passes; `in_time.py` adds it, in the order of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from data_quality.gate.candidates import Candidate
from data_quality.gate.checks.registry import CHECKS, STATISTICAL
from data_quality.ledger.former_checks import FORMER_CHECKS
from data_quality.ledger.queries import newest_decisions
from data_quality.ledger.schemas import OBSERVATIONS, VERDICTS
from data_quality.ledger.store import Ledger
from data_quality.warehouse import put
from metrics.definitions.catalog import Key

# Checks that hold a value for another reason than a fault of its data: data or builds that are still to come (`fixed`),
# a deviation from the past (`by_chance`), or another held period (stage 3).
_NOT_FOR_DATA = tuple(check.name for check in CHECKS if check.fixed or check.by_chance or check.stage == 3)
_FIXED = tuple(check.name for check in CHECKS if check.fixed)
_FORMER = "[" + ", ".join(f"{{'was': '{was}', 'name': '{name}'}}" for was, name in FORMER_CHECKS.items()) + "]"
# Values of another definition version are another series and don't count. Values that disclosure control suppressed in
# the ledger are taken from the candidates.
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
select kpi_id, freq, time_period, coalesce(former.name, result.check) as check_name,
    result.severity, result.outcome
from (
    select kpi_id, freq, time_period,
        unnest(from_json(checks, '[{{"check": "VARCHAR", "severity": "VARCHAR", "outcome": "VARCHAR"}}]')) as result
    from newest_verdicts
    where verdict <> 'publish'
)
left join (select unnest({_FORMER}, recursive := true)) former on former.was = result.check
where result.outcome in ('fail', 'not_evaluated');
create or replace temp table held_before as
select distinct kpi_id, freq, time_period
from failing_before
where severity = 'critical' and check_name not in {_NOT_FOR_DATA};
create or replace temp table held_by_chance_before as
select distinct kpi_id, freq, time_period
from failing_before
where check_name in {STATISTICAL} and outcome = 'fail' and severity = 'critical'
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
        l.decision_id is not null as approved,
        l.obs_status not in ('P', 'E') as is_final  -- an estimate is E also before its period closes
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
    c.obs_value, c.numerator, c.denominator, c.n_obs, false as approved, false as is_final
from candidate_rows c
join rules using (kpi_id)
anti join planned using (kpi_id, freq, time_period)
anti join published using (kpi_id, freq, time_period)
anti join held_keys using (kpi_id, freq, time_period)
"""
_SEQUENCE = pa.field("sequence", pa.int64())


def load(connection: duckdb.DuckDBPyConnection, ledger: Ledger | None, candidates: Mapping[Key, Candidate]) -> None:
    """Put what was judged, decided and published before into temporary tables.

    - `rejected`, `released`: keys whose present candidate was rejected or released by a decision.
    - `held_keys`: keys that are rejected or that the newest verdict holds, without the released ones.
    - `held_before`: keys that the newest verdict holds for a fault of the data.
    - `held_by_chance_before`: keys with complete data that the newest verdict holds by a check `by_chance`.
    - `new_levels`: for each KPI the days (`since`) from which on, by decisions, it has another level.
    - `history`: the values that count as history. Columns: kpi_id, freq, time_period, period_start, segment, member,
      obs_value, numerator, denominator, n_obs, approved (a decision released it), is_final (it was published after its
      period had closed).

    Needs the temporary tables of `candidates.py` and of `checks/frame.py`. `ledger` is None if nothing was ever
    published.
    """
    decided: list[tuple[str, ...]] = []
    let_through: list[tuple[Any, ...]] = []
    observations, verdicts = OBSERVATIONS.append(_SEQUENCE).empty_table(), VERDICTS.append(_SEQUENCE).empty_table()
    if ledger is not None:
        observations, verdicts = ledger.observations, ledger.verdicts
        decisions = newest_decisions(ledger)
        released = (decision for decision in decisions.values() if decision["decision"] == "release")
        let_through = [(decision["kpi_id"], decision["new_level_from"]) for decision in released]
        decided = [
            (*key, decision["decision"])
            for key, candidate in candidates.items()
            if (decision := decisions.get((*key, candidate.candidate_hash)))
        ]
    put(connection, "let_through", "kpi_id varchar, new_level_from date", let_through)
    put(connection, "decided", "kpi_id varchar, freq varchar, time_period varchar, decision varchar", decided)
    connection.register("observations", observations)
    connection.register("verdicts", verdicts)
    connection.execute(_HISTORY)
    connection.unregister("observations")
    connection.unregister("verdicts")
