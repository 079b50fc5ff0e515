"""The dlt pipeline that lands typed batches in the warehouse's raw dataset. Knows no files and no rules of feeds."""

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
    # dlt logs the errors that it raises, and these may quote values. Its warnings are of no use either.
    "RUNTIME__LOG_LEVEL": "CRITICAL",
}
_ROW_GROUP = 122_880


@dataclass(frozen=True)
class Landing:
    """A feed's batches on their way in.

    `columns` are the declared ones; `replaces`: rows of these files are in the table already and go as theirs come
    (dlt's merge by `_source_file`, in one transaction); `creates`: the table isn't there, or is made anew.
    """

    name: str
    columns: Mapping[str, pa.DataType]
    tables: Callable[[], Iterator[pa.Table]]
    replaces: bool
    creates: bool


def land(connection: duckdb.DuckDBPyConnection, landings: Sequence[Landing], folder: Path) -> None:
    """Loads the batches; a feed without any gets its (empty) table all the same.

    dlt's working files go to `folder`, which is emptied first: what a run that was cut short left there is not
    resumed, because the files are read again. Raises what dlt raises.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    import dlt  # takes a second to import, which a run without news doesn't spend

    for creates in (True, False):
        some = [one for one in landings if one.creates is creates]
        if not some:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        _drop_staging(connection)
        pipeline = dlt.pipeline(
            "nyckeltal_ingest",
            pipelines_dir=str(folder),
            destination=dlt.destinations.duckdb(connection, naming_convention="direct"),
            dataset_name="raw",
        )
        resources = [_resource(dlt, one) for one in some]
        source = dlt.source(_listed, name="feeds")
        # dlt remembers the columns of a table that is gone; refresh makes it forget them.
        refresh = "drop_resources" if creates else None
        pipeline.run(source(resources), loader_file_format="parquet", refresh=refresh)
    _drop_staging(connection)


def _drop_staging(connection: duckdb.DuckDBPyConnection) -> None:
    """Where dlt puts rows before it merges them. Leaving it would keep a copy of them; half of it trips refresh up."""
    connection.execute("DROP SCHEMA IF EXISTS raw_staging CASCADE")


def _listed(resources: list[Any]) -> list[Any]:
    return resources


def _resource(dlt: Any, landing: Landing) -> Any:
    def batches() -> Iterator[Any]:
        empty = True
        hinted = set(landing.columns)
        for table in _aligned(landing.tables()):
            empty = False
            # Undeclared columns of Parquet files may be timestamps too.
            new = pa.schema([one for one in table.schema if one.name not in hinted and _is_naive(one.type)])
            hinted.update(new.names)
            if new.names:
                yield dlt.mark.with_hints(
                    table, dlt.mark.make_hints(columns=_hints({one.name: one.type for one in new}))
                )
            else:
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
    """The same rows in tables of exactly _ROW_GROUP rows, a stretch's last one excepted.

    They become row groups of a Parquet file. When these don't fill DuckDB's own, it stores the rows twice: four
    times slower.
    """
    waiting: list[pa.Table] = []
    for table in tables:
        if waiting and waiting[0].schema != table.schema:
            yield pa.concat_tables(waiting)
            waiting = []
        waiting.append(table)
        while (rows := sum(one.num_rows for one in waiting)) >= _ROW_GROUP:
            together = pa.concat_tables(waiting)
            yield together.slice(0, _ROW_GROUP)
            waiting = [together.slice(_ROW_GROUP)] if rows > _ROW_GROUP else []
    if waiting:
        yield pa.concat_tables(waiting)


def _is_naive(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) and kind.tz is None


def _hints(columns: Mapping[str, pa.DataType]) -> dict[str, dict[str, Any]]:
    """dlt's column hints. Without one, dlt gives a timestamp without time zone a time zone in DuckDB."""
    kinds = {
        pa.string(): "text",
        pa.int64(): "bigint",
        pa.float64(): "double",
        pa.bool_(): "bool",
        pa.date32(): "date",
    }
    hints: dict[str, dict[str, Any]] = {}
    for name, kind in columns.items():
        if _is_naive(kind):
            hints[name] = {"data_type": "timestamp", "timezone": False}
        elif pa.types.is_decimal(kind):
            hints[name] = {"data_type": "decimal", "precision": kind.precision, "scale": kind.scale}
        else:
            hints[name] = {"data_type": kinds[kind]}
    return hints


def _empty(landing: Landing) -> pa.Table:
    own = {
        "_loaded_at": pa.timestamp("us", "UTC"),
        "_source_file": pa.string(),
        "_source_line": pa.int64(),
    }
    return pa.schema(list({**landing.columns, **own}.items())).empty_table()
