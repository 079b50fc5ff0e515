"""The benchmark's contenders give the same values; what time they take is no test."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from benchmarks import facts, ingest
from benchmarks.contenders import CONTENDERS, Size

SIZE = Size(rows=6_000, months=13, seed=1)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with each contender's values as a Parquet file."""
    folder = tmp_path_factory.mktemp("answers")
    for name in ("hand", "hand_month", "engine_full", "engine_month", "metricflow_joint"):
        with duckdb.connect() as connection:
            facts.create(connection, SIZE.rows, SIZE.months, SIZE.seed)
            CONTENDERS[name](connection, folder / f"{name}.work", SIZE)
            connection.execute(f"copy result to '{folder / name}.parquet'")
    return folder


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("engine_full", "hand"), ("engine_month", "hand_month"), ("metricflow_joint", "hand")],
)
def test_contenders_agree(answers: Path, ours: str, theirs: str) -> None:
    different, compared = duckdb.sql(
        f"""select count(*) filter (not coalesce(abs(a.value - b.value) <= 1e-9 * greatest(abs(a.value), 1), false)),
            count(*)
        from (from '{answers / ours}.parquet' where value is not null) a
        full join (from '{answers / theirs}.parquet' where value is not null) b
        using (kpi_id, freq, period_start, segment, member)"""
    ).fetchall()[0]
    assert different == 0
    assert compared > 5_000


def test_ingest_and_duckdb_take_in_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NYCKELTAL_DATA_DIR", "NYCKELTAL_SOURCE_DIR"):
        monkeypatch.setenv(variable, "set by the benchmark")
    ingest.one_file(tmp_path / "sources", 1_000)
    ours, theirs = (ingest.taken_in(contender, tmp_path) for contender in ("ingest", "duckdb"))
    assert ours["rows"] == theirs["rows"] == 1_000
    assert ours["content"] == theirs["content"]
