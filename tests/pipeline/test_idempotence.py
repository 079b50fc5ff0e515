"""The same inputs again append nothing: whatever the order of files and rows, and their dates."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_quality.ledger.store import Ledger
from data_quality.release.comparison import vintages
from data_quality.release.comparison.vintages import ELIGIBLE, INCOMING
from metrics.core import deployment
from metrics.core.periods import parse
from tests import warehouse_factory
from tests.examples import examples
from tests.ingest_company import IngestCompany
from tests.ledger_factory import DAY, NOON, observation, table
from tests.warehouse_factory import Warehouse, kpi

SPAN = ("2025-01-01", "2026-02-28")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Fourteen months of fractions, whose sums as DOUBLE depend on their order; published."""
    with pytest.MonkeyPatch.context() as patch:
        new_warehouse = warehouse_factory.make(tmp_path_factory.mktemp("released"), patch)
        new_warehouse.add(kpi(), warehouse_factory.months("2025-01", "2026-02", lambda n: 100 + n / 7))
        new_warehouse.judge(*SPAN)
        new_warehouse.release(*SPAN)
        yield new_warehouse


@pytest.mark.parametrize("seed", range(3))
def test_rows_in_another_order_and_other_last_digits_append_nothing(
    released: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    warehouse = warehouse_factory.copy(released, tmp_path, monkeypatch)
    chance = random.Random(seed)
    warehouse.now(f"2026-03-05 0{7 + seed}:00")
    warehouse.batch = f"again{seed}"
    rows = list(warehouse_factory.months("2025-01", "2026-02", lambda n: 100 + n / 7).items())
    chance.shuffle(rows)
    for _, members in rows:
        chance.shuffle(members)
        for row in members:
            row["obs_value"] *= 1 + chance.choice((-1, 0, 1)) * 2**-52
    warehouse.add(kpi(), dict(rows))
    warehouse.judge(*SPAN)
    again = warehouse.release(*SPAN)
    assert (again.release_id, again.published, again.unchanged) == (None, 14, 42)
    assert len(Ledger.open(deployment.ledger_path()).releases) == 1


HEADER = "order_id,ordered_at,amount\n"
FILES = {
    f"orders/{day:02}.csv": HEADER
    + "".join(f"O{day}-{n},2026-01-{day:02} 10:00:00,{day * n / 7:.2f}\n" for n in range(9))
    for day in range(1, 7)
}
STORED = "SELECT order_id, ordered_at, amount, _source_file, _source_line FROM raw.orders ORDER BY ALL"
KNOWN = "SELECT source_file, sha256, rows_loaded, loaded_at FROM raw._files ORDER BY ALL"


@pytest.mark.parametrize("seed", range(3))
def test_files_in_any_order_of_delivery_make_one_table_and_come_in_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    monkeypatch.setenv("NYCKELTAL_NOW", "2026-02-01T06:00:00+00:00")
    stored_tables = []
    for name in ("at once", "one by one"):
        folder = tmp_path / name
        monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(folder / "data"))
        monkeypatch.setenv("NYCKELTAL_SOURCE_DIR", str(folder / "sources"))
        into = IngestCompany(folder)
        into.feed("orders")
        names = list(FILES)
        chance.shuffle(names)
        parts = [names] if name == "at once" else [names[:2], names[2:]]
        for part in parts:
            for file in part:
                into.write(file, FILES[file], modified=1.7e9 + chance.randrange(10**6))
            into.run()
        stored_tables.append(into.sql(STORED))
        stored, known_days = stored_tables[-1], into.sql(KNOWN)
        for file in names:  # touched, and copied anew
            into.write(file, FILES[file], modified=1.8e9 + chance.randrange(10**6))
        report = into.run()["orders"]
        assert (report.rows_loaded, report.files_new, report.outstanding) == (0, 0, None)
        assert (into.sql(STORED), into.sql(KNOWN)) == (stored, known_days)
    assert stored_tables[0] == stored_tables[1] and len(stored_tables[0]) == 54


numbers = st.one_of(st.none(), st.floats(min_value=-1e12, max_value=1e12))
offers = st.dictionaries(
    st.tuples(st.sampled_from(["2026-01", "2026-02"]), st.sampled_from(["_T", "SE", "NO"])), numbers, min_size=1
)
FACTS = {"candidate_hash": "c", "definition_version": 1, "definition_hash": "d"}
CLOSES = {"closes_on": date(2026, 4, 10), "breaks": False, "min_n_obs": 0, "estimate": False}


def _selected(rows: list[dict[str, Any]], committed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    incoming = [{name: row[name] for name in INCOMING.names if name in row} for row in rows]
    keys = {row["time_period"]: {name: row[name] for name in ELIGIBLE.names if name in row} for row in rows}
    with_sequence = table(committed).append_column("sequence", pa.array([1] * len(committed), pa.int64()))
    eligible = pa.Table.from_pylist([{**key, **FACTS, **CLOSES} for key in keys.values()], schema=ELIGIBLE)
    selected = vintages.select(pa.Table.from_pylist(incoming, schema=INCOMING), eligible, with_sequence, today=DAY)
    return list(selected.to_pylist())


@examples(12)
@given(offers, st.randoms(use_true_random=False))
def test_what_was_released_once_is_not_selected_again(
    values: dict[tuple[str, str], float | None], chance: random.Random
) -> None:
    """For any values, and any order of rows in the offer and in the ledger."""
    rows = []
    for (code, member), value in values.items():
        period = parse(code)
        segment = "_T" if member == "_T" else "country"
        fields = {"time_period": code, "period_start": period.start, "period_end": period.end, "obs_value": value}
        rows.append(observation(segment=segment, member=member, **fields))
    first = _selected(rows, [])
    assert len(first) == len(rows)
    committed = [{**row, "release_id": "r", "realtime_start": DAY, "published_at": NOON} for row in first]
    chance.shuffle(rows)
    chance.shuffle(committed)
    assert _selected(rows, committed) == []
