"""The published DuckDB file: rendered from the ledger alone, and swapped in atomically.

Here is when and how the file is written. Its tables are in `tables.py` (SQL), `strategy.py`, `incidents.py` and
`relations.py` (Python), its views in `views.py`, the comments on them in `comments.py`. `update.py` brings a file up to
date; `rendering.py` says whether it can.
"""

from __future__ import annotations

import logging
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
from metrics.core.private_files import make_data_dir
from metrics.core.quoting import identifier, literal
from metrics.definitions.catalog import Catalog, CatalogKpi
from publishing.duckdb_file import comments, incidents, relations, rendering, strategy, tables, update, views
from publishing.duckdb_file.rendering import Rendering

_CATALOG_COLUMNS = (
    *("kpi_id", "name", "description", "domain", "unit", "direction", "kind", "type", "level", "owner", "objective"),
    *("change_kind", "target", "target_to", "target_freq", "target_note", "review", "freqs", "main_freq", "segments"),
    "metric",
    *(
        "standard",
        "definition_version",
        "definition_hash",
        "formula",
        "expanded_formula",
        "feeds",
        "entities",
        "model",
        "sql",
        "matures_after",
        "observable_from",
        "observable_to",
        "supplied",
        "missing_entities",
        "protected",
        "disclosure_threshold",
        "retired_on",
        "retired_reason",
        "replaced_by",
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
    """Render the file unless it has the ledger's newest release already. Returns whether it was rendered.

    If the file is the one that was rendered last, from this ledger and these definitions, only what the new releases
    changed is rendered. Otherwise the whole file is.
    """
    if ledger.newest is None:
        return False
    last = rendering.read(path)
    if last is not None and rendering.is_current(last, ledger):
        return False
    if last is not None and rendering.continues(last, ledger):
        try:
            _swap_in(ledger, path, last)
            return True
        except (duckdb.Error, NyckeltalError) as error:
            reason = error.problem if isinstance(error, NyckeltalError) else type(error).__name__
            logging.getLogger(__name__).warning("the published file is rendered whole: %s", reason)
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
    """Render the whole published file again; return the ledger that it was rendered from.

    It reads nothing but the ledger. Raises NyckeltalError when the ledger is damaged or empty.
    """
    make_data_dir()
    with releasing():
        ledger = Ledger.open(ledger_root, make=False)
        verify(ledger).require_sound(ledger_root)
        build(ledger, path)
    return ledger


def build(ledger: Ledger, path: Path) -> None:
    """Render the whole file and swap it in; readers keep the file that they have open.

    Raises NyckeltalError when the ledger has no release, or the file can't be written.
    """
    _swap_in(ledger, path, None)


def _swap_in(ledger: Ledger, path: Path, last: Rendering | None) -> None:
    """Write a draft beside the published file, check it, and swap it in.

    With `last` the draft is a copy of the file, which `last` describes, brought up to date.
    """
    if ledger.newest is None:
        raise NyckeltalError("nothing was published yet", file=ledger.root)
    draft = path.parent / f".{path.name}.{uuid.uuid4().hex}"
    with disk_faults_reported("the published file can't be written", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o755)  # other users can read it, whatever the umask of this process
        _remove_drafts(path)  # of an interrupted run
        try:
            if last is None:
                _write(ledger, draft)
            else:
                shutil.copyfile(path, draft)
                _update(ledger, draft, last)
            n_vintages = _check(ledger, draft)
            rendered = rendering.of(ledger, draft, last.whole if last else n_vintages)
            draft.chmod(0o644)
            draft.replace(path)
            rendering.keep(path, rendered)
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


@contextmanager
def _filling(draft: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The draft as the database in use, in one transaction; closed at the end, so that no .wal is left."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        # The oldest storage format, which BI tools with an older driver can read.
        connection.execute(f"attach {literal(str(draft))} as published (storage_version 'v1.0.0')")
        connection.execute("use published")
        connection.execute("begin")  # one transaction instead of one for each of some hundred comments
        yield connection
        connection.execute("commit")
        connection.execute("use memory")
        connection.execute("detach published")  # checkpoints and closes the file


def _update(ledger: Ledger, draft: Path, last: Rendering) -> None:
    """Bring the draft from its newest release up to the ledger's."""
    catalog = newest_catalog(ledger)
    with _filling(draft) as connection:
        update.update(connection, ledger, catalog, last.sequence)


def _write(ledger: Ledger, draft: Path) -> None:
    """Write all tables, views and comments of the published file to the draft.

    Raises OtherVersion when this version can't read the newest release's catalogue.
    """
    assert ledger.newest is not None
    catalog = newest_catalog(ledger)
    with _filling(draft) as connection:
        connection.execute("create schema kpi")
        _fill_catalog(connection, catalog)
        sources = {
            "ledger_releases": relations.releases(ledger),
            "ledger_observations": ledger.observations,
            "ledger_verdicts": relations.with_days(ledger.verdicts),
            "ledger_decisions": relations.decisions(ledger),
        }
        starts = ledger.observations.group_by(["kpi_id", "freq"]).aggregate([("period_start", "min")]).to_pylist()
        first = {(row["kpi_id"], row["freq"]): row["period_start_min"] for row in starts}
        sources["release_dates"] = tables.release_dates(catalog, first, ledger.newest["realtime_start"])
        for name, rows in sources.items():
            connection.register(name, rows)
        for name, query in tables.TABLES.items():
            connection.execute(f"create table kpi.{name} as {query}")
        strategy.fill(connection, catalog, ledger.newest["realtime_start"])
        decisions = sources["ledger_decisions"].to_pylist()
        incident_rows = incidents.rows(connection, catalog, decisions, relations.deciders(ledger))
        relations.fill(connection, "incidents", incident_rows, incidents.SCHEMA)
        relations.fill(connection, "feeds", relations.feeds(ledger), relations.FEEDS)
        for name in sources:
            connection.unregister(name)
        connection.execute(tables.AS_OF)
        _make_views_and_comments(connection, catalog)


def _fill_catalog(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    kpis = [
        {
            name: ", ".join(value) if isinstance(value, tuple) else value
            for name, value in ((name, getattr(kpi, name, None)) for name in _CATALOG_COLUMNS)
        }
        | _retirement(kpi)
        | {"currency": catalog.reporting_currency}
        for kpi in catalog.kpis
    ]
    types = {
        "observable_from": pa.date32(),
        "observable_to": pa.date32(),
        "retired_on": pa.date32(),
        "target": pa.float64(),
        "target_to": pa.float64(),
        "definition_version": pa.int64(),
        "disclosure_threshold": pa.int64(),
        "supplied": pa.bool_(),
        "protected": pa.bool_(),
    }
    schema = pa.schema([(name, types.get(name, pa.string())) for name in (*_CATALOG_COLUMNS, "currency")])
    relations.fill(connection, "catalog", kpis, schema)
    relations.fill(connection, "objectives", strategy.objectives(catalog, {}), strategy.OBJECTIVES)
    relations.fill(connection, "targets", strategy.targets(catalog), strategy.TARGETS)


def _retirement(kpi: CatalogKpi) -> dict[str, Any]:
    """The columns of a KPI that say that it is retired; NULL for one in use."""
    retired = kpi.retired
    if retired is None:
        return dict.fromkeys(("retired_on", "retired_reason", "replaced_by"))
    return {"retired_on": retired.on, "retired_reason": retired.reason, "replaced_by": retired.replaced_by}


def _make_views_and_comments(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    """Make the views, and comment on every table, view and column."""
    for table, comment in comments.TABLE_COMMENTS.items():
        connection.execute(f"comment on table kpi.{table} is {literal(comment)}")
        for column in _columns(connection, table):
            text = comments.COLUMN_COMMENTS.get(f"{table}.{column}") or comments.COLUMN_COMMENTS[column]
            connection.execute(f"comment on column kpi.{table}.{column} is {literal(text)}")
    for name, (query, comment, columns) in views.views(catalog).items():
        connection.execute(f"create view kpi.{identifier(name)} as {query}")
        connection.execute(f"comment on view kpi.{identifier(name)} is {literal(comment)}")
        for column in _columns(connection, name):
            known = columns | comments.COLUMN_COMMENTS
            text = known.get(f"observations.{column}") or known[column]
            connection.execute(f"comment on column kpi.{identifier(name)}.{identifier(column)} is {literal(text)}")
    connection.execute(f"comment on macro table kpi.as_of is {literal(comments.MACRO_COMMENT)}")


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """The names of a table's columns, or a view's."""
    return [column[0] for column in connection.execute(f"from kpi.{identifier(table)} limit 0").description]


def _check(ledger: Ledger, draft: Path) -> int:
    """Check that a reader can open the draft and query all of it; return its number of vintages.

    Raises NyckeltalError when it has another number of vintages or releases, or another newest release, than the
    ledger, or when its newest vintages aren't its observations.
    """
    assert ledger.newest is not None
    if Path(f"{draft}.wal").exists():
        raise NyckeltalError("the new published file still has a write-ahead log", file=draft)
    with duckdb.connect(str(draft), read_only=True) as connection:

        def value(query: str) -> Any:
            row = connection.execute(query).fetchone()
            return row[0] if row else None

        n_vintages = value("select count(*) from kpi.vintages")
        expected = {
            "release": ledger.newest["release_id"],
            "vintages": sum(release["n_observations"] for release in ledger.releases),
            "observations": value("select count(*) from kpi.vintages where realtime_end = date '9999-12-31'"),
            "releases": len(ledger.releases),
        }
        written = {
            "release": value("select release_id from kpi.releases order by sequence desc limit 1"),
            "vintages": n_vintages,
            "observations": value("select count(*) from kpi.observations"),
            "releases": value("select count(*) from kpi.releases"),
        }
        for (view,) in connection.execute("select view_name from duckdb_views() where schema_name = 'kpi'").fetchall():
            connection.execute(f"from kpi.{identifier(view)} limit 0")
        connection.execute("from kpi.as_of('2026-01-01') limit 0")  # of any day
    if written != expected:
        problem = "the new published file lacks rows of the ledger's releases, or has others; see `kpi ledger verify`"
        raise NyckeltalError(problem, file=ledger.root, found=written, expected=expected)
    return int(n_vintages)
