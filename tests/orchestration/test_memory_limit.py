"""What DuckDB may hold in memory while models are built."""

from __future__ import annotations

import duckdb
import pytest

from metrics.core import deployment
from metrics.core.errors import NyckeltalError
from orchestration.dbt.plugin import described


def test_a_model_that_needs_more_memory_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_MEMORY_LIMIT", "20MB")
    config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "20MB", "temp_directory": ""}
    with (
        duckdb.connect(config=config) as connection,
        pytest.raises(duckdb.OutOfMemoryException) as raised,
    ):
        connection.execute("select list(range) from range(10_000_000)").fetchall()
    text = described(raised.value, "select 1")
    assert text.endswith("the model may use 20MB: set NYCKELTAL_MEMORY_LIMIT to more")


@pytest.mark.parametrize("limit", ["a lot", "80%", "-1GiB", "1GiB; drop table x", "0GiB", "1KB"])
def test_a_limit_that_is_no_size_is_refused(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_MEMORY_LIMIT", limit)
    with pytest.raises(NyckeltalError, match="NYCKELTAL_MEMORY_LIMIT: is no size"):
        deployment.memory_limit()
