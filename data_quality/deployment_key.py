"""The deployment's secret key for hashes in the warehouse. It is made only where none was used before."""

from __future__ import annotations

import duckdb

from data_quality.warehouse import has_table
from metrics.core import secret_key
from metrics.core.deployment import ledger_path, warehouse_path
from metrics.core.errors import NyckeltalError

_HASHED = "select count(*) from raw._files where json_extract_string(shape, '$.key') is not null"


def require(warehouse: duckdb.DuckDBPyConnection) -> bytes:
    """The secret key (`metrics/core/secret_key.py`). A new one is made only if warehouse and ledger were made without.

    Raises NyckeltalError when the key is lost, or is invalid.
    """
    key = secret_key.key()
    if key is not None:
        return key
    if store := _made_with_a_key(warehouse):
        problem = f"the key file is lost, and {store} was made with its key: put the file back from a backup"
        expected = f"the key there or in {secret_key.VARIABLE}; without a backup see docs/how-to/recovery.md"
        raise NyckeltalError(problem, file=secret_key.key_path(), expected=expected)
    return secret_key.make()


def _made_with_a_key(warehouse: duckdb.DuckDBPyConnection) -> str | None:
    """The store whose content depends on a key; None where there is none. Verdicts depend on it before any release."""
    if _has_rows(warehouse, "kpi", "verdicts", "select count(*) from kpi.verdicts"):
        return str(warehouse_path())
    if _has_rows(warehouse, "raw", "_files", _HASHED):
        return str(warehouse_path())
    from data_quality.ledger.store import Ledger  # Delta takes a third of a second to import; a key is rarely made

    ledger = Ledger.find(ledger_path())
    return ledger_path() if ledger is not None and ledger.newest is not None else None


def _has_rows(warehouse: duckdb.DuckDBPyConnection, schema: str, table: str, count: str) -> bool:
    if not has_table(warehouse, schema, table):
        return False
    row = warehouse.execute(count).fetchone()
    return row is not None and row[0] > 0
