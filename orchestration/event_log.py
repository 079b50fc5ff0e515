"""Dagster's event log in SQLite with connections that stay open. `dagster.yaml` names the class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

BUSY_TIMEOUT_SECONDS = 60


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
        """The same as in the base class, which opens the file several times for each event; remembers found tables."""
        tables = self.__dict__.setdefault("_tables", set())
        if table_name not in tables and super().has_table(table_name):
            tables.add(table_name)
        return table_name in tables

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
