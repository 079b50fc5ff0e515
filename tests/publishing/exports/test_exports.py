"""Parquet, CSV and the workbook: they say what the published file says, and no text in them is a formula."""

from __future__ import annotations

import csv
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from openpyxl import Workbook, load_workbook
from typer.testing import CliRunner

import publishing
from metrics.core import deployment
from metrics.core.errors import NyckeltalError
from orchestration.cli.app import app
from publishing import exports, reader
from publishing.exports import workbook
from publishing.language import language
from tests import warehouse_factory
from tests.hostile import TEXTS
from tests.warehouse_factory import Warehouse, cells, kpi

SPAN = ("2025-12-01", "2026-02-28")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Three months of two domains in two releases: hostile texts, a suppressed cell, a revised open month."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("exports"), patch)
        for day, february in (("05", 110), ("06", 1_121_000.5)):
            warehouse.now(f"2026-03-{day}T06:00:00")
            warehouse.batch = day
            warehouse.feed("orders", newest_delivery=f"2026-03-{day}T01:00:00+00:00")
            months = {"2025-12": cells(90, SE=90), "2026-01": cells(100, SE=75, NO=25)}
            months["2026-02"] = cells(february, SE=80, NO=february - 80)
            formula = TEXTS["formula"]
            warehouse.add(kpi(name=formula, description=TEXTS["colour"], standard=formula), months)
            heads = [
                {"segment": "_T" if m == "_T" else "country", "member": m, "obs_value": float(n), "n_obs": n,
                 "n_persons_numerator": n}
                for m, n in {"_T": 33, "SE": 3, "NO": 10, "DK": 20}.items()
            ]  # fmt: skip
            warehouse.add(
                kpi("heads", protected=True, unit="persons", kind="stock", domain="people"), {"2026-01": heads}
            )
            score = {"metric_type": "ratio", "kind": "ratio", "additive_segments": False}
            for kpi_id, facts in (("nps", {"unit": "points", "lower_bound": -100.0}), ("rate", {"unit": "fraction"})):
                months = {code: cells(value) for code, value in (("2026-01", 0.25), ("2026-02", 0.5))}
                warehouse.add(kpi(kpi_id, segments=(), target=None, **score, **facts), months)
            warehouse.judge(*SPAN)
            warehouse.publish(*SPAN)
        yield warehouse


@pytest.fixture
def published(made: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.copy(made, tmp_path / "data", monkeypatch)


def test_a_release_writes_each_table_as_parquet_that_says_the_same(published: Warehouse) -> None:
    folder = deployment.parquet_path()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    tables = [name for (name,) in published.published("select table_name from duckdb_tables()")]
    assert sorted(file.stem for file in folder.iterdir()) == sorted(tables)
    for table in tables:
        file = folder / f"{table}.parquet"
        assert stat.S_IMODE(file.stat().st_mode) == 0o644
        written = duckdb.sql(f"select * from read_parquet('{file}') order by all").fetchall()
        assert written == published.published(f"select * from kpi.{table} order by all")
    hidden = f"select obs_value from read_parquet('{folder}/*vations.parquet') where obs_status = 'Q'"
    assert set(duckdb.sql(hidden).fetchall()) == {(None,)}


def test_parquet_files_are_left_where_they_are_of_the_newest_release_and_completed_where_not(
    published: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = deployment.parquet_path()

    def times() -> dict[str, int]:
        return {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}

    before = times()
    publishing.publish()
    assert times() == before

    (folder / "releases.parquet").unlink()  # as an interrupted call leaves it
    (folder.parent / ".parquet.half").mkdir()
    publishing.publish()
    assert times().keys() == before.keys() and all(times()[name] > before[name] for name in before)
    assert not list(folder.parent.glob(".parquet*"))

    (folder / "releases.parquet").write_bytes(b"no parquet")
    before = times()
    with monkeypatch.context() as patch:
        patch.setattr(exports.pq, "ParquetWriter", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            publishing.publish()
    assert times() == before  # nothing was put in place, and readers lose no file
    publishing.publish()
    assert duckdb.sql(f"select count(*) from read_parquet('{folder}/releases.parquet')").fetchall() == [(2,)]

    before = times()
    newer: Any = SimpleNamespace(newest={"release_id": "not in the published file"})
    exports.publish(newer)
    deployment.published_path().unlink()
    exports.publish(newer)
    assert times() == before


@pytest.mark.parametrize(("code", "separator", "point"), [("en", ",", "."), ("sv", ";", ",")])
def test_csv_is_as_spreadsheets_of_the_language_read_it(
    published: Warehouse, tmp_path: Path, code: str, separator: str, point: str
) -> None:
    exports.write_csv(tmp_path / "csv", language(code))
    content = (tmp_path / "csv" / "observations.csv").read_bytes()
    assert content.startswith("\ufeff".encode())
    rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines(), delimiter=separator))
    (total,) = [
        row for row in rows if row["kpi_id"] == "revenue" and row["segment"] == "_T" and row["time_period"] == "2026-02"
    ]
    assert total["obs_value"] == f"1121000{point}5" and total["period_end"] == "2026-02-28"
    assert {row["obs_value"] for row in rows if row["obs_status"] == "Q"} == {""}
    with (tmp_path / "csv" / "catalog.csv").open(encoding="utf-8-sig", newline="") as file:
        names = [row["name"] for row in csv.DictReader(file, delimiter=separator)]
    assert names == ["'" + TEXTS["formula"], "Heads", "Nps", "Rate"]
    assert (tmp_path / "csv" / "releases.csv").read_text("utf-8-sig").count("2026-03-05 06:00:00") == 1


def sheet_rows(book: Workbook, name: str) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in book[name].iter_rows()]


def test_the_workbook_has_real_numbers_and_days_and_the_words_of_its_language(
    published: Warehouse, tmp_path: Path
) -> None:
    in_swedish = {"sv": {"country": {"NO": "Norge"}}}
    catalog = reader.newest_catalog().model_copy(update={"company": "R&D AB", "members": in_swedish})
    workbook.write(tmp_path / "kpi.xlsx", catalog, language("sv"))
    book = load_workbook(tmp_path / "kpi.xlsx")
    assert book.sheetnames == ["Styrkort", "Ekonomi", "Personal", "Anmärkningar"]
    rows = sheet_rows(book, "Styrkort")
    assert rows[0][0] == "R&D AB: Styrkort" and rows[1][0].startswith("Publicering 2, 6 mar 2026")
    header = rows[3]
    scores = {row[0]: dict(zip(header, row, strict=True)) for row in rows[4:]}
    revenue = scores[TEXTS["formula"]]
    assert (revenue["Värde"], revenue["Mål"], revenue["Status"]) == (1_121_000.5, 100.0, "på målet")
    cells_of = {row[0].value: row[8] for row in book["Styrkort"].iter_rows(min_row=5)}
    assert cells_of["Nps"].value == 0.25 and '+0.0 "poäng"' in cells_of["Nps"].number_format
    assert cells_of["Rate"].value == 25 and '+0.0 "pe"' in cells_of["Rate"].number_format
    assert cells_of[TEXTS["formula"]].number_format == "+0.0%;-0.0%;0.0%"
    assert revenue["Publicerat"] == datetime(2026, 3, 6) and revenue["Preliminärt"] == "ja"

    finance = sheet_rows(book, "Ekonomi")
    assert finance[0][0] == "Per månad"
    assert finance[1][4:] == [datetime(2025, 12, 1), datetime(2026, 1, 1), datetime(2026, 2, 1)]
    total, norway, sweden = finance[2:5]
    assert total[1:] == ["Totalt", None, "SEK", 90.0, 100.0, 1_121_000.5]
    assert norway[1:] == ["land", "Norge", "SEK", None, 25.0, 1_120_920.5]
    assert book["Ekonomi"].row_dimensions[4].outlineLevel == 1 and book["Ekonomi"]["G3"].font.italic
    assert sweden[2] == "SE" and book["Ekonomi"]["G3"].number_format == "#,##0"

    people = {row[2]: row[5] for row in sheet_rows(book, "Personal")[2:]}
    assert people == {None: 33.0, "DK": 20.0, "Norge": "dolt", "SE": "dolt"}
    notes = [row for row in sheet_rows(book, "Anmärkningar") if row[0] == TEXTS["formula"]]
    assert notes[0][1] == "\\x1b[31mred\\x1b[0m"
    assert notes[0][7] == "revenue"  # the formula
    assert notes[1][1:5] == ["nyare källdata: nyare rader levererades", "2026-02", 110.0, 1_121_000.5]
    assert notes[1][6] == datetime(2026, 3, 6)


def test_without_an_option_the_workbook_is_written(published: Warehouse, tmp_path: Path) -> None:
    CliRunner().invoke(app, ["export", "--to", str(tmp_path)], catch_exceptions=False)
    assert (tmp_path / "kpi.xlsx").exists() and not (tmp_path / "csv").exists()


def test_a_file_in_the_place_of_a_folder_is_one_clear_line(published: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "csv").write_text("a file")
    (tmp_path / "kpi.xlsx").mkdir()
    for option, problem in (("--csv", "csv: --to: is a file"), ("--xlsx", "kpi.xlsx: --to: is a folder")):
        with pytest.raises(NyckeltalError, match=problem):
            CliRunner().invoke(app, ["export", option, "--to", str(tmp_path)], catch_exceptions=False)
    with pytest.raises(NyckeltalError, match="csv: --to: is a file, where a folder has to be"):
        CliRunner().invoke(app, ["export", "--parquet", "--to", str(tmp_path / "csv")], catch_exceptions=False)
    assert (tmp_path / "csv").read_text() == "a file"


def test_a_workbook_of_a_file_of_another_version_is_one_clear_line(published: Warehouse, tmp_path: Path) -> None:
    with duckdb.connect(str(deployment.published_path())) as connection:
        connection.execute("alter table kpi.catalog rename column currency to money")
    with pytest.raises(NyckeltalError, match="another version of nyckeltal; `kpi ledger rebuild` makes it anew"):
        CliRunner().invoke(app, ["export", "--xlsx", "--to", str(tmp_path)], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == [tmp_path / "data"]


def test_no_text_in_the_workbook_is_a_formula(published: Warehouse, tmp_path: Path) -> None:
    catalog = reader.newest_catalog().model_copy(update={"company": "=1+1"})
    workbook.write(tmp_path / "kpi.xlsx", catalog, language("en"))
    book = load_workbook(tmp_path / "kpi.xlsx")
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds and {"s", "n", "d"} <= kinds
    assert book["Scorecard"]["A1"].value == "=1+1: Scorecard"


def test_sheets_have_names_that_excel_takes() -> None:
    long = "a/b:c*d?[e]" * 5
    first = workbook._sheet_name(long, [])
    second = workbook._sheet_name(long, [first.upper()])
    assert len(first) <= 31 and len(second) <= 31 and first != second and not set("/:*?[]") & set(first + second)
    assert workbook._sheet_name("'", []) == "-"
    assert workbook._sheet_name("History", []) == "History 2"  # Excel refuses a file with a sheet History


def test_the_command(published: Warehouse, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["export", "--xlsx", "--csv", "--parquet", "--to", str(out)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert sorted(entry.name for entry in out.iterdir()) == ["csv", "kpi.xlsx", "parquet"]
    assert load_workbook(out / "kpi.xlsx").sheetnames[0] == "Scorecard"
    with pytest.raises(NyckeltalError, match="nothing is written in that language"):
        CliRunner().invoke(app, ["export", "--csv", "--lang", "de"], catch_exceptions=False)


def test_before_the_first_release_there_is_nothing_to_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "none"))
    for write in (exports.write_parquet, lambda folder: exports.write_csv(folder, language("en"))):
        with pytest.raises(NyckeltalError, match="nothing has been published yet"):
            write(tmp_path / "out")
    assert not (tmp_path / "out").exists()
