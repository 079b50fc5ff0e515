"""`python -m benchmarks.overhead`: what dbt and Dagster add to the SQL of the sample company's models.

All three are measured on the same warehouse, already built, so that incremental models have nothing new to compute:
`models_sql` runs the SQL that dbt compiled, on DuckDB alone. `dbt_build` is dbt's command, with its data tests.
`kpi_run` is a whole run: ingest, dbt in its process, gate, publication, with all events for Dagster.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks import results_file
from benchmarks.engine import materialize
from metrics.core.deployment import PROJECT, data_dir
from metrics.definitions.company import Company
from orchestration.dbt import project
from sample_company.simulator.__main__ import START, yesterday
from sample_company.simulator.run import simulate
from sample_company.simulator.timeline import Span

_CONTENDERS = ("models_sql", "dbt_build", "kpi_run")
_REPEATS = 3


def main() -> None:
    """Builds the sample company, runs each contender in turn, prints a table and writes the part `overhead`."""
    parser = argparse.ArgumentParser(description="Times what dbt and Dagster add around the models' SQL.")
    parser.add_argument("--child", nargs=2, metavar=("CONTENDER", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        os.environ["NYCKELTAL_DATA_DIR"] = arguments.child[1]
        _child(arguments.child[0], Company.load(PROJECT / "sample_company"))
        return
    with tempfile.TemporaryDirectory(prefix="nyckeltal-bench-") as name:
        simulate(Path(name) / "sources", Span(start=START, until=yesterday(), seed=1, scale=1.0))
        results_file.child("benchmarks.overhead", "kpi_run", name)
        runs = results_file.in_turn("benchmarks.overhead", _CONTENDERS, Path(name), _REPEATS)
    results_file.write(overhead={"runs": runs})
    _show(runs)


def _child(contender: str, company: Company) -> None:
    warehouse = data_dir() / "warehouse.duckdb"
    if contender == "models_sql":
        copy = data_dir() / "copy" / warehouse.name
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(warehouse, copy)
        timing = _models_sql(company, copy)
        warehouse = copy
    else:
        command = ["kpi", "run"] if contender == "kpi_run" else ["dbt", "--quiet", "build"]
        watch = results_file.Stopwatch()
        program = Path(sys.executable).parent / command[0]
        subprocess.run(
            [program, *command[1:]],
            env=os.environ | project.environment(company),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        timing = watch.stop()
    results_file.give({**timing, "content": _content(warehouse)})


def _models_sql(company: Company, warehouse: Path) -> results_file.Timing:
    """The SQL of the newest build's models, one after the other in its order."""
    target = project.target_dir(company)
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    results = json.loads((target / "run_results.json").read_text())["results"]
    models = [node for node in results if node["unique_id"].startswith("model.")]
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("set threads = 2; set preserve_insertion_order = false")
        watch = results_file.Stopwatch()
        for model in models:
            config = nodes[model["unique_id"]]["config"]
            table, sql = model["relation_name"], model["compiled_code"]
            if config["materialized"] == "view":
                connection.execute(f"create or replace view {table} as {sql}")
            else:
                materialize(connection, table, sql, config["unique_key"])
        return watch.stop()


def _content(warehouse: Path) -> str:
    """The candidates of all KPIs, as one hash."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        answer = connection.execute(
            """select md5(string_agg(candidate_hash, ' ' order by kpi_id, freq, time_period))
            from (select distinct kpi_id, freq, time_period, candidate_hash from kpi.candidates)"""
        ).fetchone()
    assert answer is not None
    return str(answer[0])


def _show(runs: list[dict[str, Any]]) -> None:
    table = Table(title="The sample company, nothing new to compute", title_justify="left")
    for column in ("contender", "seconds", "CPU s", "peak MiB", "equal"):
        table.add_column(column, justify="left" if column == "contender" else "right")
    for run in runs:
        equal = "yes" if run["equal"] else "[red]no[/]"
        table.add_row(
            run["contender"], f"{run['seconds']:.2f}", f"{run['cpu_seconds']:.2f}", f"{run['peak_mib']:,}", equal
        )
    Console().print(table)


if __name__ == "__main__":
    main()
