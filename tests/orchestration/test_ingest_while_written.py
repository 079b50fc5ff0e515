"""Source files that are written to while they are read: none is loaded in part, and the next run loads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration.ingest import feed_reading
from orchestration.ingest.readers import csv as csv_reader
from tests.ingest_company import IngestCompany

HEADER = "order_id,ordered_at,amount\n"
FIRST = HEADER + "A1,2026-11-01 10:00:00,1\n"
SECOND = HEADER + "A1,2026-11-01 10:00:00,2\nA2,2026-11-01 11:00:00,3\n"
MORE = "A3,2026-11-01 12:00:00,4\n"
STORED = "select order_id, amount::int from raw.orders order by order_id"


def grow(path: Path) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(MORE)


def rewrite(path: Path) -> None:
    """With as many bytes as before."""
    path.write_text(SECOND.replace(",2\n", ",9\n"), encoding="utf-8")


def vanish(path: Path) -> None:
    path.unlink()


@pytest.fixture(params=[False, True], ids=["whole file at once", "yielded in parts"])
def in_parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether rows of the file were loaded before its change shows."""
    if request.param:
        monkeypatch.setattr(feed_reading, "BATCH_ROWS", 1)
    return bool(request.param)


@pytest.mark.parametrize(("change", "when"), [(grow, "before"), (rewrite, "after"), (vanish, "after")])
def test_a_file_that_changes_while_it_is_read_is_loaded_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_parts: bool, change: Callable[[Path], None], when: str
) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NYCKELTAL_SOURCE_DIR", str(tmp_path / "sources"))
    company = IngestCompany(tmp_path)
    company.feed("orders")
    company.write("orders/1.csv", FIRST, modified=1e9)
    company.run()
    file = company.write("orders/1.csv", SECOND, modified=1.1e9)
    company.write("orders/2.csv", HEADER + "B1,2026-11-02 10:00:00,5\n", modified=1.1e9)
    read_csv = csv_reader.read

    def meanwhile(path: Path, *arguments: Any) -> Iterator[Any]:
        if path == file and when == "before":
            change(path)
        yield from read_csv(path, *arguments)
        if path == file and when == "after":
            change(path)

    with monkeypatch.context() as patch:
        patch.setattr(csv_reader, "read", meanwhile)
        report = company.run()["orders"]
    assert company.sql(STORED) == [("A1", 1), ("B1", 5)]  # the earlier version stays, other files are loaded
    assert report.outstanding and "1.csv" in report.outstanding
    if change is not vanish:
        assert "changed while it was being read; the next run loads it" in report.outstanding

    report = company.run()["orders"]
    expected = {grow: [("A1", 2), ("A2", 3), ("A3", 4), ("B1", 5)], rewrite: [("A1", 9), ("A2", 3), ("B1", 5)]}
    if change in expected:
        assert (report.outstanding, company.sql(STORED)) == (None, expected[change])
    else:
        assert ("B1", 5) in company.sql(STORED)
