"""`kpi review`, `propose`, `vote` and `retire` as people call them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from metrics import retiring
from metrics.core import yaml_file
from metrics.core.deployment import PROJECT
from metrics.core.errors import NyckeltalError, Problems
from metrics.definitions.catalog import Catalog
from metrics.definitions.kpis.adoption import Adoption, Retired
from metrics.definitions.observable import observable_to
from orchestration.cli.reports.review import sparkline
from tests import warehouse_factory
from tests.command_line import kpi_command
from tests.orchestration.test_decide_cli import COMPANY
from tests.warehouse_factory import CALENDAR, Warehouse, cells, kpi

MONTHS = {f"2025-{month:02}": cells(90 + month, SE=90 + month) for month in range(1, 13)}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The revenue of 2025, which met its target of 100 in the last three months."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("released"), patch)
        warehouse.add(kpi(description="Money earned."), MONTHS)
        folder = warehouse.path.parent / "company"
        for name, text in {**COMPANY, "compiled/catalog.json": warehouse.catalog.definitions_json}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        patch.setenv("NYCKELTAL_COMPANY", str(folder))
        patch.setenv("COLUMNS", "100")
        warehouse.judge("2025-01-01", "2025-12-31")
        warehouse.publish("2025-01-01", "2025-12-31")
        yield warehouse


def command(*arguments: str) -> str:
    """What a command prints, on one line; it must end well."""
    result = kpi_command(*arguments)
    assert result.returncode == 0, result.stderr
    return " ".join(result.stdout.split())


def test_votes_are_counted(released: Warehouse) -> None:
    assert "1 for, 0 against. It decides nothing." in command(
        "propose", "nps", "--reason", "who likes us?", "--by", "bo"
    )
    voted = command("vote", "nps", "--against", "--reason", "too many surveys", "--by", "anna")
    assert "Vote against adopting nps recorded by anna" in voted and "1 for, 1 against" in voted
    command("vote", "revenue", "--retire", "--against", "--reason", "all use it", "--by", "anna")
    assert "0 for and 1 against retiring it (recorded, not authenticated) against: anna" in command("review", "revenue")
    nobody = kpi_command("vote", "nps", "--for", "--reason", "both", "--by", "")
    assert nobody.returncode == 2 and "--by: an opinion needs a name" in nobody.stderr
    undecided = kpi_command("vote", "nps", "--reason", "both", "--by", "bo")
    assert undecided.returncode == 2 and "give --for or --against" in undecided.stderr


def test_a_review_is_shown_and_recorded(released: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = command("review", "revenue")
    for part in (
        "means Money earned.",
        "reviewed never, due on 2026-06-05; reviewed every quarter",
        "on target 3 of 10 periods in the past year; 3 of 12 in all",
        "2025-12 102.0 SEK +1.0 % – ✓ 100.0 A",
        "The past 12 months: ▁▂▂▃▄▄▅▅▆▇▇█",
        "kpi review revenue --outcome keep|change|retire",
    ):
        assert part in shown
    upcoming = command("review", "--due")
    assert "No review is due. The next ones:" in upcoming
    assert "revenue 2026-06-05 in 92 days cfo@example.com never" in upcoming
    swedish = " ".join(kpi_command("review", "revenue", "--lang", "sv").stdout.split())
    assert "period värde mot perioden före mot i fjol mål status" in swedish and "Anteckna granskningen:" in swedish
    assert "att göra" in kpi_command("review", "--due", "--lang", "sv").stdout
    refused = kpi_command("review", "revenue", "--reason", "raised", "--by", "anna")
    assert refused.returncode == 2 and "a review needs an outcome" in refused.stderr
    by_anna = ("--reason", "target raised", "--by", "anna")
    monkeypatch.setenv("NYCKELTAL_NOW", "2026-06-10T06:00:00+00:00")
    released.feed("orders", newest_delivery="2026-06-10T05:00:00+00:00")
    late = command("review", "--due")
    assert "revenue 2026-06-05 5 days overdue" in late and "No review is due" not in late
    recorded = command("review", "revenue", "--outcome", "retire", *by_anna)
    assert "revenue reviewed by anna (recorded, not authenticated): retire; release" in recorded
    assert "It stays in use until `kpi retire revenue`." in recorded
    (due,) = json.loads(command("review", "--due", "--json"))
    assert (due["due_on"], due["outcome"], due["reviewed_by"]) == ("2026-09-10", "retire", "anna")


def test_the_course_of_values_as_bars() -> None:
    assert sparkline([1.0, None, 8.0, 4.5]) == "▁·█▅"
    assert sparkline([2.0, 2.0]) == "▄▄" and sparkline([None]) == "·" and sparkline([]) == ""


def test_no_period_after_the_retirement_is_observable() -> None:
    retired = Retired(on=date(2026, 3, 31), reason="nobody acts on it")
    assert observable_to({}, [], [], None, retired) == date(2026, 3, 31)
    assert observable_to({}, [], [], None) is None


def adoption(folder: Path, **facts: str) -> Adoption:
    lines = {"kpi": "revenue", "owner": "cfo@x", "level": "key", "objective": "growth", "target": "{none: new}"}
    lines |= {"review": "monthly", "freqs": "[M]", **facts}
    file = folder / "revenue.yml"
    file.write_text("# ours\n" + "".join(f"{key}: {value}\n" for key, value in lines.items()), encoding="utf-8")
    return yaml_file.load(file, Adoption)


def test_a_kpi_is_reviewed_at_least_every_quarter(tmp_path: Path) -> None:
    assert adoption(tmp_path).review == "monthly"
    with pytest.raises(Problems, match=r"revenue.yml:7: review: .*; state monthly or quarterly; found 'yearly'"):
        adoption(tmp_path, review="yearly")


def test_retired_is_added_to_a_kpis_file_and_taken_out_when_that_fails(tmp_path: Path) -> None:
    adoption(tmp_path)
    file, kpis = tmp_path / "revenue.yml", (kpi(), kpi("sales"))
    catalog = Catalog(company="Test", reporting_currency="SEK", calendar=CALENDAR, objectives={}, kpis=kpis)
    before = file.read_text()
    retired = Retired(on=date(2026, 3, 5), reason='Not "used": at\x7f all', replaced_by="sales")
    for replaced_by in ("sale", "revenue"):
        other = retired.model_copy(update={"replaced_by": replaced_by})
        with pytest.raises(NyckeltalError, match="is in use"), retiring.written(file, "revenue", other, catalog):
            pass
    with pytest.raises(ZeroDivisionError), retiring.written(file, "revenue", retired, catalog):
        assert file.read_text() != before
        _ = 1 / 0
    assert file.read_text() == before
    with retiring.written(file, "revenue", retired, catalog):
        pass
    assert file.read_text().startswith(before)
    assert yaml_file.load(file, Adoption).retired == retired
    # After an interruption: the file states it already.
    written, later = file.read_text(), retired.model_copy(update={"on": date(2026, 3, 6)})
    with retiring.written(file, "revenue", later, catalog):
        assert file.read_text() == written
    again = retiring.written(file, "revenue", later.model_copy(update={"reason": "twice"}), catalog)
    with (
        pytest.raises(NyckeltalError, match=r"revenue.yml:9: retired: is retired since 2026-03-05, for another"),
        again,
    ):
        pass


@pytest.mark.parametrize("content", ["{kpi: revenue, level: key}\n", "kpi: revenue\n...\n", "kpi: revenue\nretired:\n"])
def test_a_file_to_which_retired_cannot_be_added_stays(tmp_path: Path, content: str) -> None:
    file = tmp_path / "revenue.yml"
    file.write_text(content)
    catalog = Catalog(company="Test", reporting_currency="SEK", calendar=CALENDAR, objectives={}, kpis=(kpi(),))
    retired = Retired(on=date(2026, 3, 5), reason="gone")
    with pytest.raises(NyckeltalError, match=r'add it by hand .* retired: {on: 2026-03-05, reason: "gone"}'):
        retiring.written(file, "revenue", retired, catalog).__enter__()
    assert file.read_text() == content


def test_line_ends_stay_and_a_write_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, before = tmp_path / "revenue.yml", b"kpi: revenue\r\nlevel: key\r\n"
    file.write_bytes(before)
    catalog = Catalog(company="Test", reporting_currency="SEK", calendar=CALENDAR, objectives={}, kpis=(kpi(),))
    retired = Retired(on=date(2026, 3, 5), reason="gone")
    with pytest.raises(ZeroDivisionError), retiring.written(file, "revenue", retired, catalog):
        after = file.read_bytes()
        _ = 1 / 0
    assert after == before + b'retired:\r\n  on: 2026-03-05\r\n  reason: "gone"\r\n' and file.read_bytes() == before
    write = Path.write_bytes

    def full_disk(path: Path, content: bytes) -> int:
        write(path, content[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(NyckeltalError, match=r"revenue.yml: can't be written: No space left"):
        retiring.written(file, "revenue", retired, catalog).__enter__()
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


def test_a_retirement_that_cannot_be_decided_changes_nothing(
    released: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = released.path.parent / "company"
    reason = ("--reason", "back in time", "--by", "anna")
    gone = kpi_command("retire", "revenue", *reason)
    assert gone.returncode == 2 and "the file of revenue is gone since the last `kpi compile`" in gone.stderr
    (folder / "kpis/finance").mkdir(parents=True)
    adoption(folder / "kpis/finance")
    file, catalog = folder / "kpis/finance/revenue.yml", folder / "compiled/catalog.json"
    before = (file.read_text(), catalog.read_text())
    with monkeypatch.context() as patch:
        # What compiles the company isn't reached, as it would find no definitions here.
        patch.setenv("NYCKELTAL_NOW", "2026-03-04T06:00:00+00:00")
        refused = kpi_command("retire", "revenue", *reason)
    assert refused.returncode == 2 and "the clock is before the newest release" in refused.stderr
    assert (file.read_text(), catalog.read_text()) == before
    shutil.rmtree(folder / "kpis")


def test_an_interrupted_retirement_goes_on(
    released: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = warehouse_factory.copy(released, tmp_path, monkeypatch)
    copied.now("2026-07-01T06:00:00")
    copied.feed("orders", newest_delivery="2026-07-01T05:00:00+00:00")
    folder = tmp_path / "company"
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(folder))
    (folder / "kpis/finance").mkdir(parents=True)
    adoption(folder / "kpis/finance", retired='{on: 2026-06-30, reason: "not used"}')  # killed before it compiled
    retired = kpi(description="Money earned.", retired=Retired(on=date(2026, 6, 30), reason="not used"))
    catalog = copied.catalog.model_copy(update={"kpis": (retired,)})
    monkeypatch.setattr("orchestration.dbt.planning.planned", lambda _: None)
    compiled = {"catalog.json": catalog.definitions_json}
    monkeypatch.setattr("metrics.compiled_folder.compile_company", lambda *_, **__: compiled)
    same = ("retire", "revenue", "--reason", "not used", "--by", "anna")
    assert "revenue is retired" in command(*same)
    decided = "select outcome, reason from kpi.decisions where decision = 'review' and reason = 'not used'"
    assert copied.published(decided) == [("retire", "not used")]
    done = kpi_command(*same)
    assert done.returncode == 2 and "retired: is retired since 2026-06-30" in done.stderr
    for outcome in ("keep", "retire"):
        refused = kpi_command("review", "revenue", "--outcome", outcome, "--reason", "good", "--by", "anna")
        assert refused.returncode == 2 and "revenue is retired since 2026-06-30: it isn't reviewed" in refused.stderr
    assert copied.published(decided) == [("retire", "not used")]


def test_retiring_compiles_the_company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "ravenstack"
    shutil.copytree(PROJECT / "tests/ravenstack", folder)
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NYCKELTAL_COMPANY", str(folder))
    monkeypatch.setenv("NYCKELTAL_NOW", "2026-03-05T06:00:00+00:00")
    reason = ("--reason", "accounts count", "--by", "cfo@ravenstack.example")
    refused = kpi_command("retire", "mrr", "--reason", "x", "--by", "guest")
    assert refused.returncode == 2 and "may not review mrr" in refused.stderr
    assert "mrr is retired, and" in command("retire", "mrr", "--replaced-by", "paying_accounts", *reason)
    mrr = Catalog.model_validate_json((folder / "compiled/catalog.json").read_text()).kpi("mrr")
    assert mrr.retired is not None and mrr.retired.replaced_by == "paying_accounts"
    assert mrr.observable_to == date(2026, 3, 5)
