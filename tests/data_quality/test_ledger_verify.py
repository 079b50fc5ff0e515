"""`kpi ledger verify` names every row that differs from what was released; compaction changes no row."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.transaction import AddAction
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from data_quality.ledger import compact
from data_quality.ledger.schemas import SCHEMAS
from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import verify
from metrics.core.errors import NyckeltalError
from orchestration.cli import app
from tests.examples import examples
from tests.ledger_factory import append, observation, race, released, verdict

Row = dict[str, Any]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = str(tmp_path_factory.mktemp("template") / "ledger")
    released(root)
    return root


@pytest.fixture
def root(template: str, tmp_path: Path) -> str:
    return str(shutil.copytree(template, tmp_path / "ledger"))


def rewrite(root: str, name: str, change: Callable[[list[Row]], list[Row]]) -> None:
    """Replace a table by one with other rows, without a trace of the earlier ones in its files."""
    rows = DeltaTable(f"{root}/{name}").to_pyarrow_table().to_pylist()
    committed = DeltaTable(f"{root}/{name}").transaction_version("ledger")
    shutil.rmtree(f"{root}/{name}")
    DeltaTable.create(f"{root}/{name}", schema=SCHEMAS[name], configuration={"delta.appendOnly": "true"})
    transactions = [Transaction("ledger", committed)] if committed else None
    write_deltalake(
        f"{root}/{name}",
        pa.Table.from_pylist(change(rows), schema=SCHEMAS[name]),
        mode="append",
        commit_properties=CommitProperties(app_transactions=transactions),
    )


def findings(root: str) -> list[tuple[int | None, str, str | None, str]]:
    result = verify(Ledger.open(root, make=False))
    return [(finding.sequence, finding.table, finding.key, finding.fault) for finding in result.findings]


def sequence_of(root: str, release_id: str) -> int:
    return next(row["sequence"] for row in Ledger.open(root).releases if row["release_id"] == release_id)


def test_a_ledger_as_it_was_released_has_no_findings(root: str) -> None:
    result = verify(Ledger.open(root, make=False))
    assert result.findings == ()
    assert (result.releases, result.unsealed_decisions) == (3, 1)
    assert result.rows == {"observations": 7, "verdicts": 3, "decisions": 2, "releases": 3}
    assert result.leftovers == {"observations": 1, "verdicts": 0}


def altered(value: Any) -> Any:
    """A different value of the same type."""
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, datetime | date):
        return value + timedelta(days=1)
    return 1 if value is None else value + 1


KEY_COLUMNS = ("release_id", "kpi_id", "freq", "time_period", "segment", "member")
CONTENT = ("observations", "verdicts")


@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_row_that_is_altered_lost_or_doubled_is_named(template: str, tmp_path: Path, data: st.DataObject) -> None:
    root = str(tmp_path / "drawn")
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(template, root)
    name = data.draw(st.sampled_from(CONTENT))
    rows = [row for row in Ledger.open(root).rows(name).to_pylist() if row["release_id"] != "interrupted"]  # type: ignore[arg-type]
    row = data.draw(st.sampled_from(rows))
    fault = data.draw(st.sampled_from(["altered", "missing", "added"]))
    columns = [column for column in SCHEMAS[name].names if column not in KEY_COLUMNS and row[column] is not None]
    column = data.draw(st.sampled_from(columns))

    def change(before: list[Row]) -> list[Row]:
        if fault == "added":
            return [*before, row]
        return [entry for entry in before if entry != row] + (
            [{**row, column: altered(row[column])}] * (fault == "altered")
        )

    rewrite(root, name, change)
    keys = [row[key] for key in KEY_COLUMNS[1:] if key in row]
    expected = (sequence_of(root, row["release_id"]), name, "/".join(keys), fault)
    assert [entry for entry in findings(root) if entry[1] != "decisions"] == [expected]


def test_a_row_moved_to_another_release_or_key_is_missing_there_and_added_here(root: str) -> None:
    ids = [row["release_id"] for row in Ledger.open(root).releases]

    def move(rows: list[Row]) -> list[Row]:
        return [{**row, "release_id": ids[2]} if row["member"] == "SE" else row for row in rows]

    rewrite(root, "observations", move)
    key = "revenue/M/2026-01/country/SE"
    assert findings(root) == [(1, "observations", key, "missing"), (3, "observations", key, "added")]


def test_the_order_of_rows_and_files_does_not_matter(root: str) -> None:
    for name in SCHEMAS:
        rewrite(root, name, lambda rows: rows[::-1])
    assert findings(root) == []


def test_delta_operations_that_undo_append_only_are_found(root: str) -> None:
    for name, condition in {"observations": "member = 'NO'", "releases": "sequence = 3"}.items():
        delta = DeltaTable(f"{root}/{name}")
        delta.alter.set_table_properties({"delta.appendOnly": "false"})
        delta.delete(condition)
    assert findings(root) == [
        (None, "observations", None, "unprotected"),
        (None, "releases", None, "unprotected"),
        (1, "observations", "revenue/M/2026-01/country/NO", "missing"),
        (3, "releases", "3", "missing"),  # the newest: nothing follows it, but Delta's log knows of it
    ]


@pytest.mark.parametrize("sequence", [1, 2, 3])
@pytest.mark.parametrize("column", [name for name in SCHEMAS["releases"].names if name not in ("sequence", "manifest")])
def test_an_altered_release_row_is_named(root: str, sequence: int, column: str) -> None:
    def change(rows: list[Row]) -> list[Row]:
        return [{**row, column: altered(row[column] or "")} if row["sequence"] == sequence else row for row in rows]

    rewrite(root, "releases", change)
    assert (sequence, "releases", str(sequence), "altered") in findings(root)
    # A moment after that of the next release is found as out of order, too.
    if column not in ("release_id", "published_at", "n_observations", "n_verdicts", "content_hash", "catalog"):
        assert len(findings(root)) == 1


def test_releases_that_changed_places_or_are_lost_are_named(root: str) -> None:
    rewrite(root, "releases", lambda rows: [{**row, "sequence": {2: 3, 3: 2}.get(row["sequence"], 1)} for row in rows])
    assert findings(root) == [(2, "releases", "2", "reordered"), (3, "releases", "3", "reordered")]
    rewrite(root, "releases", lambda rows: [row for row in rows if row["sequence"] != 2])
    assert (2, "releases", "2", "missing") in findings(root)


def test_an_altered_manifest_blames_the_release_and_not_its_rows(root: str) -> None:
    def change(rows: list[Row]) -> list[Row]:
        return [{**row, "manifest": row["manifest"].replace("SE", "FI")} for row in rows]

    rewrite(root, "releases", change)
    assert set(findings(root)) == {(1, "releases", "1", "altered")}


def test_decisions_that_a_release_covers_are_verified(root: str) -> None:
    ledger = Ledger.open(root)
    covered = next(row for row in ledger.decisions() if row["decision"] == "release")["decision_id"]
    rewrite(root, "decisions", lambda rows: [{**row, "decided_by": "someone else"} for row in rows])
    assert findings(root) == [(2, "decisions", covered, "altered")]
    rewrite(root, "decisions", lambda rows: [row for row in rows if row["decision_id"] != covered])
    assert findings(root) == [(2, "decisions", covered, "missing")]


def test_damaged_files_are_named_with_the_rows_that_were_in_them(root: str) -> None:
    files = {
        pq.read_table(path).column("time_period")[0].as_py(): path
        for path in Path(root, "observations").glob("*.parquet")
        if pq.read_table(path).column("release_id")[0].as_py() != "interrupted"
    }
    files["2026-02"].unlink()
    lost = [(None, "observations", files["2026-02"].name, "unreadable")]
    lost.append((3, "observations", "revenue/M/2026-02/_T/_T", "missing"))
    assert findings(root) == lost
    files["2026-02"].write_bytes(b"no parquet")
    assert findings(root) == lost


def test_a_table_of_readable_files_that_cannot_be_read_as_a_whole_is_reported(root: str) -> None:
    table = DeltaTable(f"{root}/observations")
    file = Path(root, "observations", "without_kpi_id.parquet")
    (interrupted,) = [
        rows
        for rows in map(pq.read_table, Path(root, "observations").glob("*.parquet"))
        if rows.column("release_id")[0].as_py() == "interrupted"
    ]
    pq.write_table(interrupted.drop_columns(["kpi_id"]), file)
    added = AddAction(file.name, file.stat().st_size, {}, 0, True, "{}")
    table.create_write_transaction([added], "append", table.schema())
    with pytest.raises(NyckeltalError, match="kpi_id"):
        Ledger.open(root, make=False).rows("observations")
    assert findings(root) == [(None, "observations", None, "unreadable")]


def test_a_release_without_a_manifest_is_verified_as_a_whole(root: str) -> None:
    rewrite(root, "releases", lambda rows: [{**row, "manifest": None} for row in rows if row["sequence"] == 1])
    rewrite(root, "observations", lambda rows: [row for row in rows if row["member"] != "NO"])
    assert (1, "observations", None, "missing") in findings(root)
    rewrite(root, "observations", lambda rows: [*rows, {**rows[0], "release_id": _first(root), "member": "FI"}])
    assert (1, "releases", "1", "altered") in findings(root)


def _first(root: str) -> str:
    return str(Ledger.open(root).releases[0]["release_id"])


def kpi(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit status and the output of the command."""
    monkeypatch.setattr(sys, "argv", ["kpi", "ledger", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.main()
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out + printed.err


def test_the_status_of_the_command_shows_whether_there_are_findings(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NYCKELTAL_LEDGER", root)
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    status, text = kpi(monkeypatch, capsys, "verify")
    assert status == 0 and "3 releases" in text and "1 observations" in text
    status, text = kpi(monkeypatch, capsys, "verify", "--json")
    assert (status, json.loads(text)["findings"]) == (0, [])
    rewrite(root, "observations", lambda rows: [row for row in rows if row["member"] != "DK/FO"])
    status, text = kpi(monkeypatch, capsys, "verify")
    assert status == 1 and "revenue/M/2026-01/country/DK/FO" in text
    status, text = kpi(monkeypatch, capsys, "verify", "--json")
    (finding,) = json.loads(text)["findings"]
    assert (status, finding["sequence"], finding["table"], finding["fault"]) == (1, 1, "observations", "missing")
    for command in ("compact", "rebuild"):
        status, text = kpi(monkeypatch, capsys, command)
        assert status == 2 and "differs from what was released" in text and "Traceback" not in text
    monkeypatch.setenv("NYCKELTAL_LEDGER", str(tmp_path / "nothing"))
    for command in ("verify", "compact", "rebuild"):
        status, text = kpi(monkeypatch, capsys, command)
        assert status == 2 and "there is no ledger in the place" in text and not (tmp_path / "nothing").exists()


def test_compaction_changes_no_row(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    for number in range(10):
        append(Ledger.open(root), observation(obs_value=float(number)), verdicts=[verdict(batch_id=str(number))])
    stale = Ledger.open(root)
    before = {name: stale.rows(name).sort_by([(c, "ascending") for c in SCHEMAS[name].names]) for name in SCHEMAS}
    file_counts = {
        compacted.table: (compacted.files_before, compacted.files_after) for compacted in compact.compact(root)
    }
    assert file_counts == {"observations": (14, 1), "verdicts": (13, 1), "decisions": (2, 1), "releases": (13, 1)}
    ledger = Ledger.open(root)
    for name in SCHEMAS:
        assert ledger.rows(name).sort_by([(c, "ascending") for c in SCHEMAS[name].names]).equals(before[name])
        assert list(Path(root, name, "_delta_log").glob("*.checkpoint.parquet"))
    assert findings(root) == []
    assert stale.observations.num_rows == 16  # who had opened it before reads on
    append(stale, observation(obs_value=99.0))  # and a release that was under way is made
    assert sum(race([Ledger.open(root), Ledger.open(root)])) == 1
    assert findings(root) == []
    assert [row["sequence"] for row in Ledger.open(root).releases] == list(range(1, 16))


def test_compaction_leaves_a_damaged_ledger_alone(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    rewrite(root, "verdicts", lambda rows: rows[1:])
    before = sorted(Path(root).rglob("*"))
    with pytest.raises(NyckeltalError, match="verify"):
        compact.compact(root)
    assert sorted(Path(root).rglob("*")) == before


def test_releases_compact_small_files_and_change_or_delete_nothing(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "MOST_FILES", 5)
    max_files = 0
    for number in range(12):
        ledger = Ledger.open(root)
        append(ledger, observation(obs_value=float(number)), verdicts=[verdict(batch_id=str(number))])
        files = set(Path(root).rglob("*.parquet"))
        compact.gather(ledger)
        assert files <= set(Path(root).rglob("*.parquet"))
        max_files = max(max_files, *(len(table.file_uris()) for table in Ledger.open(root).tables.values()))
    assert max_files == 5
    assert findings(root) == []
    values = Ledger.open(root).observations.sort_by("sequence").column("obs_value").to_pylist()
    assert values[-12:] == [float(number) for number in range(12)]


def test_a_release_succeeds_although_compaction_fails(
    root: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compact, "MOST_FILES", 1)
    ledger = Ledger.open(root)
    Path(ledger.tables["observations"].file_uris()[0]).unlink()
    compact.gather(ledger)
    assert "the ledger was not compacted this time" in caplog.text


def test_concurrent_compactions_double_no_row(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "MOST_FILES", 1)
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    for number in range(3):
        append(Ledger.open(root), observation(obs_value=float(number)))
        ledgers = [Ledger.open(root) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            under_way = [pool.submit(compact.gather, ledger) for ledger in ledgers[1:]]
            under_way.append(pool.submit(compact.compact, root))
            for future in under_way:
                future.result()
        compact.gather(ledgers[0])  # which saw the files as they were before
        assert findings(root) == []
