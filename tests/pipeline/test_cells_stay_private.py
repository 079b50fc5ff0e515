"""No cell of a source leaves the warehouse in a message: not from the files that can't be read, nor from a model."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Deployment
from dagster._utils.error import serializable_error_info_from_exc_info
from deltalake import DeltaTable

from metrics.core.errors import NyckeltalError, UnexpectedError, values_withheld, without_values
from orchestration.dbt.plugin import described
from tests.command_line import kpi_command

# No word of these stands anywhere else in the project or the simulated data.
EMAIL, NAME, PAY = "zebedeus.qvist@privat.example", "Qvistrolf Zebedeus", "77665544332211"
HOSTILE = "<img onerror=zqq()>[/red]\x1b[31m"
PRIVATE = ("zebedeus", "qvist", PAY, "zqq")
MARCH = "2024-03-11"


def _append(path: Path, text: str) -> None:
    """Adds lines to a copy of the newest file of a folder, or to the file itself."""
    newest = max(path.parent.glob(path.name))
    newest.write_bytes(newest.read_bytes() + text.encode())


def _spoil(sources: Path) -> None:
    """Every kind of bad file, in one feed each, with private and hostile values in it."""
    row = f"{NAME},{EMAIL},{PAY}"
    (sources / "crm" / "leads_2024-04.csv").write_text(f"{row},{HOSTILE}\n{row},x\n")  # no header
    (sources / "shop/orders" / f"{MARCH}.csv").write_text(row.replace(",", ";") + "\n")  # neither header nor delimiter
    _append(sources / "shop/products.csv", f'"{NAME}{HOSTILE}",{EMAIL}\n{row},{row},{row},{row}\n')  # fields
    lines = max((sources / "shop/order_lines").glob("*.csv"))
    header, first, *rest = lines.read_text().splitlines()
    cells = first.split(",")
    wrong = [",".join([*cells[:place], EMAIL, *cells[place + 1 :]]) for place in range(len(cells))]  # each type
    lines.write_text("\n".join([header, *wrong, f'"{NAME}', first, *rest, f'{NAME}"', ""]))  # and a quote
    deliveries = max((sources / "shop/deliveries").glob("*.csv"))
    deliveries.write_bytes(deliveries.read_bytes() + f"{NAME}å,{EMAIL}\n".encode("latin-1"))  # encoding
    (sources / "ads/google" / f"{MARCH}.csv").write_text(f"day,{EMAIL},{NAME}\n{row}\n")  # a name in the header
    meta = max((sources / "ads/meta").glob("*.csv"))
    meta.write_text(meta.read_text().replace("\n", f",{EMAIL}\n", 1).replace("\n", ",x\n").replace(",x\n", "\n", 1))
    _append(sources / "ops/incidents_*.csv", f'"{NAME}\n{row}\n')  # a quote to the end of the file
    _append(
        sources / "support/tickets_*.jsonl", f'{{"ticket_id": "{EMAIL}", "opened_at": \n{{"{NAME}": "{PAY}"}}\n[1]\n'
    )
    sessions = max((sources / "web").glob("*.parquet"))
    table = pq.read_table(sessions)
    content = io.BytesIO()
    odd = pa.array([EMAIL] * table.num_rows)
    pq.write_table(
        table.rename_columns([f"{EMAIL};{n}" if i == 1 else n for i, n in enumerate(table.column_names)]), content
    )
    (sources / "web" / "sessions_2024-03-30.parquet").write_bytes(content.getvalue())
    (sources / "web" / "sessions_2024-03-31.parquet").write_bytes(f"PAR1{EMAIL}{NAME}PAR1".encode())
    pq.write_table(table.append_column(f"{NAME}'; {HOSTILE}", odd), sessions)
    book = openpyxl.load_workbook(sources / "hr/employees.xlsx")
    sheet = book["Employees"]
    place = [cell.value for cell in sheet[1]].index("monthly_salary") + 1
    sheet.cell(row=2, column=place, value=f"{PAY} {EMAIL}")
    sheet.cell(row=3, column=place).value = "#N/A"
    sheet.cell(row=3, column=place).data_type = "e"
    book.save(sources / "hr/employees.xlsx")
    absences = openpyxl.Workbook()
    absences.active.title = f"{NAME}"
    absences.active.append([NAME, EMAIL, PAY])
    absences.save(sources / "hr/absences.xlsx")
    # Fits the feed's decimals and not the model's: DuckDB quotes it, and dbt and Dagster what DuckDB says.
    energy = max((sources / "energy").glob("*.csv.gz"))
    header, first, *rest = gzip.decompress(energy.read_bytes()).decode().splitlines()
    at = header.replace('"', "").split(",").index("kwh")
    cells = first.split(",")
    cells[at] = f"{PAY}999.5"
    energy.write_bytes(gzip.compress("\n".join([header, ",".join(cells), *rest, ""]).encode()))


def _texts_outside_the_warehouse(data: Path) -> Iterator[tuple[str, str]]:
    """All that lies outside the warehouse and the sources, as text by place."""
    for path in sorted(data.rglob("*")):
        inside = path.relative_to(data)
        if path.is_file() and inside.parts[0] != "sources" and not path.name.startswith("warehouse.duckdb"):
            yield str(inside), path.read_bytes().decode("utf-8", errors="replace")
    for table in sorted((data / "ledger").iterdir()):
        if (table / "_delta_log").is_dir():
            yield f"ledger {table.name}", str(DeltaTable(table).to_pyarrow_table().to_pylist())
    for file in data.rglob("published.duckdb"):
        with duckdb.connect(str(file), read_only=True) as connection:
            for schema, table in connection.execute("select schema_name, table_name from duckdb_tables()").fetchall():
                yield f"published {table}", str(connection.execute(f'from "{schema}"."{table}"').fetchall())


def test_what_bad_files_hold_is_said_nowhere(copied: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    _spoil(copied.data / "sources")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NYCKELTAL_NOW", "2024-03-13T06:00:00+00:00")
    # The run in a process of its own, so that all is seen that its libraries print.
    run = [sys.executable, "-m", "orchestration.cli.app", "run"]
    ended = {"run": subprocess.run(run, capture_output=True, text=True)}
    ended |= {command: kpi_command(command) for command in ("status", "held", "docs")}
    said = {f"kpi {command}": process.stdout + process.stderr for command, process in ended.items()}
    assert not [command for command, text in said.items() if "Traceback" in text]
    places = {**said, **dict(_texts_outside_the_warehouse(copied.data))}
    assert {place for place, text in places.items() if any(word in text.lower() for word in PRIVATE)} == set()
    with duckdb.connect(str(copied.data / "warehouse.duckdb"), read_only=True) as connection:
        reasons = connection.execute("select distinct feed, reason from raw._rejected").fetchall()
        failed = connection.execute("select distinct reason from kpi._builds where not ok").fetchall()
    assert not [reason for reason in reasons if any(word in str(reason).lower() for word in PRIVATE)]
    # The files were as bad as they were meant to be, and the model failed.
    spoilt = "absences deliveries employees google_ads incidents leads order_lines orders products sessions tickets"
    assert {feed for feed, _ in reasons} == set(spoilt.split())
    assert any("stg_energy_readings" in reason and "ConversionException" in reason for (reason,) in failed)


def test_an_error_of_duckdb_is_told_without_values() -> None:
    with duckdb.connect() as connection:
        connection.execute("create table t as select 'Zebedeus\n\nLINE 1: secret' as v")

        def error(sql: str) -> str:
            with pytest.raises(duckdb.Error) as raised:
                connection.execute(sql).fetchall()
            return described(raised.value, sql)

        for sql in (
            "select cast(v as integer) from t",
            "select strptime(v, '%Y') from t",
            "select error(v) from t",
            "create table u (v varchar primary key); insert into u from t; insert into u from t",
        ):
            message = error(sql)
            assert "Zebedeus" not in message and "secret" not in message and "is not shown" in message
        assert 'Referenced column "w" not found' in error("select w from t")
        assert "in line 1 of the SQL that ran: select cast(v as integer)" in error("select cast(v as integer) from t")


def test_an_unexpected_error_keeps_its_place_and_loses_its_text() -> None:
    with pytest.raises(UnexpectedError) as raised, values_withheld("gate"):
        try:
            {}["Zebedeus"]
        except KeyError as error:
            raise ValueError("Zebedeus") from error
    assert str(raised.value).startswith("gate: ValueError (test_cells_stay_private.py, line ")
    stored = str(serializable_error_info_from_exc_info((raised.type, raised.value, raised.tb)))  # as Dagster keeps it
    assert "UnexpectedError: gate: ValueError" in stored and "Zebedeus" not in stored.replace('"Zebedeus"', "")
    with pytest.raises(NyckeltalError, match="of ours"), values_withheld("gate"):
        raise NyckeltalError("a text of ours")
    assert without_values(duckdb.IOException("No space left")) == "IOException: No space left"
    assert without_values(pa.ArrowInvalid("Zebedeus")) == "ArrowInvalid"
