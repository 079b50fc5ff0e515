"""The present candidates, read from the KPI tables one by one, with their hash and their build.

The view `kpi.candidates`, which unites the tables, isn't read here, so that a broken KPI table holds only its own KPI.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from data_quality import contents, deployment_key
from data_quality.gate.keys import history, plan
from data_quality.warehouse import has_table, put
from metrics.core.periods import PART_OF_WEEK
from metrics.core.quoting import identifier
from metrics.definitions.catalog import Catalog, CatalogKpi, Key

COLUMNS = {
    "kpi_id": "varchar",
    "freq": "varchar",
    "time_period": "varchar",
    "period_start": "date",
    "period_end": "date",
    "segment": "varchar",
    "member": "varchar",
    "obs_value": "double",
    "numerator": "double",
    "denominator": "double",
    "n_obs": "bigint",
    "n_persons_numerator": "bigint",
    "n_persons_denominator": "bigint",
    "year_to_date": "double",
    "rolling_12_months": "double",
    "definition_hash": "varchar",
    "batch_id": "varchar",
}

# The same text as in the compiled view `kpi.candidates`, so that an analyst can join its hash to a verdict; those of
# protected KPIs are keyed. Numbers have ten significant digits, because sums of DOUBLE differ in their last digits from
# run to run.
_NUMBERS = ("obs_value", "numerator", "denominator", "year_to_date", "rolling_12_months")
_COUNTS = ("n_obs", "n_persons_numerator", "n_persons_denominator")
_ROW_TEXT = "concat_ws('|', segment, member, {numbers}, {counts}, definition_hash)".format(
    numbers=", ".join(f"coalesce(printf('%.9e', {name}), '')" for name in _NUMBERS),
    counts=", ".join(f"coalesce({name}, -1)" for name in _COUNTS),
)

_KEYS = f"""
create or replace temp table candidate_keys as
select
    kpi_id, freq, time_period,
    sha256(string_agg({_ROW_TEXT}, chr(10) order by segment, member)) as content_hash,
    case when count(distinct batch_id) = 1 and count(batch_id) = count(*) then min(batch_id) end as batch_id,
    case when count(distinct definition_hash) = 1 and count(definition_hash) = count(*) then min(definition_hash) end
        as definition_hash
from candidate_rows
group by all
"""

# In SQL a sum over no rows is NULL.
_FILL_EMPTY_SUMS = """
update candidate_rows set obs_value = 0, numerator = 0
where list_contains($kpi_ids, kpi_id) and obs_value is null and n_obs = 0
"""
_WITH_EMPTY_PERIODS = """
select distinct kpi_id from expected_keys anti join candidate_rows using (kpi_id, freq, time_period)
"""
# A period without rows keeps the year to date of the period before it. Its sum over twelve months is computed, as the
# months that it covers are other ones.
_ADD_EMPTY_PERIODS = """
insert into candidate_rows by name
with kpi_rows as (from kpi.{model} where kpi_id = $kpi_id and freq <> '{part}'),
build_facts as (
    select max(definition_hash) as definition_hash, max(batch_id) as batch_id,
        if(count(n_persons_numerator) > 0, 0, null) as n_persons_numerator,
        if(count(n_persons_denominator) > 0, 0, null) as n_persons_denominator,
        count(year_to_date) > 0 as to_date
    from kpi_rows
    having count(distinct (definition_hash, batch_id)) = 1
),
totals as (from kpi_rows where segment = '_T' and member = '_T')
select a.*, '_T' as segment, '_T' as member, $value::double as obs_value, $value::double as numerator, 0 as n_obs,
    if(a.freq in ('M', 'Q') and to_date, coalesce((
        select max_by(year_to_date, period_start) from totals
        where freq = a.freq and period_start between date_trunc('year', a.period_start) and a.period_start
    ), $value), null) as year_to_date,
    if(a.freq in ('M', 'Q') and to_date and $value is not null, coalesce((
        select sum(obs_value) from totals
        where freq = a.freq and period_start <= a.period_start
            and period_start > a.period_start - interval 12 month
    ), $value), null) as rolling_12_months,
    build_facts.* exclude (to_date)
from expected_keys a cross join build_facts
where kpi_id = $kpi_id
    and (not $only_before_first or a.period_end < (select min(period_start) from totals where freq = a.freq))
    and (kpi_id, freq, time_period) not in (select (kpi_id, freq, time_period) from candidate_rows)
"""


@dataclass(frozen=True)
class Candidate:
    """One key's candidate: its hash (keyed for protected KPIs), build and definition.

    `batch_id` and `definition_hash` are None where the candidate's rows don't agree on them.
    """

    candidate_hash: str
    batch_id: str | None
    definition_hash: str | None


@dataclass(frozen=True)
class Build:
    """The newest recorded dbt build of a KPI. `reason` says why it isn't `ok`."""

    batch_id: str | None
    built_at: datetime
    ok: bool
    reason: str | None


@dataclass(frozen=True)
class Loaded:
    """Candidates by key, builds by kpi_id, and by kpi_id why its table could not be read."""

    candidates: dict[Key, Candidate]
    builds: dict[str, Build]
    unreadable: dict[str, str]


def load(connection: duckdb.DuckDBPyConnection, catalog: Catalog, since: date | None = None) -> Loaded:
    """Read the supplied KPIs' tables into temporary tables; with `since` only periods that end on that day or later.

    A KPI's table has no row for a period without source rows. If the KPI is observable then, a row is added here as its
    `without_rows` says; where that is None, only before the table's first row. No row is added where the whole table is
    empty or isn't of one build.
    Of protected KPIs all rows are read, because published cells can reveal suppressed cells of other periods and KPIs.

    Temporary tables:
    - candidate_rows: the candidates' cells, with COLUMNS;
    - candidate_parts: the rows of parts of weeks, with COLUMNS; not candidates, but input of disclosure control;
    - candidate_keys: one row per key;
    - builds: the newest build of each KPI.
    """
    unreadable = _load_rows(connection, catalog, since)
    _add_empty_periods(connection, catalog, since, unreadable)
    connection.execute(_KEYS)
    builds = newest_builds(connection) | _edited_builds(connection, catalog)
    protected = {kpi.kpi_id for kpi in catalog.kpis if kpi.protected}
    key = deployment_key.require(connection) if protected else b""
    candidates = {}
    for kpi_id, freq, period, content, batch_id, definition in connection.execute("from candidate_keys").fetchall():
        if kpi_id in protected:
            content = hmac.new(key, content.encode("ascii"), hashlib.sha256).hexdigest()
        candidates[kpi_id, freq, period] = Candidate(content, batch_id, definition)
    return Loaded(candidates, builds, unreadable)


def _load_rows(connection: duckdb.DuckDBPyConnection, catalog: Catalog, since: date | None) -> dict[str, str]:
    """Fill the temporary tables `candidate_rows` and `candidate_parts`. Returns why KPIs can't be read, by kpi_id."""
    columns = ", ".join(f"{name} {sql_type}" for name, sql_type in COLUMNS.items())
    connection.execute(f"create or replace temp table candidate_rows ({columns})")
    casts = ", ".join(f"{name}::{sql_type}" for name, sql_type in COLUMNS.items())
    unreadable = {}
    for kpi in catalog.kpis:
        if not kpi.supplied:
            continue
        if not has_table(connection, "kpi", kpi.model):
            unreadable[kpi.kpi_id] = f"there is no table kpi.{kpi.model}"
            continue
        try:
            connection.execute(
                f'insert into candidate_rows select {casts} from kpi."{kpi.model}"'
                " where kpi_id = $kpi_id and coalesce(period_end >= $since, true)",
                {"kpi_id": kpi.kpi_id, "since": date.min if kpi.protected or since is None else since},
            )
        except duckdb.Error as error:  # its message isn't shown, as it may quote values
            unreadable[kpi.kpi_id] = f"table kpi.{kpi.model} can't be read ({type(error).__name__})"
    parts = f"from candidate_rows where freq = '{PART_OF_WEEK}'"
    connection.execute(f"create or replace temp table candidate_parts as {parts}")
    connection.execute(f"delete {parts}")
    return unreadable


def _add_empty_periods(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, since: date | None, unreadable: Collection[str]
) -> None:
    """Add a total to `candidate_rows` for covered periods without rows: 0, or no value (`CatalogKpi.without_rows`)."""
    expected_keys = [
        (*planned_key.key, planned_key.period.start, planned_key.period.end)
        for planned_key in plan(catalog, *history(catalog))
        if planned_key.kpi.protected or since is None or planned_key.period.end >= since
    ]
    columns = "kpi_id varchar, freq varchar, time_period varchar, period_start date, period_end date"
    put(connection, "expected_keys", columns, expected_keys)
    readable = [kpi for kpi in catalog.kpis if kpi.supplied and kpi.kpi_id not in unreadable]
    sums = [kpi.kpi_id for kpi in readable if kpi.without_rows == "zero"]
    connection.execute(_FILL_EMPTY_SUMS, {"kpi_ids": sums})
    with_empty_periods = {kpi_id for (kpi_id,) in connection.execute(_WITH_EMPTY_PERIODS).fetchall()}
    for kpi in readable:
        if kpi.kpi_id in with_empty_periods:
            connection.execute(
                _ADD_EMPTY_PERIODS.format(model=identifier(kpi.model), part=PART_OF_WEEK),
                {
                    "kpi_id": kpi.kpi_id,
                    "value": 0.0 if kpi.without_rows == "zero" else None,
                    "only_before_first": kpi.without_rows is None,
                },
            )


def _edited_builds(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> dict[str, Build]:
    """The builds whose table was edited afterwards, marked as not ok here and in the temporary table `builds`."""
    edited = edited_kpis(connection, catalog)
    for kpi in edited:
        connection.execute(
            "update builds set ok = false, reason = $reason where kpi_id = $kpi_id",
            {"reason": f"kpi.{kpi.model} has other rows than the build wrote: run again", "kpi_id": kpi.kpi_id},
        )
    names = [kpi.kpi_id for kpi in edited]
    rows = connection.execute("from builds where list_contains($names, kpi_id)", {"names": names}).fetchall()
    return {kpi_id: Build(*columns) for kpi_id, *columns in rows}


def edited_kpis(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> list[CatalogKpi]:
    """The supplied KPIs whose table has other rows than their build wrote."""
    edited = contents.edited(connection, [("kpi", kpi.model) for kpi in catalog.kpis if kpi.supplied])
    return [kpi for kpi in catalog.kpis if ("kpi", kpi.model) in edited]


def newest_builds(connection: duckdb.DuckDBPyConnection) -> dict[str, Build]:
    """The newest build of each KPI in `kpi._builds`, also written to the temporary table `builds`."""
    connection.execute(
        "create or replace temp table builds"
        " (kpi_id varchar, batch_id varchar, built_at timestamptz, ok boolean, reason varchar)"
    )
    if has_table(connection, "kpi", "_builds"):
        connection.execute(
            "insert into builds select kpi_id, batch_id, built_at, ok, reason from kpi._builds"
            " qualify row_number() over (partition by kpi_id order by built_at desc, rowid desc) = 1"
        )
    return {
        kpi_id: Build(batch_id, built_at, bool(ok), reason)
        for kpi_id, batch_id, built_at, ok, reason in connection.execute("from builds").fetchall()
    }
