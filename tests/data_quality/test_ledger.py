"""The ledger: which rows count, that rows can't be changed, and which cells are new vintages."""

from __future__ import annotations

import math
import os
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from data_quality.ledger.manifest import canonical, content_hash, row_hash
from data_quality.ledger.schemas import RELEASES, SCHEMAS, VERDICTS
from data_quality.ledger.store import ConcurrentRelease, Ledger
from data_quality.ledger.verify import verify
from data_quality.release.comparison import vintages
from data_quality.release.comparison.vintages import ELIGIBLE, INCOMING
from metrics.core.errors import NyckeltalError
from tests.examples import examples
from tests.ledger_factory import DAY, NOON, append, observation, race, table, verdict


def hashed(observations: list[dict[str, Any]], verdicts: list[dict[str, Any]], catalog: str) -> str:
    return content_hash(canonical("observations", observations), canonical("verdicts", verdicts), catalog)


def test_tables_are_append_only_and_complete_from_the_start(tmp_path: Path) -> None:
    ledger = Ledger.open(str(tmp_path / "ledger"))
    append(ledger, observation())
    for name, schema in SCHEMAS.items():
        delta = DeltaTable(tmp_path / "ledger" / name)
        assert delta.metadata().configuration["delta.appendOnly"] == "true"
        assert [field.name for field in delta.schema().fields] == schema.names
    with pytest.raises(Exception, match="append-only"):
        DeltaTable(tmp_path / "ledger" / "observations").delete()


def test_releases_are_numbered_and_chained(tmp_path: Path) -> None:
    root = str(tmp_path / "ledger")
    for value in (1.0, 2.0, 3.0):
        append(Ledger.open(root), observation(obs_value=value))
    ledger = Ledger.open(root)
    assert [row["sequence"] for row in ledger.releases] == [1, 2, 3]
    releases = sorted(ledger.rows("releases").to_pylist(), key=lambda row: row["sequence"])
    assert ledger.newest == releases[-1]
    assert [row["previous_hash"] for row in releases] == [None, *map(row_hash, releases[:2])]
    for row in releases:
        rows = [
            observation_row
            for observation_row in ledger.observations.to_pylist()
            if observation_row["release_id"] == row["release_id"]
        ]
        assert hashed(rows, [], row["catalog"]) == row["content_hash"]
        rows[0]["obs_value"] += 1
        assert hashed(rows, [], row["catalog"]) != row["content_hash"]


def test_only_one_of_two_writers_commits(tmp_path: Path) -> None:
    root = str(tmp_path / "ledger")
    append(Ledger.open(root), observation())
    first, second = Ledger.open(root), Ledger.open(root)
    assert first.newest == second.newest
    append(first, observation(obs_value=2.0))
    with pytest.raises(ConcurrentRelease):
        append(second, observation(obs_value=3.0))
    ledger = Ledger.open(root)
    assert [row["sequence"] for row in ledger.releases] == [1, 2]
    assert sorted(ledger.observations.column("obs_value").to_pylist()) == [2.0, 10.0]
    append(ledger, observation(obs_value=3.0))
    assert Ledger.open(root).observations.num_rows == 3


def test_rows_without_a_release_row_do_not_count(tmp_path: Path) -> None:
    root = str(tmp_path / "ledger")
    ledger = Ledger.open(root)
    append(ledger, observation())
    orphan = observation(release_id="orphan", realtime_start=DAY, published_at=NOON)
    write_deltalake(
        ledger.tables["observations"], pa.Table.from_pylist([orphan], schema=SCHEMAS["observations"]), mode="append"
    )
    reopened = Ledger.open(root)
    assert reopened.tables["observations"].to_pyarrow_table().num_rows == 2
    assert reopened.observations.num_rows == 1


def test_a_decision_needs_a_name_a_reason_and_its_key(tmp_path: Path) -> None:
    ledger = Ledger.open(str(tmp_path / "ledger"))
    with pytest.raises(NyckeltalError, match="reason"):
        ledger.decide("revenue", "review", reason=" ", decided_by="cfo")
    with pytest.raises(NyckeltalError, match="hash"):
        ledger.decide("revenue", "release", reason="campaign", decided_by="cfo", freq="M", time_period="2026-01")
    ledger.decide("revenue", "review", reason="looks right", decided_by="cfo")
    assert [row["decision"] for row in Ledger.open(ledger.root).decisions()] == ["review"]


def test_hashes_of_older_rows_stay_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    observed = {**observation(), "release_id": "r1", "realtime_start": DAY, "published_at": NOON}
    judged = {**verdict(), "release_id": "r1"}
    golden = "eea43e76bd363c35651b56a1dab39d8c7afc5eab495b3123a7a75f8c8fc8b45e"
    row = {
        "release_id": "r1", "sequence": 1, "realtime_start": DAY, "published_at": NOON, "n_observations": 1,
        "n_verdicts": 1, "content_hash": golden, "previous_hash": None, "catalog": "{}", "batch_id": "b",
    }  # fmt: skip
    assert hashed([observed], [judged], "{}") == golden
    assert row_hash(row) == "40443b1fb6f1ae17ebd5924534e79d42772f88e1ced2feb0f7e73ff1a8fdc69e"
    later = SCHEMAS["observations"].append(pa.field("note", pa.string()))
    monkeypatch.setitem(SCHEMAS, "observations", later)
    assert hashed([observed], [judged], "{}") == golden
    assert hashed([{**observed, "note": "n"}], [judged], "{}") != golden


def first_format(root: str) -> None:
    """A ledger with one release, in the format before manifests."""
    ledger = Ledger.open(root)
    row = append(ledger, observation(), verdicts=[verdict()])
    old = RELEASES.remove(RELEASES.get_field_index("manifest"))
    shutil.rmtree(f"{root}/releases")
    DeltaTable.create(f"{root}/releases", schema=old, configuration={"delta.appendOnly": "true"})
    transaction = CommitProperties(app_transactions=[Transaction("ledger", 1)])
    rows = pa.Table.from_pylist([row], schema=old)
    write_deltalake(f"{root}/releases", rows, mode="append", commit_properties=transaction)


def test_an_older_ledger_gets_the_columns_that_were_added_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(tmp_path / "ledger")
    first_format(root)
    later = SCHEMAS["observations"].append(pa.field("note", pa.string()))
    monkeypatch.setitem(SCHEMAS, "observations", later)
    unchanged = Ledger.open(root, make=False)
    assert verify(unchanged).findings == ()
    assert "note" not in [field.name for field in DeltaTable(f"{root}/observations").schema().fields]
    opened = Ledger.open(root)
    assert [field.name for field in opened.tables["observations"].schema().fields] == later.names
    assert opened.tables["releases"].metadata().configuration["delta.appendOnly"] == "true"
    noted = table([observation(time_period="2026-02", note="a note")], later)
    opened.append(noted, table([], VERDICTS), realtime_start=DAY, published_at=NOON, catalog="{}", batch_id=None)
    append(Ledger.open(root), observation(time_period="2026-03"))  # by a caller that doesn't know the column
    ledger = Ledger.open(root)
    assert verify(ledger).findings == ()
    notes = ledger.observations.sort_by("sequence").column("note").to_pylist()
    assert notes == [None, "a note", None]


def test_only_one_of_many_concurrent_writers_commits(tmp_path: Path) -> None:
    root = str(tmp_path / "ledger")
    writers = [Ledger.open(root) for _ in range(4)]
    assert sum(race(writers)) == 1
    assert len(Ledger.open(root).releases) == 1
    assert verify(Ledger.open(root)).findings == ()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("no folder", "there is no ledger in the place .*; if there was one, restore it from a backup"),
        ("another folder", "there is no ledger in the place"),
        ("a file", "can't be opened|there is no ledger in the place"),
        ("half a log", "can't be opened"),
        ("a table lost", r"lacks a table that it had \(observations\)"),
        ("another table", "isn't a table of a ledger"),
    ],
)
def test_anything_but_a_ledger_is_a_one_line_error_and_not_touched(tmp_path: Path, damage: str, message: str) -> None:
    root = tmp_path / "ledger"
    if damage == "another folder":
        root.mkdir()
        (root / "notes.txt").write_text("mine")
    elif damage == "a file":
        root.write_text("mine")
    elif damage == "another table":
        for name in SCHEMAS:
            write_deltalake(root / name, pa.table({"other": ["x"]}))
    elif damage != "no folder":
        append(Ledger.open(str(root)), observation())
        if damage == "a table lost":
            shutil.rmtree(root / "observations")
        else:
            newest = max((root / "verdicts" / "_delta_log").glob("*.json"))
            newest.write_bytes(newest.read_bytes()[:100])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(NyckeltalError, match=message) as raised:
        Ledger.open(str(root), make=False)
    assert "\n" not in str(raised.value) and "\x1b" not in str(raised.value)
    assert sorted(tmp_path.rglob("*")) == before
    if damage in ("half a log", "a table lost", "a file", "another table"):
        with pytest.raises(NyckeltalError):
            Ledger.open(str(root))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_ledger_that_cannot_be_written_can_be_read(tmp_path: Path) -> None:
    root = tmp_path / "ledger"
    append(Ledger.open(str(root)), observation())
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    try:
        for folder in folders:
            folder.chmod(0o555)
        ledger = Ledger.open(str(root), make=False)
        assert verify(ledger).findings == ()
        with pytest.raises(NyckeltalError, match="can't be written"):
            append(Ledger.open(str(root)), observation(obs_value=2.0))
    finally:
        for folder in folders:
            folder.chmod(0o755)


def select(
    incoming: list[dict[str, Any]], committed: list[dict[str, Any]], today: date = DAY, **eligible: Any
) -> list[dict[str, Any]]:
    """The new vintages of January's eligible cells, given the committed observations."""
    fields = {name: observation()[name] for name in ("kpi_id", "freq", "time_period", "period_start", "period_end")}
    fields |= {"closes_on": date(2026, 2, 10), "breaks": False, "min_n_obs": 0, "estimate": False}
    fields |= {"candidate_hash": "cand2", "definition_version": 1, "definition_hash": "def1", **eligible}
    cells = [{k: v for k, v in row.items() if k in INCOMING.names} for row in incoming]
    before = table([{"published_at": NOON, "realtime_start": DAY, "release_id": "r", **row} for row in committed])
    before = before.append_column("sequence", pa.array(range(1, len(committed) + 1), pa.int64()))
    new_vintages: pa.Table = vintages.select(
        pa.Table.from_pylist(cells, schema=INCOMING),
        pa.Table.from_pylist([fields], schema=ELIGIBLE),
        before,
        today=today,
    )
    return list(new_vintages.to_pylist())


def test_a_first_vintage_has_no_revision_type() -> None:
    (new,) = select([observation()], [])
    assert (new["obs_value"], new["obs_status"], new["revision_type"]) == (10.0, "A", None)


def test_a_period_is_provisional_until_it_closes() -> None:
    assert select([observation()], [], date(2026, 2, 10))[0]["obs_status"] == "P"
    assert select([observation()], [], date(2026, 2, 11))[0]["obs_status"] == "A"
    (final,) = select([observation()], [observation(obs_status="P")])
    assert (final["obs_status"], final["revision_type"], final["revision_reason"]) == ("A", None, None)


def test_few_observations_are_of_low_reliability_whether_open_or_closed() -> None:
    for today in (date(2026, 2, 10), date(2026, 2, 11)):
        assert select([observation(n_obs=29)], [], today, min_n_obs=30)[0]["obs_status"] == "U"
    assert select([observation(n_obs=30)], [], min_n_obs=30)[0]["obs_status"] == "A"
    assert select([observation()], [], min_n_obs=30)[0]["obs_status"] == "U"  # nobody counted
    (now_reliable,) = select([observation()], [observation(obs_status="U")])
    assert (now_reliable["obs_status"], now_reliable["revision_type"]) == ("A", None)


def test_statuses_have_their_precedence() -> None:
    fields = {"breaks": True, "min_n_obs": 30, "estimate": True, "closes_on": DAY}
    assert select([observation(n_obs=1, conf_status="C", obs_value=None)], [], **fields)[0]["obs_status"] == "Q"
    assert select([observation(n_obs=1, obs_value=None)], [], **fields)[0]["obs_status"] == "O"
    assert select([observation(n_obs=1)], [], **fields)[0]["obs_status"] == "B"
    assert select([observation(n_obs=1)], [], **{**fields, "breaks": False})[0]["obs_status"] == "U"
    assert select([observation(n_obs=30)], [], **{**fields, "breaks": False})[0]["obs_status"] == "E"
    fields |= {"breaks": False, "estimate": False}
    assert select([observation(n_obs=30)], [], **fields)[0]["obs_status"] == "P"


def test_a_new_version_breaks_the_series_only_where_the_period_before_keeps_the_old_one() -> None:
    december = observation(time_period="2025-12", period_start=date(2025, 12, 1), period_end=date(2025, 12, 31))
    assert select([observation()], [december])[0]["obs_status"] == "A"
    (new,) = select([observation(obs_value=11.0)], [december, observation()], definition_version=2)
    assert (new["obs_status"], new["revision_type"]) == ("B", "R3")
    # The history was recomputed meanwhile: the series is of one kind, and the mark goes without a revision.
    recomputed = {**december, "definition_version": 2}
    marked = observation(obs_value=11.0, obs_status="B", definition_version=2)
    (new,) = select([observation(obs_value=11.0)], [recomputed, marked], definition_version=2)
    assert (new["obs_status"], new["revision_type"]) == ("A", None)
    # Another member's, frequency's or KPI's periods are other series.
    for difference in ({"segment": "country", "member": "SE"}, {"freq": "W"}, {"kpi_id": "other"}):
        assert select([observation()], [{**december, **difference}], definition_version=2)[0]["obs_status"] == "A"


def test_which_vintages_change_a_closed_period() -> None:
    """A difference from what this version published counts from the day after the closing day."""
    before = [observation(), observation(segment="country", member="SE", obs_value=4.0)]
    total, member = unchanged = [dict(row) for row in before]
    revised = [{**total, "obs_value": 11.0}, member]
    with_new_member = [*unchanged, {**member, "member": "NO"}]

    def changes(rows: list[dict[str, Any]], committed: list[dict[str, Any]] = before, **eligible: Any) -> set[str]:
        return {row["member"] for row in select(rows, committed, **eligible) if row["changes_closed"]}

    assert changes(revised) == {"_T"}
    assert changes(revised, today=date(2026, 2, 10)) == set()
    assert changes(revised, today=date(2026, 2, 11)) == {"_T"}
    assert changes([total]) == {"SE"}  # vanished
    assert changes(with_new_member) == {"NO"}  # appeared
    assert changes(unchanged, []) == set()  # a first publication
    assert changes(unchanged, [{**row, "obs_status": "P"} for row in before]) == set()
    assert changes(revised, definition_version=2) == set()
    assert changes(with_new_member, definition_version=2) == set()
    newer = [{**row, "definition_version": 3} for row in before]
    assert changes(revised, newer, definition_version=2) == {"_T"}  # rolled back
    suppressed = {**total, "obs_value": None, "conf_status": "D"}
    assert changes([suppressed, member]) == set()  # suppression may always come


def test_equal_values_append_nothing_and_wobbling_digits_count_as_equal() -> None:
    assert select([observation()], [observation()]) == []
    assert select([observation(obs_value=10.0 * (1 + 1e-12))], [observation()]) == []
    (final,) = select([observation(obs_value=10.0 * (1 + 1e-12))], [observation(obs_status="P")])
    assert final["obs_value"] == 10.0


@pytest.mark.parametrize(
    ("eligible", "revision_type"),
    [
        ({}, "R2"),
        ({"newest_rows": datetime(2026, 3, 5, 11, tzinfo=UTC)}, "R2"),
        ({"newest_rows": datetime(2026, 3, 5, 13, tzinfo=UTC)}, "R1"),
        ({"decision_id": "d", "decision_reason": "campaign"}, "C"),
        ({"definition_version": 2, "decision_id": "d"}, "R3"),
    ],
)
def test_a_changed_value_is_a_revision(eligible: dict[str, Any], revision_type: str) -> None:
    (new,) = select([observation(obs_value=11.0)], [observation()], **eligible)
    assert new["revision_type"] == revision_type


def test_a_new_version_with_the_same_value_is_a_vintage_and_no_revision() -> None:
    (new,) = select([observation()], [observation()], definition_version=2)
    assert (new["definition_version"], new["revision_type"]) == (2, None)


def test_suppression_is_no_revision_and_a_missing_value_has_its_status() -> None:
    (hidden,) = select([observation(obs_value=None, conf_status="C")], [observation()])
    assert (hidden["obs_status"], hidden["revision_type"]) == ("Q", None)
    assert select([observation(obs_value=None)], [])[0]["obs_status"] == "O"


def test_a_member_that_vanished_loses_its_value_once() -> None:
    gone = observation(segment="country", member="DK", obs_value=4.0)
    (new,) = select([observation()], [observation(), gone])
    assert (new["member"], new["obs_value"], new["obs_status"]) == ("DK", None, "O")
    assert select([observation()], [observation(), gone, observation(**{**gone, **new})]) == []


numbers = st.one_of(st.none(), st.floats(min_value=-1e12, max_value=1e12))


@examples(10)
@given(st.lists(numbers, min_size=1, max_size=5))
def test_the_latest_vintage_is_always_within_tolerance_of_the_last_value(values: list[float | None]) -> None:
    committed: list[dict[str, Any]] = []
    for value in values:
        before = committed[-1]["obs_value"] if committed else None
        new = select([observation(obs_value=value)], committed)
        is_unchanged = bool(committed) and (
            before is None if value is None else before is not None and math.isclose(before, value, rel_tol=1e-9)
        )
        assert len(new) == (0 if is_unchanged else 1)
        committed += [observation(**vintage) for vintage in new]
        latest = committed[-1]["obs_value"]
        assert latest == value or value is None or math.isclose(latest, value, rel_tol=1e-9)


def test_former_names_of_checks_in_decisions_are_replaced(tmp_path: Path) -> None:
    ledger = Ledger.open(str(tmp_path / "ledger"))
    fields = {"freq": "M", "time_period": "2026-01", "candidate_hash": "c"}
    ledger.decide("revenue", "release", reason="right", decided_by="cfo", checks=("usual_change", "bounds"), **fields)
    (decision,) = ledger.decisions()
    assert decision["checks"] == ["bounds", "expected_range"]
