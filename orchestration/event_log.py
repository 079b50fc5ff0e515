"""Dagster's event log in SQLite with connections that stay open. `dagster.yaml` names the class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from dagster import DagsterEventType, EventLogEntry
from dagster._core.storage.event_log import AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

BUSY_TIMEOUT_SECONDS = 60
_PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED


class KeptSqliteEventLogStorage(SqliteEventLogStorage):
    """The base class with one engine per file that is kept, and fewer syncs of the disk.

    The base class opens the file, creates an engine and syncs the disk again for each of thousands of events. WAL with
    synchronous NORMAL can lose the last events at a power cut, but nothing else. This is acceptable: the record of what
    was published is the ledger.
    """

    _engines: dict[str, Engine]
    _tables: set[str]

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> KeptSqliteEventLogStorage:
        """The same as in the base class, which would create an object of the base class."""
        return cls(inst_data=inst_data, **config_value)

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """Yes: a run over 37 months plans each asset once, not once a month.

        Dagster's pages then don't show which month is in progress.
        """
        return True

    def has_table(self, table_name: str) -> bool:
        """The same as in the base class, but a table that exists is looked up only once, and not for each event."""
        tables = self.__dict__.setdefault("_tables", set())
        if table_name not in tables and super().has_table(table_name):
            tables.add(table_name)
        return table_name in tables

    def store_event(self, event: EventLogEntry) -> None:
        """The same as in the base class, but not planned checks: these hide the result of a check that isn't run."""
        if event.dagster_event_type != DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """The same as in the base class, but the planned materializations of a run, hundreds, in one transaction."""
        planned = [event for event in events if event.dagster_event_type == _PLANNED]
        if len(planned) < len(events):
            super().store_event_batch(events)
            return
        insert, rows = SqlEventLogStorageTable.insert(), [self._event_to_row(event) for event in planned]
        with self._connect(planned[0].run_id) as connection:  # a batch is of one run
            connection.execute(insert, rows)
        with self._connect(INDEX_SHARD_NAME) as connection:
            connection.execute(insert, rows)
            for event in planned:
                self._store_asset_event(connection, event, 0)

    def _store_asset_event(self, conn: Connection, event: EventLogEntry, event_id: int) -> None:
        """The same as in the base class, which tries to insert first, though the asset is nearly always known."""
        asset_key = event.dagster_event.asset_key if event.dagster_event else None
        has_columns = self._has_asset_key_index_cols_on_connection(conn)
        values = self._get_asset_entry_values(event, event_id, has_columns) if asset_key else None
        if asset_key and values:
            known = AssetKeyTable.c.asset_key == asset_key.to_string()
            if not conn.execute(AssetKeyTable.update().values(**values).where(known)).rowcount:
                conn.execute(AssetKeyTable.insert().values(asset_key=asset_key.to_string(), **values))

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        """The same as in the base class, but a column that exists is looked up only once, and not for each event."""
        columns = self.__dict__.setdefault("_columns", set())
        if column_name not in columns and super()._has_asset_key_col_on_connection(conn, column_name):
            columns.add(column_name)
        return column_name in columns

    def dispose(self) -> None:
        """Closes the connections: SQLite then folds each run's write-ahead log, of 4 MiB, into its file."""
        for engine in self.__dict__.pop("_engines", {}).values():
            engine.dispose()
        super().dispose()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        engines = self.__dict__.setdefault("_engines", {})
        with self._db_lock:
            engine = engines.get(shard)
            if engine is None:
                engine = create_engine(
                    self.conn_string_for_shard(shard),
                    poolclass=QueuePool,
                    connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
                )
                event.listen(engine, "connect", _relax)
                engines[shard] = engine
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection


def _relax(connection: object, _: object) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")  # type: ignore[attr-defined]
