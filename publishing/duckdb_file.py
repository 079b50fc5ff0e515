"""The published DuckDB file: rendered from the ledger alone, and swapped in atomically. Its tables: `tables.py`."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from pydantic import ValidationError

from data_quality.ledger.lock import releasing
from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import verify
from metrics.core import deployment
from metrics.core.errors import NyckeltalError, disk_faults_reported
from metrics.core.periods import parse
from metrics.core.private_files import make_data_dir
from metrics.core.quoting import identifier, literal
from metrics.definitions.catalog import Catalog
from publishing import incidents, tables, views

_CATALOG_COLUMNS = (
    *("kpi_id", "name", "description", "domain", "unit", "direction", "kind", "type", "level", "owner", "objective"),
    *("target", "target_freq", "target_note", "review", "freqs", "segments", "metric", "standard"),
    *(
        "definition_version",
        "definition_hash",
        "formula",
        "feeds",
        "entities",
        "model",
        "observable_from",
        "observable_to",
        "supplied",
        "missing_entities",
        "protected",
        "disclosure_threshold",
    ),
)


class OtherVersion(NyckeltalError):
    """The newest release was made by another version of the project, which this one can't render."""


def publish(ledger: Ledger) -> None:
    """Render this deployment's published file, unless it holds the ledger's newest release already.

    The caller must hold the release lock.
    """
    renew(ledger, deployment.published_path())


def renew(ledger: Ledger, path: Path) -> bool:
    """Render the file unless it holds the ledger's newest release already; whether it was rendered."""
    if ledger.newest is None or holds(path, ledger.newest["release_id"]):
        return False
    build(ledger, path)
    return True


def restore() -> None:
    """Render this deployment's published file where it is missing and the ledger has releases.

    Called before a run reads published values, so that a lost file, or one that an update moved, is made again.
    """
    if deployment.published_path().exists() or Ledger.find(deployment.ledger_path()) is None:
        return
    with suppress(OtherVersion), releasing():  # in that case the run's own release will be of this version
        publish(Ledger.open(deployment.ledger_path(), make=False))  # another process may have released meanwhile


def rebuild(ledger_root: str, path: Path) -> Ledger:
    """Render the published file again, whatever it holds; the ledger that it was rendered from.

    It reads nothing but the ledger. Raises NyckeltalError when the ledger is damaged or empty.
    """
    make_data_dir()
    with releasing():
        ledger = Ledger.open(ledger_root, make=False)
        verify(ledger).require_sound(ledger_root)
        build(ledger, path)
    return ledger


def holds(path: Path, release_id: str) -> bool:
    """Whether the release is the newest one in the published file, and the whole file can be read."""
    if not path.exists():
        return False
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            row = connection.execute("select release_id from kpi.releases order by sequence desc limit 1").fetchone()
            if row is None or row[0] != release_id:
                return False
            for table in ("catalog", "objectives", "incidents", *tables.TABLES):
                connection.execute(f"select max(hash(rows)) from kpi.{table} rows")  # reads every block
            connection.execute(
                "select status, revised_from from kpi.observations join kpi.vintages using (kpi_id) limit 0"
            )
    except duckdb.Error:
        return False
    return True


def build(ledger: Ledger, path: Path) -> None:
    """Write a draft beside the published file, check it, and swap it in; readers keep the file that they have open.

    Raises NyckeltalError when the ledger has no release, or the file can't be written.
    """
    if ledger.newest is None:
        raise NyckeltalError("nothing was published yet", file=ledger.root)
    draft = path.parent / f".{path.name}.{uuid.uuid4().hex}"
    with disk_faults_reported("the published file can't be written", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o755)  # other users can read it, whatever the umask of this process
        _remove_drafts(path)  # of an interrupted run
        try:
            _write(ledger, draft)
            _check(ledger, draft)
            draft.chmod(0o644)
            draft.replace(path)
            if path == deployment.published_path():
                deployment.former_published_path().unlink(missing_ok=True)
        finally:
            _remove_drafts(path)


def newest_catalog(ledger: Ledger) -> Catalog:
    """The catalogue of the newest release. Raises OtherVersion when this version of the project can't read it."""
    assert ledger.newest is not None
    try:
        return Catalog.parse(ledger.newest["catalog"])
    except ValidationError as error:
        problem = f"the newest release's catalogue is of another version of nyckeltal ({error.error_count()} faults)"
        raise OtherVersion(f"{problem}; `kpi run` releases the present one", file=ledger.root) from None


def _remove_drafts(path: Path) -> None:
    for draft in path.parent.glob(f".{path.name}.*"):
        draft.unlink()


def _write(ledger: Ledger, draft: Path) -> None:
    """Write all tables, views and comments of the published file to the draft."""
    assert ledger.newest is not None
    catalog = newest_catalog(ledger)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        # The oldest storage format, which BI tools with an older driver can read.
        connection.execute(f"attach {literal(str(draft))} as published (storage_version 'v1.0.0')")
        connection.execute("use published")
        connection.execute("begin")  # one transaction instead of one for each of some hundred comments
        connection.execute("create schema kpi")
        _fill_catalog(connection, catalog)
        sources = {
            "ledger_releases": ledger.rows("releases"),
            "ledger_observations": ledger.observations,
            "ledger_verdicts": _with_days(ledger.verdicts),
            "ledger_decisions": ledger.sealed_decisions(),
        }
        sources["release_dates"] = tables.release_dates(
            catalog, sources["ledger_observations"], ledger.newest["realtime_start"]
        )
        for name, rows in sources.items():
            connection.register(name, rows)
        for name, query in tables.TABLES.items():
            connection.execute(f"create table kpi.{name} as {query}")
        incident_rows = incidents.rows(connection, catalog, sources["ledger_decisions"].to_pylist())
        _fill(connection, "incidents", incident_rows, incidents.SCHEMA)
        for name in sources:
            connection.unregister(name)
        connection.execute(tables.AS_OF)
        _make_views_and_comments(connection, catalog)
        connection.execute("commit")
        connection.execute("use memory")
        connection.execute("detach published")  # checkpoints and closes the file: no .wal is left


def _with_days(verdicts: pa.Table) -> pa.Table:
    """The verdicts with the columns `period_start` and `period_end`, the first and last day of their period."""
    codes = verdicts.column("time_period").combine_chunks().dictionary_encode()
    periods = [parse(code) for code in codes.dictionary.to_pylist()]
    starts, ends = (
        pa.array([getattr(period, name) for period in periods], pa.date32()).take(codes.indices)
        for name in ("start", "end")
    )
    return verdicts.append_column("period_start", starts).append_column("period_end", ends)


def _fill_catalog(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    kpis = [
        {
            name: ", ".join(value) if isinstance(value, tuple) else value
            for name, value in ((name, getattr(kpi, name)) for name in _CATALOG_COLUMNS)
        }
        | {"currency": catalog.reporting_currency}
        for kpi in catalog.kpis
    ]
    types = {
        "observable_from": pa.date32(),
        "observable_to": pa.date32(),
        "target": pa.float64(),
        "definition_version": pa.int64(),
        "disclosure_threshold": pa.int64(),
        "supplied": pa.bool_(),
        "protected": pa.bool_(),
    }
    schema = pa.schema([(name, types.get(name, pa.string())) for name in (*_CATALOG_COLUMNS, "currency")])
    objectives = [{"objective": key, **objective.model_dump()} for key, objective in catalog.objectives.items()]
    columns = ("objective", "name", "perspective", "description")
    objectives_schema = pa.schema([(name, pa.string()) for name in columns])
    _fill(connection, "catalog", kpis, schema)
    _fill(connection, "objectives", objectives, objectives_schema)


def _fill(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[dict[str, Any]], schema: pa.Schema) -> None:
    """Make the table from the rows."""
    connection.register("new_rows", pa.Table.from_pylist(rows, schema=schema))
    connection.execute(f"create table kpi.{table} as from new_rows")
    connection.unregister("new_rows")


def _make_views_and_comments(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    """Make the views, and comment on every table, view and column."""
    for table, comment in tables.TABLE_COMMENTS.items():
        connection.execute(f"comment on table kpi.{table} is {literal(comment)}")
        for column in _columns(connection, table):
            text = tables.COLUMN_COMMENTS.get(f"{table}.{column}") or tables.COLUMN_COMMENTS[column]
            connection.execute(f"comment on column kpi.{table}.{column} is {literal(text)}")
    for name, (query, comment, columns) in views.views(catalog).items():
        connection.execute(f"create view kpi.{identifier(name)} as {query}")
        connection.execute(f"comment on view kpi.{identifier(name)} is {literal(comment)}")
        for column in _columns(connection, name):
            known = columns | tables.COLUMN_COMMENTS
            text = known.get(f"observations.{column}") or known[column]
            connection.execute(f"comment on column kpi.{identifier(name)}.{identifier(column)} is {literal(text)}")
    connection.execute(f"comment on macro table kpi.as_of is {literal(tables.MACRO_COMMENT)}")


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    rows = connection.execute(
        "select column_name from duckdb_columns()"
        " where database_name = 'published' and schema_name = 'kpi' and table_name = ? order by column_index",
        [table],
    ).fetchall()
    return [name for (name,) in rows]


def _check(ledger: Ledger, draft: Path) -> None:
    """Raises NyckeltalError unless the draft can be opened by a reader and holds what the ledger does."""
    assert ledger.newest is not None
    if Path(f"{draft}.wal").exists():
        raise NyckeltalError("the new published file isn't closed", file=draft)
    cells = ledger.observations.group_by(["kpi_id", "freq", "time_period", "segment", "member"]).aggregate([])
    expected = {
        "release": ledger.newest["release_id"],
        "vintages": ledger.observations.num_rows,
        "observations": cells.num_rows,
        "releases": len(ledger.releases),
    }
    with duckdb.connect(str(draft), read_only=True) as connection:

        def value(query: str) -> Any:
            row = connection.execute(query).fetchone()
            return row[0] if row else None

        written = {
            "release": value("select release_id from kpi.releases order by sequence desc limit 1"),
            "vintages": value("select count(*) from kpi.vintages"),
            "observations": value("select count(*) from kpi.observations"),
            "releases": value("select count(*) from kpi.releases"),
        }
        for (view,) in connection.execute("select view_name from duckdb_views() where schema_name = 'kpi'").fetchall():
            connection.execute(f"from kpi.{identifier(view)} limit 0")
        connection.execute("from kpi.as_of('2026-01-01') limit 1")
    if written != expected:
        raise NyckeltalError("the new published file differs from the ledger", found=written, expected=expected)
