"""The published file brought up to date by each release equals one that is rendered whole from the ledger."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from data_quality.ledger import compact
from data_quality.ledger.schemas import VERDICTS
from data_quality.ledger.store import Ledger
from metrics.core import deployment
from metrics.core.periods import Period, parse
from metrics.definitions.catalog import Catalog
from publishing import duckdb_file
from publishing.duckdb_file import rendering
from tests import ledger_factory
from tests.examples import examples
from tests.ledger_factory import observation, verdict
from tests.warehouse_factory import Warehouse, kpi

PERIODS = ("2025-01", "2025-02", "2025-12", "2026-01", "2026-02", "2025-W01", "2026-W01", "2026-W02", "2025", "2026-Q1")
KPIS = ("revenue", "margin")
FAILING = json.dumps([
    {"check": "outside_range", "severity": "critical", "outcome": "fail", "figure": 2.0, "limit": 1.0, "detail": "far"}
])  # fmt: skip
FLAGGED = FAILING.replace("critical", "warning")
FIRST_DAY = date(2026, 3, 5)


def catalog(name: str = "Revenue") -> Catalog:
    company = Warehouse(Path("none"), pytest.MonkeyPatch()).company
    freqs = ("W", "M", "Q", "A")
    margin = kpi("margin", freqs=freqs, unit="fraction", kind="ratio", direction="down", target=0.5, target_freq="M",
                 matures_after="10 days")  # fmt: skip
    return Catalog(
        company="Test",
        reporting_currency="SEK",
        calendar=company.calendar,
        objectives=company.objectives,
        kpis=(kpi("revenue", freqs=freqs, name=name, protected=True), margin),
    )


def tables_of(path: Path) -> dict[str, list[Any]]:
    """The rows of every table and view, sorted, and the columns with their comments."""
    with duckdb.connect(str(path), read_only=True) as connection:
        names = connection.execute("select table_name from information_schema.tables order by 1").fetchall()
        rows = {name: connection.execute(f'from kpi."{name}" order by all').fetchall() for (name,) in names}
        columns = "table_name, column_name, data_type, comment"
        rows["columns"] = connection.execute(
            f"select {columns} from duckdb_columns() where not internal order by all"
        ).fetchall()
        return rows


def facts_of(period: Period) -> dict[str, Any]:
    return {
        "freq": period.freq, "time_period": period.code, "period_start": period.start, "period_end": period.end
    }  # fmt: skip


def append(day: date, hour: int, observations: list[dict[str, Any]], verdicts: list[dict[str, Any]], text: str) -> None:
    moment = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    Ledger.open(deployment.ledger_path()).append(
        ledger_factory.table(observations),
        ledger_factory.table([{**row, "judged_at": moment} for row in verdicts], VERDICTS),
        realtime_start=day,
        published_at=moment,
        catalog=text,
        batch_id="b",
    )


def renew() -> bool:
    return duckdb_file.renew(Ledger.open(deployment.ledger_path()), deployment.published_path())


def require_equal_to_a_whole_one(tmp_path: Path) -> None:
    whole = tmp_path / "whole.duckdb"
    duckdb_file.build(Ledger.open(deployment.ledger_path()), whole)
    expected, updated = tables_of(whole), tables_of(deployment.published_path())
    assert updated.keys() == expected.keys()
    for name, rows in expected.items():
        assert updated[name] == rows, name


@pytest.fixture
def wholes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were rendered whole."""
    rendered: list[Path] = []
    build = duckdb_file.build

    def counted(ledger: Ledger, path: Path) -> None:
        rendered.append(path)
        build(ledger, path)

    monkeypatch.setattr(duckdb_file, "build", counted)
    return rendered


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder with one release of January, and its published file."""
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(rendering, "MOST_ADDED", 10)
    append(FIRST_DAY, 1, january(1.0), [], catalog().definitions_json)
    assert renew()
    yield tmp_path


def january(value: float) -> list[dict[str, Any]]:
    return [observation(obs_value=value), observation(segment="country", member="SE", obs_value=value)]


MEMBERS = [("_T", "_T"), ("country", "SE"), ("country", "NO'; --")]
cells = st.dictionaries(
    st.tuples(st.sampled_from(KPIS), st.sampled_from(PERIODS), st.sampled_from(MEMBERS)),
    st.tuples(st.sampled_from([None, -1.5, 0.0, 0.4, 7.0]), st.sampled_from("APUOQ")),
    max_size=8,
)
judged = st.dictionaries(
    st.tuples(st.sampled_from(KPIS), st.sampled_from(PERIODS)),
    st.sampled_from([("publish", "[]"), ("publish_flagged", FLAGGED), ("hold", FAILING)]),
    max_size=4,
)
decided = st.lists(
    st.tuples(
        st.sampled_from(["release", "reject", "acknowledge", "review"]),
        st.sampled_from(KPIS),
        st.sampled_from(PERIODS),
        st.sampled_from([None, "incident-1", "incident-2"]),
        st.sampled_from([[], ["outside_range"]]),
    ),
    max_size=2,
)
# Days since the release before, which may be none, whether the definitions change, and whether the file is left behind.
steps = st.tuples(st.integers(0, 20), st.booleans(), st.booleans(), cells, judged, decided)


def run(sequence: list[Any]) -> None:
    """Make the releases, and bring the file up to date after each but those that leave it behind."""
    day, name = FIRST_DAY, "Revenue"
    for number, (days, changes, behind, values, verdicts, decisions) in enumerate(sequence):
        day += timedelta(days=days)
        name = f"Revenue {number}" if changes and number % 3 == 2 else name
        for decision, kpi_id, code, incident, checks in decisions:
            key = {} if decision == "review" else {"freq": parse(code).freq, "time_period": code}
            Ledger.open(deployment.ledger_path()).decide(
                kpi_id, decision, reason="known", decided_by="cfo@example.com", candidate_hash="cand1",
                checks=checks, incident_id=None if decision == "review" else incident, **key,
            )  # fmt: skip
        rows = [
            observation(
                kpi_id=kpi_id, segment=segment, member=member, obs_value=None if status in "OQ" else value,
                obs_status=status, conf_status="C" if status == "Q" else "F", **facts_of(parse(code)),
            )
            for (kpi_id, code, (segment, member)), (value, status) in values.items()
        ]  # fmt: skip
        answers = [
            verdict(kpi_id=kpi_id, freq=parse(code).freq, time_period=code, verdict=answer, checks=checks)
            for (kpi_id, code), (answer, checks) in verdicts.items()
        ]
        append(day, number % 24, rows, answers, catalog(name).definitions_json)
        if not behind:
            assert renew()


@examples(5, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=1, max_size=5))
def test_a_file_brought_up_to_date_equals_a_whole_one(
    tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture, sequence: list[Any]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("released")
        patch.setenv("NYCKELTAL_DATA_DIR", str(folder))
        patch.setenv("NYCKELTAL_NOW", "2026-03-05T00:00:00+00:00")
        patch.setattr(rendering, "MOST_ADDED", 1000)
        append(FIRST_DAY, 0, january(1.0), [verdict()], catalog().definitions_json)
        assert renew()
        run(sequence)
        renew()
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
        require_equal_to_a_whole_one(folder)


def test_only_the_first_file_is_rendered_whole(released: Path, wholes: list[Path]) -> None:
    for number in range(1, 4):
        append(FIRST_DAY, number, january(2.0 + number), [verdict()], catalog().definitions_json)
        assert renew() and not renew()
    compact.compact(deployment.ledger_path())
    assert not renew() and wholes == []
    require_equal_to_a_whole_one(released)


def edit(_: Path) -> None:
    with duckdb.connect(str(deployment.published_path())) as connection:
        connection.execute("update kpi.vintages set obs_value = 0")


def damage(_: Path) -> None:
    content = bytearray(deployment.published_path().read_bytes())
    content[len(content) // 2] ^= 1
    deployment.published_path().write_bytes(content)


def other_ledger(folder: Path) -> None:
    """A ledger with another first release; the second one would be an addition to the file otherwise."""
    shutil.rmtree(folder / "ledger")
    append(FIRST_DAY, 1, january(5.0), [], catalog().definitions_json)


def lose_the_rendering(folder: Path) -> None:
    (folder / "published.json").unlink()


def garble_the_rendering(folder: Path) -> None:
    (folder / "published.json").write_text('{"file": 1}')


CHANGES: dict[str, Callable[[Path], None]] = {
    "edited": edit,
    "damaged": damage,
    "of another ledger": other_ledger,
    "unknown": lose_the_rendering,
    "described by something else": garble_the_rendering,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_is_not_the_one_that_was_rendered_is_rendered_whole(
    released: Path, wholes: list[Path], change: str
) -> None:
    CHANGES[change](released)
    append(FIRST_DAY, 2, january(2.0), [verdict()], catalog().definitions_json)
    assert renew() and len(wholes) == 1
    require_equal_to_a_whole_one(released)


def test_a_release_that_changes_the_times_of_others_renders_the_file_whole(released: Path, wholes: list[Path]) -> None:
    append(FIRST_DAY - timedelta(days=1), 0, january(2.0), [], catalog().definitions_json)  # the clock was set back
    assert renew() and len(wholes) == 1
    append(FIRST_DAY, 3, january(3.0), [], catalog("Turnover").definitions_json)
    assert renew() and len(wholes) == 2
    require_equal_to_a_whole_one(released)


def test_a_file_to_which_much_was_added_is_rendered_whole(
    released: Path, wholes: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "MOST_ADDED", 1)
    append(FIRST_DAY, 2, january(2.0), [], catalog().definitions_json)
    assert renew() and wholes == []
    append(FIRST_DAY, 3, january(3.0), [], catalog().definitions_json)
    assert renew() and len(wholes) == 1


def test_other_code_renders_the_file_whole(released: Path, wholes: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "_code", lambda: "newer")
    assert renew() and len(wholes) == 1 and not renew()
    append(FIRST_DAY, 2, january(2.0), [], catalog().definitions_json)
    monkeypatch.setattr(rendering, "_code", lambda: "newer still")
    assert renew() and len(wholes) == 2


def test_a_ledger_without_the_rows_that_its_releases_state_changes_no_file(
    released: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = deployment.published_path().read_bytes()
    append(FIRST_DAY, 2, january(2.0), [], catalog().definitions_json)
    committed = Ledger._committed
    monkeypatch.setattr(Ledger, "_committed", lambda *arguments: committed(*arguments).slice(1))
    with pytest.raises(duckdb_file.NyckeltalError, match="kpi ledger verify"):
        renew()
    assert deployment.published_path().read_bytes() == before


def test_the_rendering_is_private_and_holds_no_value(released: Path) -> None:
    kept = json.loads((released / "published.json").read_text())
    assert kept.keys() == {"file", "sequence", "row_hash", "catalog", "code", "whole"}
    assert (kept["sequence"], kept["whole"]) == (1, 2)
