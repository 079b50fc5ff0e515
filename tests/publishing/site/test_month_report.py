"""The report of a month, on a ledger of a few KPIs written by hand: what it says, in which order, and how much."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import publishing
from data_quality.ledger.schemas import VERDICTS
from data_quality.ledger.store import Ledger
from metrics.core import deployment
from metrics.core.periods import parse, periods_between
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.kpis.adoption import Retired
from publishing import mcp_server, reader
from publishing.language import language
from publishing.site import content, month_report
from publishing.site.kpi_pages import KpiPages
from publishing.site.shifts import ShiftNote
from tests import warehouse_factory
from tests.command_line import kpi_command
from tests.ledger_factory import observation, table
from tests.warehouse_factory import CALENDAR, Warehouse, kpi

MONTHS = [period.code for period in periods_between("M", date(2025, 1, 1), date(2026, 1, 31))]
NORMAL = [100, 103, 99, 102, 98, 104, 101, 100, 103, 99, 102, 101]  # and the last month


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse_factory.point_at(tmp_path, monkeypatch)
    Warehouse(tmp_path / "warehouse.duckdb", monkeypatch)


def total(kpi_id: str, code: str, value: float | None, **facts: Any) -> dict[str, Any]:
    period = parse(code)
    days = {"period_start": period.start, "period_end": period.end}
    return observation(kpi_id=kpi_id, freq=period.freq, time_period=code, obs_value=value, **days, **facts)


def series(kpi_id: str, last: float, **members: float) -> list[dict[str, Any]]:
    """A total for each month, the last one as given; each month is made of these members, NO has the rest."""
    rows = []
    for code, value in zip(MONTHS, [*NORMAL, last], strict=True):
        rows.append(total(kpi_id, code, value))
        of_member = {**members, "NO": value - sum(members.values())} if members else {}
        rows += [total(kpi_id, code, amount, segment="country", member=name) for name, amount in of_member.items()]
    return rows


def release(kpis: list[CatalogKpi], rows: list[dict[str, Any]], day: date = date(2026, 2, 20)) -> None:
    catalog = Catalog(company="Test", reporting_currency="SEK", calendar=CALENDAR, objectives={}, kpis=tuple(kpis))
    Ledger.open(deployment.ledger_path()).append(
        table(rows), table([], VERDICTS), realtime_start=day,
        published_at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC), catalog=catalog.definitions_json,
        batch_id="b", company=json.dumps({"feeds": [], "deciders": {}}),
    )  # fmt: skip
    publishing.publish()


def sentences(code: str = "en", month: str = "") -> list[str]:
    report = month_report.read(month, code)
    return ["".join(part.text for part in parts).replace("\N{NO-BREAK SPACE}", " ") for parts in report.sentences()]


def test_what_is_off_target_comes_with_why_and_then_what_moved(deployed: None) -> None:
    kpis = [kpi(target=100.0, name="Sales"), kpi("visits", target=None, unit="count"), kpi("calm", target=90.0)]
    release(kpis, [*series("revenue", 80, SE=60), *series("visits", 150), *series("calm", 102)])
    found = sentences()
    assert found[0] == "Targets of periods that ended with January 2026: 1 reached, 0 at risk, 1 off target."
    # 80 after 101 in December, which reached the target: NO, of which it is the rest, has all of the change.
    assert found[1] == (
        "Sales misses its target: 80.00 SEK in January 2026, 20.00 SEK below the target of 100.0 SEK."
        " Since December 2025 it has changed by −21.00 SEK. What adds most: by country, NO −21.00 SEK."
    )
    assert found[2] == "Visits changed unusually: 150 in January 2026, +48.5 % on the period before (better)."
    assert " closes first in " in found[3] and len(found) == 4
    assert sentences("sv")[2] == "Visits ändrades ovanligt: 150 för januari 2026, +48,5 % mot perioden före (bättre)."


def test_a_month_without_news_says_so(deployed: None) -> None:
    release([kpi("calm", target=90.0)], series("calm", 102))
    found = sentences()
    assert found[1].startswith("A quiet month: no target was missed") and len(found) == 3
    assert not any("unusually:" in sentence for sentence in found)


def test_a_change_within_the_usual_variation_is_no_news_and_a_missed_target_is(deployed: None) -> None:
    release([kpi(target=103.0, name="Sales")], series("revenue", 102))
    found = sentences()
    assert found[1] == (
        "Sales misses its target: 102.0 SEK in January 2026, 1.00 SEK below the target of 103.0 SEK. It has missed it"
        " since October 2025. Since September 2025 it has changed by −1.00 SEK."
    )
    assert not any("unusually:" in sentence for sentence in found)


def test_a_value_above_its_band_misses_it_by_a_share_of_the_upper_end(deployed: None) -> None:
    """40 above 1000 is a smaller miss than 10 below 100, and than 30 above a band that begins at 0."""
    kpis = [
        kpi("wide", name="Wide", direction="band", target=100.0, target_to=1000.0),
        kpi("sales", name="Sales", target=110.0),
        kpi("from_zero", name="Zero", direction="band", target=0.0, target_to=100.0),
    ]
    release(kpis, [*series("wide", 1040), *series("sales", 100), *series("from_zero", 130)])
    assert [sentence.split()[0] for sentence in sentences()[1:4]] == ["Zero", "Sales", "Wide"]
    pages = KpiPages(content.read(reader.source(), reader.newest_catalog()), language("en"))
    said = {entry.kpi_id: pages.headline(entry)[0].replace("\N{NO-BREAK SPACE}", " ") for entry in kpis}
    assert said == {
        "wide": "4.0 % above the target of 100.0 SEK to 1,000 SEK.",
        "sales": "9.1 % below the target of 110.0 SEK.",
        "from_zero": "30.0 % above the target of 0.00 SEK to 100.0 SEK.",
    }


def test_of_a_target_of_zero_the_page_says_by_how_much_it_is_missed(deployed: None) -> None:
    entry = kpi("returns", name="Returns", direction="down", target=0.0)
    release([entry], series("returns", 3))
    (said, *_) = KpiPages(content.read(reader.source(), reader.newest_catalog()), language("en")).headline(entry)
    assert said.replace("\N{NO-BREAK SPACE}", " ") == "3.00 SEK above the target of 0.00 SEK."


def test_there_are_at_most_ten_sentences_and_the_worst_come_first(deployed: None) -> None:
    kpis = [kpi(f"k{place}", name=f"K{place}", target=100.0 + place) for place in range(30)]
    moved = [kpi(f"m{place}", name=f"M{place}", target=None) for place in range(5)]
    rows = [row for entry in kpis for row in series(entry.kpi_id, 99)]
    release([*kpis, *moved], rows + [row for entry in moved for row in series(entry.kpi_id, 200)])
    found = sentences()
    assert len(found) == 10
    assert [sentence.split()[0] for sentence in found[1:6]] == ["K29", "K28", "K27", "K26", "K25"]
    assert found[6].startswith("25 more miss their target, by less: K24, K23,") and "and 13 more." in found[6]
    assert found[7].startswith("M0 changed") and found[8].startswith("M1 changed")


def test_it_tells_what_was_revised_since_the_month_before_closed(deployed: None) -> None:
    entry = kpi("calm", target=90.0, name="Calm")
    release([entry], series("calm", 102))
    facts = {"revision_type": "R1", "revision_reason": "late rows", "candidate_hash": "2"}
    revised = [total("calm", "2025-11", 110.0, **facts), total("calm", "2025-12", 102.0, **facts)]
    release([entry], revised, date(2026, 2, 25))
    told = next(sentence for sentence in sentences() if "revised" in sentence)
    assert told.startswith("2 totals were revised since 13 Jan 2026; most of all Calm, November 2025,")
    assert told.endswith("from 102.0 SEK to 110.0 SEK (newer source data).")
    december = sentences(month="2025-12")  # without what was revised after it, and without what closes next
    assert len(december) == 2 and december[1].startswith("A quiet month")


def test_it_tells_what_shifted_with_the_most_certain_one_first(deployed: None) -> None:
    kpis = [kpi("calm", target=90.0, name="Calm"), kpi("cool", target=90.0, name="Cool")]
    release(kpis, [*series("calm", 102), *series("cool", 102)])
    notes = [ShiftNote(entry, f"The trend of {entry.name} changed.", []) for entry in kpis]
    report = dataclasses.replace(month_report.read("", "en"), shifted=notes)
    (told,) = (parts for parts in report.sentences() if any("trend" in part.text for part in parts))
    assert "".join(part.text for part in told) == "The trend of Calm changed. Others that shifted: Cool."
    assert [part.kpi_id for part in told if part.kpi_id] == ["calm", "cool"]
    assert not any("quiet" in part.text for parts in report.sentences() for part in parts)


def test_markdown_holds_texts_of_others_as_they_are(deployed: None) -> None:
    name = "Sales\n\n# Head &lt;b&gt; ~~s~~ http://evil.example www.evil.example ![i](x)"
    release([kpi(target=100.0, name=name)], series("revenue", 50, **{"SE\n- li": 40}))
    lines = kpi_command("report", "--markdown", "--site", "https://kpi.example").stdout.splitlines()
    assert len(lines) == 4 + len(sentences())  # with a title, and from which release it is
    assert r"[Sales\\n\\n\# Head \&lt;b\&gt; \~\~s\~\~ http\://evil.example www\.evil.example \!\[i\](x)](" in lines[3]
    for site in ("javascript:alert(1)//)[", "https://a.example/) [x](https://b.example", "kpi.example"):
        refused = kpi_command("report", "--markdown", "--site", site)
        assert refused.returncode == 2 and "--site: is no address of a site" in refused.stderr


def test_a_retired_kpi_misses_no_target_and_is_offered_none(deployed: None) -> None:
    retired = Retired(on=date(2026, 1, 31), reason="replaced")
    zeros = [total("zeros", code, 0.0) for code in MONTHS]
    release(
        [kpi("calm", target=90.0), kpi(target=100.0, retired=retired), kpi("zeros", name="Claims", target=None)],
        [*series("calm", 101), *series("revenue", 50), *zeros],
    )
    assert not any("misses" in text for text in sentences())
    assert "is retired since 2026-01-31" in kpi_command("suggest-target", "revenue").stdout
    assert "Claims was 0" in kpi_command("suggest-target", "zeros").stdout
    leads = kpi_command("leads", "zeros", "--all")
    assert leads.stdout.startswith("Claims doesn't vary beside season and trend") and "Too few" not in leads.stdout


def test_the_command_prints_it_as_text_markdown_and_json(deployed: None) -> None:
    release([kpi("calm", target=90.0, name="Calm [x] *y*"), kpi(target=100.0, name="Sales")],
            [*series("calm", 200), *series("revenue", 50)])  # fmt: skip
    assert "Test: The month: January 2026" in kpi_command("report").stdout
    text = kpi_command("report", "--markdown", "--site", "https://kpi.example/").stdout
    assert "2. [Sales](https://kpi.example/kpi-revenue.html#2026-01) misses its target" in text
    assert "[Calm \\[x\\] \\*y\\*](https://kpi.example/kpi-calm.html#2026-01) changed unusually" in text
    answer = json.loads(kpi_command("report", "2025-12", "--json").stdout)
    assert answer["month"] == "2025-12" and answer["sentences"][0]["text"].startswith("Targets of periods")
    assert mcp_server.month_report("2025-12") == answer
    newest = mcp_server.month_report()["sentences"][1]
    assert newest["text"].startswith("Sales misses its target") and newest["kpis"] == ["revenue"]
    assert "isn't closed yet" in kpi_command("report", "2026-02").stderr
    assert "is no month" in kpi_command("report", "2025-Q4").stderr
    assert "nothing is published for this month" in kpi_command("report", "2020-01").stderr


def test_the_report_of_a_month_stays_as_it_was_when_the_next_one_closed(deployed: None) -> None:
    kpis = [kpi(target=100.0, name="Sales")]
    release(kpis, [total("revenue", code, 90.0) for code in MONTHS])
    before = month_report.read("2026-01", "en").as_answer()
    assert "in January 2026" in before["sentences"][1]["text"] and "below the target" in before["sentences"][1]["text"]
    assert before["sentences"][1]["numbers"] == [{"kpi_id": "revenue", "period": "2026-01"}]
    later = [total("revenue", "2026-01", 120.0), total("revenue", "2026-02", 95.0), total("revenue", "2026-03", 95.0)]
    release(kpis, later, date(2026, 4, 20))
    assert month_report.read("2026-01", "en").as_answer() == before
    assert month_report.read("", "en").as_answer()["release"] == 2
    now = month_report.read("2026-01", "en", date(2026, 4, 20)).as_answer()
    assert (now["release"], now["published_on"]) == (2, "2026-04-20") and now["sentences"] != before["sentences"]
    shown = kpi_command("report", "2026-01").stdout
    assert "90.00" in shown and "From the values of release 1 of" in shown
    refused = kpi_command("report", "2026-01", "--as-of", "2026-02-01")
    assert refused.returncode == 2 and "nothing was published by 2026-02-01" in refused.stderr
