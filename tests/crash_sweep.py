"""Ingest, gate, release, compaction and rebuild, stopped at every change of a file; `make crash` tries all of them.

After a fault the published file must read as before or as after, the ledger must verify, and the same action again must
complete to the state of an undisturbed one, with no file left over. A full or read-only disk must be told in one line.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args

import dlt  # noqa: F401  (imported before the forks: it takes a second)
import duckdb
import great_expectations  # noqa: F401
import pyarrow.dataset  # noqa: F401
import pytest

from data_quality.ledger import compact
from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import verify
from metrics.core import deployment
from metrics.core.errors import NyckeltalError
from metrics.definitions.kpis.adoption import Retired
from orchestration.cli.commands import opinions, retire, review
from publishing import duckdb_file
from tests import crash, warehouse_factory
from tests.crash import Fault, Step
from tests.ingest_company import IngestCompany
from tests.warehouse_factory import Warehouse, cells, kpi

SPAN = ("2026-01-01", "2026-02-28")
KPIS = [kpi(), kpi("staff", protected=True, unit="persons", kind="stock", domain="people")]
HEADER = "order_id,ordered_at,amount\n"
FIRST = {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(110, SE=80, NO=30)}
LATER = {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(120, SE=90, NO=30)}


def _people(*counts: int) -> list[dict[str, Any]]:
    members = dict(zip(("SE", "NO", "DK"), counts, strict=True))
    rows = {("_T", "_T"): sum(counts)} | {("country", name): count for name, count in members.items()}
    return [
        {"segment": s, "member": m, "obs_value": float(n), "n_obs": n, "n_persons_numerator": n}
        for (s, m), n in rows.items()
    ]


def _warehouse(data: Path, *, complete: bool = True) -> Warehouse:
    """The warehouse in the data folder."""
    patch = pytest.MonkeyPatch()
    if not complete:
        return warehouse_factory.make(data, patch)
    warehouse_factory.point_at(data, patch)
    return Warehouse(data / "warehouse.duckdb", patch, list(KPIS))


def _built(data: Path) -> Warehouse:
    warehouse = _warehouse(data, complete=False)
    warehouse.add(KPIS[0], FIRST)
    warehouse.add(KPIS[1], {"2026-01": _people(3, 10, 20), "2026-02": _people(30, 10, 20)})
    return warehouse


def _judged(data: Path) -> Warehouse:
    warehouse = _built(data)
    warehouse.judge(*SPAN)
    return warehouse


def _revised(data: Path) -> None:
    """A release, then other values that are judged and not yet released."""
    warehouse = _judged(data)
    warehouse.publish(*SPAN)
    warehouse.now("2026-03-06 06:00")
    warehouse.feed("orders", newest_delivery=datetime(2026, 3, 6, tzinfo=UTC))
    warehouse.add(KPIS[0], LATER)
    warehouse.judge(*SPAN)


def _judge(data: Path) -> None:
    _warehouse(data).judge(*SPAN)


def _publish(data: Path) -> None:
    warehouse = _warehouse(data)
    warehouse.now("2026-03-06 07:00")
    warehouse.publish(*SPAN)


def _released(data: Path) -> None:
    _revised(data)
    _publish(data)


def _compact(data: Path) -> None:
    _warehouse(data)
    compact.compact(deployment.ledger_path())


def _rebuild(data: Path) -> None:
    _warehouse(data)
    duckdb_file.rebuild(deployment.ledger_path(), deployment.published_path())


def _orders(data: Path) -> IngestCompany:
    patch = pytest.MonkeyPatch()
    warehouse_factory.point_at(data, patch)
    company = IngestCompany(data.parent)
    company.feed("orders")
    company.feed("returns")
    return company


def _delivered(data: Path) -> None:
    """A first delivery is in; a correction of it, another file and another feed's first one wait."""
    data.mkdir(exist_ok=True)
    company = _orders(data)
    company.source = data / "sources"
    company.write("orders/1.csv", HEADER + "A1,2026-11-01 10:00:00,10\nA2,2026-11-01 11:00:00,20\n", modified=1e9)
    company.run()
    company.write("orders/1.csv", HEADER + "A1,2026-11-01 10:00:00,11\nA2,2026-11-01 11:00:00,20\n", modified=1.1e9)
    company.write("orders/2.csv", HEADER + "B1,2026-11-02 10:00:00,5\nhalf", modified=1.1e9)
    company.write("returns/1.csv", HEADER + "R1,2026-11-02 10:00:00,1\n", modified=1.1e9)


def _ingest(data: Path) -> None:
    _orders(data).run()


COMPANY = {
    "company.yml": "name: Test\nreporting_currency: SEK\n",
    "objectives.yml": "objectives: {growth: {name: Growth, perspective: financial}}\n",
    "calendar.yml": "time_zone: Europe/Stockholm\ncountry: SE\ncloses_after: {default: 7}\n",
    "roles.yml": "decides:\n  finance: [anna]\n",
    "feeds/shop.yml": "system: shop\nfeeds:\n  orders: {description: Orders., path: orders/*.csv, format: csv,"
    " history_from: 2025-12-15, grain: day, time_column: day, columns: {day: date}}\n",
    "kpis/finance/revenue.yml": "kpi: revenue\nowner: cfo@example.com\nlevel: key\nobjective: growth\n"
    "target: {none: new}\nreview: monthly\nfreqs: [M]\n",
}


def _company(data: Path) -> None:
    """A release, and the folder of its company."""
    _released(data)
    for name, text in {**COMPANY, "compiled/catalog.json": _warehouse(data).catalog.definitions_json}.items():
        (data / "company" / name).parent.mkdir(parents=True, exist_ok=True)
        (data / "company" / name).write_text(text)


def _people_decide(data: Path) -> Warehouse:
    warehouse = _warehouse(data)
    warehouse.now("2026-03-07 07:00")
    pytest.MonkeyPatch().setenv("NYCKELTAL_COMPANY", str(data / "company"))
    return warehouse


def _vote(data: Path) -> None:
    _people_decide(data)
    opinions.vote("nps", reason="too many surveys", in_favour=False, by="anna", retire=False, as_json=False)


def _review(data: Path) -> None:
    _people_decide(data)
    review.review("revenue", review.Outcome.KEEP, reason="of use", by="anna", due=False, as_json=False)


def _retire(data: Path) -> None:
    """Without dbt: what the company compiles to is given."""
    warehouse, patch = _people_decide(data), pytest.MonkeyPatch()
    retired = kpi(retired=Retired(on=date(2026, 3, 7), reason="not used"))
    catalog = warehouse.catalog.model_copy(update={"kpis": (retired, *warehouse.catalog.kpis[1:])})
    compiled = {"catalog.json": catalog.definitions_json, "kpi/kpi_revenue.sql": "select 1\n"}
    patch.setattr("orchestration.dbt.planning.planned", lambda _: None)
    patch.setattr("metrics.compiled_folder.compile_company", lambda *_, **__: compiled)
    try:
        retire.retire("revenue", reason="not used", by="anna", replaced_by=None, as_json=False)
    except NyckeltalError as error:
        if "is retired since" not in error.problem:  # it was stopped after its last change
            raise


@dataclass(frozen=True)
class Scenario:
    """`prepare` fills a data folder, `act` is what is stopped; run again, it completes.

    `is_decision`: each time a person does it, a decision is recorded, the newest of which counts.
    """

    prepare: Callable[[Path], object]
    act: Callable[[Path], object]
    is_decision: bool = False


_COUNTING = {  # what is published of decisions
    "opinions": "select kpi_id, proposal, in_favour, reason, stated_by from kpi.opinions where counts",
    "reviews": "select kpi_id, reviewed_on, reviewed_by, outcome, reason from kpi.reviews",
    "scorecard": "select kpi_id, status, obs_value from kpi.scorecard",
    "catalog": "select kpi_id, retired_on, retired_reason from kpi.catalog",
}
SCENARIOS = {
    "vote": Scenario(_company, _vote, is_decision=True),
    "review": Scenario(_company, _review, is_decision=True),
    "retire": Scenario(_company, _retire, is_decision=True),
    "ingest": Scenario(_delivered, _ingest),
    "gate": Scenario(_built, _judge),
    "first release": Scenario(_judged, _publish),
    "release": Scenario(_revised, _publish),
    "compact": Scenario(_released, _compact),
    "rebuild": Scenario(_released, _rebuild),
}
_NOT_COMPARED = {
    *("release_id", "published_at", "realtime_start", "realtime_end", "judged_at", "content_hash", "previous_hash"),
    *("loaded_at", "_loaded_at", "checked_at", "_dlt_load_id", "_dlt_id", "candidate_hash", "seal", "built_at"),
    *("watermark", "manifest", "decision_id", "decided_at", "stated_at"),
}


def _content(path: Path, schemas: tuple[str, ...]) -> dict[str, list[str]]:
    """Every row of a DuckDB file, without what differs between two equal runs."""
    rows_by_table = {}
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        for schema, table in tables:
            if schema in schemas and not table.startswith("_dlt"):
                rows = connection.execute(f'from {schema}."{table}"').to_arrow_table()
                compared_rows = rows.select([name for name in rows.column_names if name not in _NOT_COMPARED])
                rows_by_table[f"{schema}.{table}"] = sorted(map(str, compared_rows.to_pylist()))
    return rows_by_table


def _published(data: Path) -> dict[str, list[str]]:
    path = data / "published" / "published.duckdb"
    return _content(path, ("kpi",)) if path.exists() else {}


def _state(data: Path) -> dict[str, Any]:
    """All that is stored: the published file, the warehouse, the ledger's rows that count, the files."""
    state: dict[str, Any] = {"published": _published(data)}
    state["warehouse"] = _content(data / "warehouse.duckdb", ("raw", "kpi"))
    if (data / "ledger").exists():
        ledger = Ledger.open(str(data / "ledger"), make=False)
        if findings := verify(ledger).findings:
            raise AssertionError(f"the ledger doesn't verify: {findings}")
        for name, rows in (("observations", ledger.observations), ("verdicts", ledger.verdicts)):
            compared_rows = rows.select([column for column in rows.column_names if column not in _NOT_COMPARED])
            state[name] = sorted(map(str, compared_rows.to_pylist()))
        state["releases"] = [row["sequence"] for row in ledger.releases]
    state["files"] = sorted(path.name for path in data.iterdir() if path.name not in ("sources", "release.lock"))
    company = data / "company"
    state["company"] = {
        str(path.relative_to(company)): path.read_text() for path in company.rglob("*.*") if path.is_file()
    }
    return state


def _decided(state: dict[str, Any], data: Path) -> dict[str, Any]:
    """The state with what counts of the decisions in place of every row that has to do with them."""
    with duckdb.connect(str(data / "published" / "published.duckdb"), read_only=True) as connection:
        counting = {name: str(sorted(connection.execute(sql).fetchall())) for name, sql in _COUNTING.items()}
    kept = {name: state[name] for name in ("observations", "files", "company", "warehouse")}
    return kept | counting


def _write_state(data: Path, to: Path, *, is_decision: bool) -> None:
    state = _state(data)
    to.write_text(json.dumps(state | ({"decided": _decided(state, data)} if is_decision else {})))


def _require_readable(data: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Right after the fault: the published file is one of the two whole ones, and the ledger verifies."""
    if _published(data) not in (before["published"], after["published"]):
        raise AssertionError("the published file is neither as before nor as after")
    if list((data / "ledger" / "releases" / "_delta_log").glob("*.json")):  # else there is no ledger yet
        findings = verify(Ledger.open(str(data / "ledger"), make=False)).findings
        if findings:
            raise AssertionError(f"the ledger doesn't verify: {findings}")


def _require_completed(scenario: Scenario, data: Path, after: dict[str, Any]) -> None:
    scenario.act(data)
    state = json.loads(json.dumps(_state(data)))
    if scenario.is_decision:
        state, after = json.loads(json.dumps(_decided(state, data))), after["decided"]
    for name in after:
        if state.get(name) != after[name]:
            raise AssertionError(f"{name} differs\nfound    {state.get(name)}\nexpected {after[name]}")


def sweep(scenario: Scenario, max_steps: int | None = None) -> tuple[dict[str, int], list[str]]:
    """How many steps were tried for each fault, and what was wrong at which: all steps, or at most so many.

    Those few are spread over the first, second and last step of every stretch of equal ones. The full and the read-only
    disk are tried at half as many as kills: they take the same way out.
    """
    with tempfile.TemporaryDirectory(prefix="crash-") as name:
        folder = Path(name)
        template, data = folder / "template", folder / "data"

        def afresh() -> None:
            shutil.rmtree(data, ignore_errors=True)
            shutil.copytree(template, data)

        def state() -> Any:
            _require(crash.alone(lambda: _write_state(data, folder / "state", is_decision=scenario.is_decision)))
            return json.loads((folder / "state").read_text())

        template.mkdir()
        _require(crash.alone(lambda: scenario.prepare(template)))
        afresh()
        before = state()
        undisturbed = _require(crash.run(lambda: scenario.act(data), data))
        after = state()
        tried, wrong = {}, []
        for fault in get_args(Fault):
            at_most = max_steps if max_steps is None or fault == "killed" else (max_steps + 1) // 2
            chosen = _chosen(undisturbed.steps, at_most)
            tried[fault] = len(chosen)
            for number in chosen:
                afresh()
                wrong += [f"{fault} at {text}" for text in _tried(scenario, fault, number, data, before, after)]
    return tried, wrong


def _require(outcome: crash.Outcome) -> crash.Outcome:
    if outcome.status != 0:
        raise AssertionError(outcome.said)
    return outcome


def _chosen(steps: Sequence[Step], max_steps: int | None) -> list[int]:
    if max_steps is None:
        return list(range(len(steps)))
    # dlt's working files are thrown away by every run, so one of them is as good as another.
    edges = list(crash.edges([Step("", "dlt") if step.file.startswith("dlt/") else step for step in steps]))
    count = min(max_steps, len(edges))
    return sorted({edges[round((index + 0.5) * len(edges) / count - 0.5)] for index in range(count)})


def _tried(
    scenario: Scenario,
    fault: Fault,
    number: int,
    data: Path,
    before: dict[str, Any],
    after: dict[str, Any],
) -> Iterator[str]:
    outcome = crash.run(lambda: scenario.act(data), data, number, fault)
    step = f"{number} {outcome.steps[number]}" if len(outcome.steps) > number else f"{number} not reached"
    if fault == "killed" and outcome.status != -9 and len(outcome.steps) > number:
        yield f"{step}: was not killed but ended with {outcome.status}: {outcome.said}"
    if fault != "killed" and outcome.status not in (0, 2) and not _ended_by_duckdb(outcome):
        yield f"{step}: ended with {outcome.status}: {outcome.said}"
    readable = crash.alone(lambda: _require_readable(data, before, after))
    if readable.status != 0:
        yield f"{step}: {readable.said}"
    completed = crash.alone(lambda: _require_completed(scenario, data, after))
    if completed.status != 0:
        yield f"{step}: the next run: {completed.said}"


def _ended_by_duckdb(outcome: crash.Outcome) -> bool:
    """DuckDB ends the process itself where it can't cut off a write-ahead log; what is left counts as after a kill."""
    return outcome.status == -signal.SIGABRT and ".wal" in outcome.said


def main() -> None:
    """Sweeps what the arguments name, prints the outcome as JSON, and ends with status 1 when something was wrong."""
    parser = argparse.ArgumentParser(description="Stops a step of a run at every change of a file.")
    parser.add_argument("scenario", nargs="*", help=f"of {', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--most", type=int, help="so many steps for each fault at most; default: all")
    arguments = parser.parse_args()
    outcomes = {}
    for name in arguments.scenario or SCENARIOS:
        tried, wrong = sweep(SCENARIOS[name], arguments.most)
        outcomes[name] = {"tried": tried, "wrong": wrong}
    sys.stdout.write(json.dumps(outcomes, indent=1) + "\n")
    sys.exit(any(outcome["wrong"] for outcome in outcomes.values()))


if __name__ == "__main__":
    main()
