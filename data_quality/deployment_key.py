"""The deployment's secret key for what is stored in the warehouse; made only where none was used before."""

from __future__ import annotations

import duckdb

from data_quality.warehouse import has_table
from metrics.core import secret_key
from metrics.core.deployment import ledger_path, warehouse_path
from metrics.core.errors import NyckeltalError

_HASHED = "select count(*) from raw._files where json_extract_string(shape, '$.key') is not null"


def require(warehouse: duckdb.DuckDBPyConnection) -> bytes:
    """The key of `metrics/pseudonym.py`; a new one where neither the warehouse nor the ledger was made with one.

    Raises NyckeltalError when the key is lost, or is no key.
    """
    found = secret_key.key()
    if found is not None:
        return found
    if store := _made_with_a_key(warehouse):
        problem = f"the key file is lost, and {store} was made with its key: put the file back from a backup"
        expected = f"the key there or in {secret_key.VARIABLE}; docs/recovery.md says what to do without a backup"
        raise NyckeltalError(problem, file=secret_key.key_path(), expected=expected)
    return secret_key.make()


def _made_with_a_key(warehouse: duckdb.DuckDBPyConnection) -> str | None:
    """The store whose content depends on a key, None where there is none: verdicts are sealed before a release."""
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
