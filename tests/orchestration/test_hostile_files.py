"""Hostile and unusual names of files and columns, and values: read as they are, shown as text, and stopping nothing."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path

import pytest
from ingest_company import IngestCompany

from metrics.core.text import visible
from tests import hostile

TEXTS = [text for text in hostile.TEXTS.values() if text.strip() and "\udcff" not in text]


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IngestCompany:
    monkeypatch.setenv("NYCKELTAL_SOURCE_DIR", str(tmp_path / "sources"))
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "data"))
    return IngestCompany(tmp_path)


def written(*rows: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()


def test_values_and_columns_are_read_as_they_are(company: IngestCompany) -> None:
    names = [re.sub(r"\s", " ", text)[:200].strip() for text in TEXTS]  # ingest takes off blanks around a name
    company.feed("orders", columns={"id": "text", **dict.fromkeys(names, "text")})
    company.write("orders/1.csv", written(["id", *names], *(["1", *[text] * len(names)] for text in TEXTS)))
    report = company.run()["orders"]
    assert (report.outstanding, report.rows_rejected, report.rows_total) == (None, 0, len(TEXTS))
    columns = company.sql(
        "select column_name from duckdb_columns() where schema_name = 'raw' and table_name = 'orders'"
    )
    stored = {re.sub("['\";]", "_", name) for name in names}  # as a note says
    assert stored <= {name for (name,) in columns}
    for name in stored:
        assert {value for (value,) in company.sql(f'select "{name}" from raw.orders')} == set(TEXTS)


def test_files_of_any_name_are_read_or_reported(company: IngestCompany) -> None:
    company.feed("orders", columns={"id": "text"})
    company.feed("others", columns={"id": "text"})
    company.write("others/1.csv", "id\n1\n")
    names = [text.replace("/", "_")[:200] for text in TEXTS]
    for number, name in enumerate(names):
        company.write(f"orders/{name}.csv", f"id\n{number}\n")
        company.write(f"orders/broken {name}.csv", "no\n1\n")
    file = os.fsencode(company.source) + b"/orders/\xff.csv"
    Path(os.fsdecode(file)).write_text("id\nlast\n")
    reports = company.run()
    assert reports["others"].rows_total == 1
    outcome = reports["orders"].outstanding or ""
    assert reports["orders"].rows_total in (len(names), len(names) + 1)
    assert outcome == visible(outcome) and all(note == visible(note) for note in reports["orders"].notes)
