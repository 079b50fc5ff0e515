"""Refactorings: proof that a changed definition of the same version gives the same values on the same rows.

Before a KPI is built by a changed definition of the same version, its candidates are stored as the reference. It is
then built from the same rows as the reference, and both are compared. A definition counts as proved when its reference
was computed by a proved one and no value differs, or when the ledger shows that it has published values without a
decision on the refactoring.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow.compute as pc

from data_quality import deployment_key
from data_quality.gate import candidates
from data_quality.ledger.store import Ledger
from data_quality.release.comparison.vintages import SAME
from data_quality.warehouse import has_table
from metrics.core import clock
from metrics.core.quoting import identifier
from metrics.definitions.catalog import Catalog, CatalogKpi

REFACTORING = "refactoring"  # the check's name, which a decision names

_TABLES = f"""
create schema if not exists kpi;
create table if not exists kpi._reference
    ({", ".join(f"{name} {kind}" for name, kind in candidates.COLUMNS.items())}, built_at timestamptz);
create table if not exists kpi._refactorings (
    kpi_id varchar, reference_hash varchar, definition_hash varchar, difference varchar, compared_at timestamptz,
    seal varchar
);
"""
# Compares cells of periods that had ended when the reference was built, for segments and frequencies that both have:
# the number of periods, the number of differing ones, and an example of a difference.
_DIFFERENCES = """
with reference as (
    from kpi._reference where kpi_id = $kpi_id and period_end < $day
),
computed as (
    from kpi.{table} where kpi_id = $kpi_id and period_end < $day
),
cells as (
    select freq, time_period, segment, member, r.obs_value as old_value, c.obs_value as new_value,
        r.kpi_id is not null and c.kpi_id is not null
        and same(r.obs_value, c.obs_value) and same(r.numerator, c.numerator) and same(r.denominator, c.denominator)
        and same(r.year_to_date, c.year_to_date) and same(r.rolling_12_months, c.rolling_12_months)
        and r.n_obs is not distinct from c.n_obs
        and r.n_persons_numerator is not distinct from c.n_persons_numerator
        and r.n_persons_denominator is not distinct from c.n_persons_denominator as equal
    from (from reference semi join computed using (freq, segment)) r
    full join (from computed semi join reference using (freq, segment)) c using (freq, time_period, segment, member)
)
select
    count(distinct (freq, time_period)),
    count(distinct (freq, time_period)) filter (not equal),
    arg_max(
        time_period || case segment when '_T' then '' else ' ' || segment || ' ' || member end || ': '
        || coalesce(printf('%.10g', old_value), 'none') || ' → ' || coalesce(printf('%.10g', new_value), 'none'),
        (segment = '_T', old_value is distinct from new_value, time_period)
    ) filter (not equal)
from cells
"""


@dataclass(frozen=True)
class Refactoring:
    """A comparison of two definitions on the same rows. `difference` describes what differs, None when nothing does."""

    kpi_id: str
    reference_hash: str
    definition_hash: str
    difference: str | None


@dataclass(frozen=True)
class Unproved:
    """Why a KPI's definition isn't proved, and the hashes of the proved definitions of its version."""

    reason: str
    proved: frozenset[str]


def unproved(catalog: Catalog, ledger: Ledger | None, recorded: Collection[Refactoring]) -> dict[str, Unproved]:
    """The KPIs whose definition isn't proved, by kpi_id.

    A version of which nothing was published needs no proof: there is no published value to be equal to.
    """
    unproved_kpis = {}
    for kpi_id, proved in _proved(catalog, ledger, recorded).items():
        definition_hash = catalog.kpi(kpi_id).definition_hash
        if definition_hash in proved:
            continue
        differences = [
            comparison.difference
            for comparison in recorded
            if (comparison.kpi_id, comparison.definition_hash) == (kpi_id, definition_hash)
            and comparison.reference_hash in proved
        ]
        recorded_as = f"definition {definition_hash} has the version of the one before it"
        reason = (
            f"{recorded_as}; computed from the same rows, {differences[-1]}. Restore the definition before it, or raise"
            " definition_version"
            if differences
            else f"{recorded_as}, but could not be compared with the one before it on the same rows. Run once with the"
            " definition before it and then with this one, or raise definition_version"
        )
        unproved_kpis[kpi_id] = Unproved(reason, frozenset(proved))
    return unproved_kpis


def read(connection: duckdb.DuckDBPyConnection) -> tuple[Refactoring, ...]:
    """The recorded comparisons, oldest first. Rows whose seal doesn't match their content are left out."""
    if not has_table(connection, "kpi", "_refactorings"):
        return ()
    rows = connection.execute(
        "select kpi_id, reference_hash, definition_hash, difference, seal from kpi._refactorings"
        " order by compared_at, rowid"
    ).fetchall()
    key = deployment_key.require(connection) if rows else b""
    return tuple(
        comparison
        for *facts, seal in rows
        if hmac.compare_digest(_seal(comparison := Refactoring(*facts), key), seal or "")
    )


def keep_reference(connection: duckdb.DuckDBPyConnection, catalog: Catalog, ledger: Ledger | None) -> list[CatalogKpi]:
    """Store the candidates of KPIs that are about to be built by an unproved definition; the KPIs with a reference.

    Candidates are a reference only if one successful build by a proved definition computed all of them, and no newer
    rows were ingested since.
    """
    open_kpis = unproved(catalog, ledger, read(connection))
    if not open_kpis:
        return []
    connection.execute(_TABLES)
    for name in candidates.COLUMNS.keys() - _columns(connection, "_reference"):
        connection.execute(f"alter table kpi._reference add column {name} {candidates.COLUMNS[name]}")
    builds = candidates.newest_builds(connection)
    for kpi_id, unproved_kpi in open_kpis.items():
        kpi, build = catalog.kpi(kpi_id), builds.get(kpi_id)
        built = _hash_and_batch(connection, kpi)
        if build is None or not build.ok or built is None:
            continue
        definition_hash, batch_id = built
        if batch_id != build.batch_id or definition_hash not in unproved_kpi.proved:
            continue
        if _newer_rows(connection, kpi, build.built_at):
            continue
        # An earlier version of the project may have built the table with fewer columns.
        columns = ", ".join(name for name in candidates.COLUMNS if name in _columns(connection, kpi.model))
        connection.execute("begin")
        connection.execute("delete from kpi._reference where kpi_id = ?", [kpi_id])
        connection.execute(
            f"insert into kpi._reference by name select {columns}, $built_at as built_at"
            f" from kpi.{identifier(kpi.model)} where kpi_id = $kpi_id",
            {"kpi_id": kpi_id, "built_at": build.built_at},
        )
        connection.execute("commit")
    return [catalog.kpi(kpi_id) for kpi_id in open_kpis if _reference(connection, catalog.kpi(kpi_id)) is not None]


def compare(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, ledger: Ledger | None, built: Collection[str]
) -> list[Refactoring]:
    """Compare the candidates of unproved KPIs with their reference; store and return the comparisons.

    `built` are the ids of the KPIs that were just built, together with everything upstream of them.
    """
    comparisons = []
    for kpi_id, unproved_kpi in unproved(catalog, ledger, read(connection)).items():
        kpi = catalog.kpi(kpi_id)
        reference = _reference(connection, kpi)
        if kpi_id not in built or reference is None:
            continue
        reference_hash, reference_built_at = reference
        candidates_built = _hash_and_batch(connection, kpi)
        if reference_hash not in unproved_kpi.proved:
            continue
        if candidates_built is None or candidates_built[0] != kpi.definition_hash:
            continue
        day = reference_built_at.astimezone(ZoneInfo(catalog.calendar.time_zone)).date()
        connection.execute(SAME)
        row = connection.execute(
            _DIFFERENCES.format(table=identifier(kpi.model)), {"kpi_id": kpi_id, "day": day}
        ).fetchone()
        if row is None or not row[0]:
            continue
        periods, differing, example = row
        text = f"{differing} of {periods} periods differ" + ("" if kpi.protected else f" ({example})")
        comparisons.append(Refactoring(kpi_id, reference_hash, kpi.definition_hash, text if differing else None))
    _store(connection, comparisons)
    return comparisons


def _proved(catalog: Catalog, ledger: Ledger | None, recorded: Iterable[Refactoring]) -> dict[str, set[str]]:
    """By kpi_id, the hashes of the proved definitions, for each KPI with published values of its present version."""
    if ledger is None:
        return {}
    proved = _published_by(catalog, ledger)
    for comparison in recorded:  # oldest first: a proved definition may be the reference of the next one
        if comparison.difference is None and comparison.reference_hash in proved.get(comparison.kpi_id, ()):
            proved[comparison.kpi_id].add(comparison.definition_hash)
    return proved


def _published_by(catalog: Catalog, ledger: Ledger) -> dict[str, set[str]]:
    """By kpi_id, the definitions of the present version that published values without a decision on the refactoring.

    The first definition of the version always counts.
    """
    versions = {kpi.kpi_id: kpi.definition_version for kpi in catalog.kpis if kpi.supplied}
    columns = ("kpi_id", "definition_version", "definition_hash", "decision_id")
    vintages = ledger.first_releases("observations", columns).to_pylist()
    of_version = [row for row in vintages if row["definition_version"] == versions.get(row["kpi_id"])]
    proved: dict[str, set[str]] = defaultdict(set)
    for row in sorted(of_version, key=lambda row: row["sequence"]):
        if row["kpi_id"] not in proved or row["decision_id"] is None:
            proved[row["kpi_id"]].add(row["definition_hash"])
    # Values that stay equal get no new vintage, so that a definition may show in a published verdict only.
    decided = {
        (row["kpi_id"], row["freq"], row["time_period"], row["candidate_hash"])
        for row in ledger.decisions()
        if REFACTORING in row["checks"]
    }
    names = ("kpi_id", "freq", "time_period", "candidate_hash", "definition_hash")
    passed = ledger.verdicts.filter(pc.not_equal(ledger.verdicts.column("verdict"), "hold")).select(names)
    for *key, definition_hash in zip(*(passed.column(name).to_pylist() for name in names), strict=True):
        if key[0] in proved and tuple(key) not in decided:
            proved[key[0]].add(definition_hash)
    return dict(proved)


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    rows = connection.execute(
        "select column_name from information_schema.columns where table_catalog = current_database()"
        " and table_schema = 'kpi' and table_name = ?",
        [table],
    ).fetchall()
    return {name for (name,) in rows}


def _hash_and_batch(connection: duckdb.DuckDBPyConnection, kpi: CatalogKpi) -> tuple[str, str] | None:
    """The definition_hash and batch_id of the KPI's table; None where its rows don't agree on them."""
    if not has_table(connection, "kpi", kpi.model):
        return None
    rows = connection.execute(
        f"select distinct definition_hash, batch_id from kpi.{identifier(kpi.model)} where kpi_id = ?", [kpi.kpi_id]
    ).fetchall()
    return rows[0] if len(rows) == 1 and None not in rows[0] else None


def _reference(connection: duckdb.DuckDBPyConnection, kpi: CatalogKpi) -> tuple[str, Any] | None:
    """The definition_hash of the KPI's reference and when it was built; None without one, or if newer rows came."""
    if not has_table(connection, "kpi", "_reference"):
        return None
    row = connection.execute(
        "select min(definition_hash), min(built_at) from kpi._reference where kpi_id = ?", [kpi.kpi_id]
    ).fetchone()
    if row is None or row[0] is None or _newer_rows(connection, kpi, row[1]):
        return None
    return row[0], row[1]


def _newer_rows(connection: duckdb.DuckDBPyConnection, kpi: CatalogKpi, since: Any) -> bool:
    """Whether rows of a feed upstream of the KPI were ingested after that moment."""
    if not has_table(connection, "raw", "_files"):
        return False
    row = connection.execute(
        "select count(*) from raw._files where list_contains($feeds, feed) and loaded_at > $since",
        {"feeds": list(kpi.feeds), "since": since},
    ).fetchone()
    return row is not None and row[0] > 0


def _store(connection: duckdb.DuckDBPyConnection, comparisons: Iterable[Refactoring]) -> None:
    now = clock.now()
    for comparison in comparisons:
        row = [*astuple(comparison), now, _seal(comparison, deployment_key.require(connection))]
        connection.execute("insert into kpi._refactorings values (?, ?, ?, ?, ?, ?)", row)


def _seal(comparison: Refactoring, key: bytes) -> str:
    text = json.dumps(["refactoring", *astuple(comparison)])
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
