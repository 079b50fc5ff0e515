"""`kpi sql`: it can read the published file only, and its CSV has no text that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from metrics.core import deployment
from metrics.core.errors import NyckeltalError
from orchestration.cli.app import app
from publishing import reader


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A published file, and a text file and a database beside its folder that it must not reach."""
    data = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NYCKELTAL_DATA_DIR", str(data))
        deployment.published_path().parent.mkdir()
        with duckdb.connect(str(deployment.published_path())) as connection:
            connection.execute("create schema kpi")
            connection.execute("create table kpi.t as select 1 as n, '=cmd()' as member")
        with duckdb.connect(str(data / "warehouse.duckdb")) as connection:
            connection.execute("create table pay as select 54321 as amount")
        (data / "secret.csv").write_text("amount\n54321\n")
        yield data


HOSTILE = [
    "from read_text('{data}/secret.csv')",
    "from '{data}/secret.csv'",
    "from sniff_csv('{data}/secret.csv')",
    "from glob('{data}/*')",
    "attach '{data}/warehouse.duckdb' as w",
    "attach '{data}/new.duckdb' as w",
    "from read_duckdb('{data}/warehouse.duckdb')",
    "copy kpi.t to '{data}/out.csv'",
    "copy (select 1) to '/dev/stdout'",
    "export database '{data}/out'",
    "insert into kpi.t values (2, '')",
    "create table kpi.u as select 1",
    "create table kpi.u as select 1; from kpi.u",
    "update kpi.t set n = 2",
    "drop table kpi.t",
    "set enable_external_access = true",
    "reset lock_configuration",
    "set temp_directory = '{data}/spill'",
    "pragma profiling_output = '{data}/profile'",
    "call enable_logging(storage = 'file', storage_path = '{data}/log'); select 1",
    "select 1; copy kpi.t to '{data}/out.csv'",
    "install httpfs",
    "select getenv('HOME')",
    "from leaked",
    "",
    "-- nothing",
    "call pragma_version()",
    "from enable_logging(storage = 'file', storage_path = '{data}/log'); select 1",
]


@pytest.mark.parametrize("query", HOSTILE)
def test_a_query_can_read_the_published_file_only(secret: Path, query: str) -> None:
    leaked = duckdb.sql("select 54321 as amount").to_arrow_table()
    before = sorted(secret.iterdir()), deployment.published_path().read_bytes()
    with pytest.raises(NyckeltalError) as output:
        reader.table(query.format(data=secret))
    assert leaked.num_rows == 1 and "54321" not in str(output.value)
    assert (sorted(secret.iterdir()), deployment.published_path().read_bytes()) == before
    assert list((secret / "published").iterdir()) == [deployment.published_path()]


@pytest.mark.parametrize(
    "query",
    ["describe kpi.t", "show all tables", "explain from kpi.t", "pivot kpi.t on n using sum(n)", "summarize kpi.t; "],
)
def test_every_kind_of_query_is_answered(secret: Path, query: str) -> None:
    assert reader.table(query)[1]


def test_a_query_may_begin_with_a_comment(secret: Path) -> None:
    result = CliRunner().invoke(app, ["sql", "-- the values of a month\nfrom kpi.t", "--json"], catch_exceptions=False)
    assert result.exit_code == 0 and '"n": 1' in result.stdout
    assert CliRunner().invoke(app, ["sql", "from kpi.t", "--jsn"]).exit_code == 2


FORMULAS = ["=cmd()", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1"]


def test_csv_has_no_formulas_and_unchanged_numbers(secret: Path) -> None:
    texts = ", ".join(f"chr({ord(text[0])}) || '{text[1:]}'" for text in FORMULAS)
    query = f"""select unnest([{texts}]) as "=cmd()", -1 as n, -1.5 as x, 'a=b' as plain"""
    result = CliRunner().invoke(app, ["sql", "--csv", query])
    assert result.exit_code == 0
    header, *rows = csv.reader(io.StringIO(result.output, newline=""))
    assert header == ["'=cmd()", "n", "x", "plain"]
    assert [row[0].replace("\n", "\r") for row in rows] == [f"'{text}" for text in FORMULAS]
    assert {tuple(row[1:]) for row in rows} == {("-1", "-1.5", "a=b")}
