"""The dlt pipeline that writes typed batches to tables of the raw schema. It knows no files and no feeds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

_SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    # dlt logs the errors that it raises, and these may quote values. Its warnings are not useful here.
    "RUNTIME__LOG_LEVEL": "CRITICAL",
}
_ROW_GROUP = 122_880


@dataclass(frozen=True)
class Landing:
    """The batches that are to be written to one feed's table.

    `columns` are the declared columns that are stored, with their types. `tables` yields the batches. `replaces`: the
    table has rows of the same files, which the new rows replace (dlt's merge by `_source_file`, in one transaction).
    `creates`: the table isn't there, or is to be created again.
    """

    name: str
    columns: Mapping[str, pa.DataType]
    tables: Callable[[], Iterator[pa.Table]]
    replaces: bool
    creates: bool


def land(connection: duckdb.DuckDBPyConnection, landings: Sequence[Landing], folder: Path) -> None:
    """Writes the batches. A feed without batches gets an empty table.

    dlt's working files go to `folder`, which is emptied first: an interrupted run is not resumed, because its files are
    read again. Raises the errors that dlt raises.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    import dlt  # takes a second to import, which a run without new files doesn't need

    for creates in (True, False):
        same_kind = [landing for landing in landings if landing.creates is creates]
        if not same_kind:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        _drop_staging(connection)
        pipeline = dlt.pipeline(
            "nyckeltal_ingest",
            pipelines_dir=str(folder),
            destination=dlt.destinations.duckdb(connection, naming_convention="direct"),
            dataset_name="raw",
        )
        resources = [_resource(dlt, landing) for landing in same_kind]
        source = dlt.source(_resources, name="feeds")
        # dlt remembers the columns of a table that was dropped; refresh makes it forget them.
        refresh = "drop_resources" if creates else None
        pipeline.run(source(resources), loader_file_format="parquet", refresh=refresh)
    _drop_staging(connection)


def _drop_staging(connection: duckdb.DuckDBPyConnection) -> None:
    """Drops the schema in which dlt stores rows before it merges them.

    Otherwise a copy of the rows would stay there. An incomplete schema of an interrupted run makes `refresh` fail.
    """
    connection.execute("DROP SCHEMA IF EXISTS raw_staging CASCADE")


def _resources(resources: list[Any]) -> list[Any]:
    return resources


def _resource(dlt: Any, landing: Landing) -> Any:
    def batches() -> Iterator[Any]:
        empty = True
        for table in _aligned(landing.tables()):
            empty = False
            yield table
        if empty and landing.creates:
            yield _empty(landing)

    return dlt.resource(
        batches,
        name=landing.name,
        write_disposition="merge" if landing.replaces else "append",
        merge_key="_source_file" if landing.replaces else None,
        columns=_hints(landing.columns),
    )


def _aligned(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of exactly _ROW_GROUP rows; only the last table of each schema may be smaller.

    The tables become row groups of a Parquet file. Unless these have the size of DuckDB's own row groups, DuckDB stores
    the rows twice, which takes four times as long.
    """
    pending_tables: list[pa.Table] = []
    for table in tables:
        if pending_tables and pending_tables[0].schema != table.schema:
            yield pa.concat_tables(pending_tables)
            pending_tables = []
        pending_tables.append(table)
        while (rows := sum(pending.num_rows for pending in pending_tables)) >= _ROW_GROUP:
            combined = pa.concat_tables(pending_tables)
            yield combined.slice(0, _ROW_GROUP)
            pending_tables = [combined.slice(_ROW_GROUP)] if rows > _ROW_GROUP else []
    if pending_tables:
        yield pa.concat_tables(pending_tables)


def _is_naive(data_type: pa.DataType) -> bool:
    return pa.types.is_timestamp(data_type) and data_type.tz is None


def _hints(columns: Mapping[str, pa.DataType]) -> dict[str, dict[str, Any]]:
    """dlt's column hints. Without a hint, dlt stores a timestamp without time zone as one with a time zone."""
    kinds = {
        pa.string(): "text",
        pa.int64(): "bigint",
        pa.float64(): "double",
        pa.bool_(): "bool",
        pa.date32(): "date",
    }
    hints: dict[str, dict[str, Any]] = {}
    for name, data_type in columns.items():
        if _is_naive(data_type):
            hints[name] = {"data_type": "timestamp", "timezone": False}
        elif pa.types.is_decimal(data_type):
            hints[name] = {"data_type": "decimal", "precision": data_type.precision, "scale": data_type.scale}
        else:
            hints[name] = {"data_type": kinds[data_type]}
    return hints


def _empty(landing: Landing) -> pa.Table:
    own = {
        "_loaded_at": pa.timestamp("us", "UTC"),
        "_source_file": pa.string(),
        "_source_line": pa.int64(),
    }
    return pa.schema(list({**landing.columns, **own}.items())).empty_table()
