"""The site: what its pages show, that a release writes it anew, and that no text from data is more than text."""

from __future__ import annotations

import ast
import json
import re
import stat
import webbrowser
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import publishing
from data_quality.gate import incidents
from data_quality.gate.checks.registry import CHECKS as CHECKS_OF_THE_GATE
from data_quality.ledger.store import Ledger
from metrics.core import deployment
from metrics.core.deployment import PROJECT, site_path
from metrics.core.errors import NyckeltalError
from metrics.core.periods import parse, periods_between
from metrics.core.text import short_path, storable, visible
from metrics.definitions.catalog import Catalog
from metrics.definitions.kpis.kpi import Label, standard_definitions
from metrics.definitions.objectives import Objective
from orchestration.cli.app import app
from publishing import duckdb_file, site
from publishing.language import LANGUAGES, language
from publishing.language.swedish import SWEDISH
from publishing.language.swedish.findings import FINDINGS
from publishing.site import RELEASE_CHECKS, charts
from tests import warehouse_factory
from tests.browser import CHROMIUM, Browser, running
from tests.hostile import TEXTS
from tests.ledger_factory import observation, table, verdict
from tests.warehouse_factory import CALENDAR, cells, kpi

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium isn't installed")
PUBLISHING = Path(publishing.__file__).parent
REPORTS = deployment.PROJECT / "orchestration" / "cli"
HOSTILE = {name: text for name, text in TEXTS.items() if text.strip() and storable(text)}
CHECKS = [
    {"check": "bounds", "severity": "critical", "outcome": "pass", "figure": 0.0, "limit": 0.0, "detail": ""},
    {
        "check": "expected_range",
        "severity": "warning",
        "outcome": "fail",
        "figure": 5.2,
        "limit": 5.0,
        "detail": "700 to 850 was expected",
    },
]


def values(kpi_id: str, freq: str, first: str, last: str, start: float, **facts: Any) -> list[dict[str, Any]]:
    """An observation of every period of [first, last], each a tenth of `start` greater than the one before."""
    periods = periods_between(freq, parse(first).start, parse(last).end)
    return [
        observation(
            kpi_id=kpi_id, freq=freq, time_period=period.code, period_start=period.start, period_end=period.end,
            obs_value=start * (1 + place / 10), **facts,
        )
        for place, period in enumerate(periods)
    ]  # fmt: skip


def catalog() -> Catalog:
    """KPIs of every status; those with a hostile name are without values."""
    objectives = {
        "growth": Objective(name="Growth", perspective="financial", description="Sell more."),
        "people": Objective(name="A good place to work", perspective="learning"),
    }
    kpis = [
        kpi(name="Net revenue", freqs=("M", "Q", "A"), target=20e6, target_freq="M",
            labels={"sv": Label(name="Nettoomsättning", description="Periodens försäljning.")}),
        kpi("absence", name="Absence rate", unit="fraction", direction="down", target=0.04, domain="people",
            objective="people", protected=True, segments=("department",), owner="chro@example.com"),
        kpi("turnover", freqs=("M", "A"), unit="fraction", direction="down", target=0.12, target_freq="A"),
        kpi("context", target=None, direction="none", target_note="for context", unit="hours", level="supporting"),
        kpi("absent", supplied=False, missing_entities=("tickets",)),
        kpi("unpublished"),
        *(kpi(f"hostile_{place}", name=text, description=text, owner=text, standard=text, unit=text)
          for place, text in enumerate(HOSTILE.values())),
    ]  # fmt: skip
    return Catalog(
        company="R&D <b>AB</b>", reporting_currency="SEK", calendar=CALENDAR, objectives=objectives, kpis=tuple(kpis),
        members={"sv": {"country": {"SE": "Sverige"}}},
    )  # fmt: skip


FEEDS = [
    {"feed": "orders", "system": "Shop <i>", "cadence": "daily", "history_from": "2023-01-01", "rows_total": 12345,
     "complete_through": "2026-03-03", "newest_event": "2026-03-04", "newest_delivery": "2026-03-04T23:30:00+00:00",
     "rows_rejected": 7, "outstanding": True},
    {"feed": "leave", "system": "HR", "cadence": "monthly", "history_from": "2023-01-01", "complete_through": None,
     "newest_event": None, "newest_delivery": None, "rows_total": 0, "rows_rejected": 0, "outstanding": False},
]  # fmt: skip


def release(rows: list[dict[str, Any]], verdicts: list[dict[str, Any]], day: date) -> None:
    Ledger.open(deployment.ledger_path()).append(
        table(rows),
        table(verdicts, warehouse_verdicts()),
        realtime_start=day,
        published_at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        catalog=catalog().definitions_json,
        batch_id="b",
        company=json.dumps({"feeds": FEEDS, "deciders": {"finance": ["cfo@example.com", "R&D <b>"]}}),
    )
    publishing.publish()


def warehouse_verdicts() -> Any:
    from data_quality.ledger.schemas import VERDICTS

    return VERDICTS


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The site's folder after two releases: with a revised value, a held one, a warning, suppressed and hostile."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse_factory.point_at(tmp_path_factory.mktemp("site"), patch)
        hostile = [
            observation(kpi_id="hostile_0", segment="country", member=text, obs_value=float(place))
            for place, text in enumerate(HOSTILE.values())
        ]
        people = values("absence", "M", "2024-01", "2026-01", 0.03)
        hidden = values("absence", "M", "2024-01", "2026-01", 0, segment="department", member="Sales", conf_status="C")
        hidden = [{**row, "obs_value": None, "obs_status": "Q"} for row in hidden]
        first = [
            *values("revenue", "M", "2024-01", "2026-01", 10e6),
            *values("revenue", "Q", "2024-Q1", "2025-Q4", 30e6),
            *values("revenue", "A", "2024", "2025", 100e6),
            *values("revenue", "M", "2024-01", "2026-01", 6e6, segment="country", member="SE"),
            *values("turnover", "A", "2024", "2025", 0.14),
            *values("turnover", "M", "2025-01", "2025-12", 0.01),
            *values("context", "M", "2025-06", "2026-01", 6),
            *people, *hidden, *hostile, observation(kpi_id="hostile_0"),
        ]  # fmt: skip
        flagged = verdict(verdict="publish_flagged", checks=json.dumps(CHECKS))
        release(first, [flagged], date(2026, 2, 5))
        held = [{**CHECKS[0], "outcome": "fail", "detail": HOSTILE["script"]}]
        held_verdict = verdict(time_period="2026-02", verdict="hold", checks=json.dumps(held))
        late = observation(obs_value=33e6, revision_type="R1", revision_reason=HOSTILE["image"], candidate_hash="2")
        decision = Ledger.open(deployment.ledger_path()).decide(
            "context", "review", reason=HOSTILE["script"], decided_by=HOSTILE["attribute"]
        )
        assert decision
        earlier_years = [*values("revenue", "A", "2023", "2023", 90e6), *values("turnover", "A", "2023", "2023", 0.13)]
        release([late, *earlier_years], [held_verdict], date(2026, 3, 5))
        yield deployment.site_path().parent


def text_of(page: Path) -> str:
    """The text of a page, with single blanks."""
    without_code = re.sub(r"<(style|script).*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", without_code)).split()).replace("\N{NO-BREAK SPACE}", " ")


def test_the_scorecard_shows_value_target_change_and_status_of_every_kpi(pages: Path) -> None:
    text = text_of(pages / "index.html")
    assert "Newest closed month: January 2026" in text
    assert "Net revenue key, lagging · cfo @example.com On target 33.0 M SEK Jan 2026 Target 20.0 M SEK a month" in text
    assert "Off target 15.4 % 2025" in text  # a yearly target is compared with a year
    assert "Dec 2025: 2.1 %" in text
    for status in ("No target", "Not supplied", "Nothing published"):
        assert status in text
    assert "no data from: tickets" in text and "1 segment member suppressed" in text
    assert "Feb 2026 waits for a decision" in text and "1 warning in 12 months" in text


def test_below_it_are_what_waits_what_changed_and_what_closes(pages: Path) -> None:
    text = text_of(pages / "index.html")
    assert "Release 2 of 5 Mar 2026: 3 values published, 1 of them revised. First values of: 2023 (2 KPIs)." in text
    assert "Net revenue , Jan 2026: 34.0 M SEK → 33.0 M SEK" in text
    assert "Net revenue , January 2026: 34.0 M SEK → 33.0 M SEK, 5 Mar 2026. newer source data" in text
    assert "10 Mar 2026 February 2026 finance, people" in text


def test_what_is_held_says_who_may_decide(pages: Path) -> None:
    for page in ("index.html", "kpi-revenue.html"):
        assert "May decide: cfo@example.com, R&D <b>" in text_of(pages / page)


def test_the_page_on_data_says_how_far_each_feed_has_come(pages: Path) -> None:
    text = text_of(pages / "data.html")
    assert "orders a delivery could not be loaded Shop <i> 3 Mar 2026 4 Mar 2026 5 Mar 2026 every day" in text
    assert re.search(r"every day 12,345 7 \d+ KPIs Net revenue", text)
    assert "leave HR – – – monthly 0 0" in text


def test_the_pages_group_by_objective_in_the_order_of_perspectives_and_by_domain(pages: Path) -> None:
    names = re.findall(r'class="name">([^<]+)<', (pages / "index.html").read_text())
    assert names == ["Growth", "A good place to work"]
    assert re.findall(r'class="name">([^<]+)<', (pages / "domains.html").read_text()) == ["Finance", "People"]


def test_a_kpis_page_says_how_it_goes_and_whether_it_can_be_trusted(pages: Path) -> None:
    text = text_of(pages / "kpi-revenue.html")
    assert "On target. 65.0 % above the target of 20.0 M SEK a month." in text
    assert (
        "Final: its period was open until 10 Feb 2026. It changes only by a person's decision or a changed definition."
        in text
    )
    assert "1 of 2 checks gave a warning" in text and "700 to 850 was expected" in text
    assert "February 2026 is held until someone decides; this is the newest published value." in text
    assert "5 Mar 2026: 34.0 M SEK → 33.0 M SEK, newer source data" in text
    assert "The total is within the range expected from its trend and season" in text


def test_a_kpis_page_says_why_its_value_moved(pages: Path) -> None:
    text = text_of(pages / "kpi-revenue.html")
    assert "Why it moved Net revenue was 33.0 M SEK in January 2026, as in December 2025." in text
    text = text_of(pages / "kpi-absence.html")
    assert "Absence rate was 10.2 % in January 2026: 0.30 pp more than in December 2025, 9.9 %." in text
    assert "By department: what each member adds isn't told, as 2 of the values are suppressed." in text
    assert "It misses the target of 4.0 % by 6.2 pp. It last reached it in April 2024, by 0.10 pp" in text


def test_a_change_within_the_usual_variation_has_no_colour_but_a_word(pages: Path) -> None:
    """Each month of the absence rate is 0.3 percentage points above the one before: a usual change."""
    index = (pages / "index.html").read_text()
    (row,) = re.findall(r'class="who"><a href="kpi-absence.html">.*?</tr>', index, re.DOTALL)
    assert re.search(r'class="change usual">.*?\+0\.3\N{NO-BREAK SPACE}pp<span class="sub">usual</span>', row)
    assert "change worse" not in row
    (row,) = re.findall(r'class="who"><a href="kpi-turnover.html">.*?</tr>', index, re.DOTALL)
    assert "change worse" in row and "usual" not in row  # two changes are too few to know what is usual


def test_the_first_screen_says_what_misses_its_target_the_widest_miss_first(pages: Path) -> None:
    page, text = (pages / "index.html").read_text(), text_of(pages / "index.html")
    tiles = re.findall(r"</svg>([^<]+)</dt><dd>(\d+)</dd>", page)
    assert tiles[:4] == [("Off target", "3"), ("At risk", "0"), ("On target", "1"), ("No target", "1")]
    misses = text[text.index("What misses its target") : text.index("Grouped by")]
    absence = (
        "Off target: Absence rate 10.2 % Jan 2026 6.2 pp above the target of 4.0 %. Since Apr 2024 it has changed by"
    )
    assert f"{absence} +6.3 pp. Off target:" in misses  # what each member adds isn't told
    turnover = "Off target: Turnover 15.4 % 2025 3.4 pp above the target of 12.0 % a year."
    assert misses.index(absence) < misses.index(turnover)
    assert "In all," not in misses  # no other misses its target
    assert "Dec 2025: 2.1 %" in misses[misses.index(turnover) :]


def test_a_yearly_target_does_not_hide_the_newest_month_and_a_years_change_is_said_once(pages: Path) -> None:
    text = text_of(pages / "kpi-turnover.html")
    assert "Newer periods Period Value vs period before vs year ago Dec 2025 2.1 %" in text
    lead = text[: text.index("Newer periods")]
    assert "Change on a year ago" in lead and "Change on the period before" not in lead
    assert "Newer periods" not in text_of(pages / "kpi-revenue.html")  # its newest value is a month's


def test_the_main_chart_shades_where_a_usual_change_would_lead_and_says_so(pages: Path) -> None:
    assert 'class="usual" d="M' in (pages / "kpi-absence.html").read_text()
    assert "usual range: where a value lies that follows the one before" in text_of(pages / "kpi-absence.html")
    assert 'class="usual"' not in (pages / "kpi-turnover.html").read_text()  # too few months to know


def test_the_newest_closed_month_has_a_report_that_the_scorecard_links_to(pages: Path) -> None:
    assert '<a href="report-2026-01.html">Report of January 2026</a>' in (pages / "index.html").read_text()
    text = text_of(pages / "report-2026-01.html")
    assert "Targets of periods that ended with January 2026: 1 reached, 0 at risk, 2 off target." in text
    assert "Absence rate misses its target: 10.2 % in January 2026, 6.2 pp above the target of 4.0 %." in text
    assert '<a href="kpi-absence.html#2026-01">Absence rate</a>' in (pages / "report-2026-01.html").read_text()


def test_suppressed_cells_are_marked_and_their_values_stand_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    counts = {"SE": 4321.0, "NO": 8123.0, "DK": 9456.0}
    rows: list[dict[str, Any]] = cells(sum(counts.values()))
    rows[0] |= {"n_persons_numerator": 43}
    persons = {"SE": 3, "NO": 10, "DK": 30}
    rows += [
        {
            "segment": "country",
            "member": member,
            "obs_value": value,
            "n_obs": 50,
            "n_persons_numerator": persons[member],
        }
        for member, value in counts.items()
    ]
    staff = kpi("staff", name="Sick days", protected=True, unit="count", kind="stock", domain="people")
    warehouse.add(staff, {"2026-01": rows})
    warehouse.judge("2026-01-01", "2026-01-31")
    warehouse.publish("2026-01-01", "2026-01-31")
    folder = deployment.site_path().parent
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    assert "SE suppressed" in text_of(folder / "kpi-staff.html")
    assert "9,456" in texts["kpi-staff.html"] or "8,123" in texts["kpi-staff.html"]
    for name, text in texts.items():
        for shown in ("4,321", "4321"):
            assert shown not in text, name


class Structure(HTMLParser):
    """Collects what a page loads and links to, its ids, and the elements and attributes that data could have added."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.elements: set[str] = set()
        self.handlers: list[str] = []
        self.images_without_name = 0
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        value_of = dict(attributes)
        self.elements.add(tag)
        self.targets += [value_of[name] or "" for name in ("href", "src") if name in value_of]
        self.handlers += [name for name in value_of if name.startswith("on")]
        if tag == "svg" and not value_of.get("aria-label") and value_of.get("aria-hidden") != "true":
            self.images_without_name += 1


def test_every_link_works_from_disk_and_nothing_is_loaded_from_elsewhere(pages: Path) -> None:
    for page in sorted(pages.glob("*.html")):
        structure = Structure(page)
        for target in structure.targets:
            file, _, anchor = target.partition("#")
            assert not file or target.startswith("data:,") or (pages / file).is_file(), (page.name, target)
            assert not file or not anchor or f'id="{anchor}"' in (pages / file).read_text(), (page.name, target)
        assert structure.images_without_name == 0, page.name


def test_hostile_texts_are_texts(pages: Path) -> None:
    for page in sorted(pages.glob("*.html")):
        structure = Structure(page)
        assert structure.handlers == []
        assert not structure.elements & {"img", "b", "iframe", "form"}, page.name
    for place, text in enumerate(HOSTILE.values()):
        source = (pages / f"kpi-hostile_{place}.html").read_text(encoding="utf-8")
        assert " ".join(visible(text).split()) in text_of(pages / f"kpi-hostile_{place}.html")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e]", source)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in (pages / "kpi-revenue.html").read_text()


def test_the_files_can_be_read_by_all_and_no_draft_is_left(pages: Path) -> None:
    assert stat.S_IMODE(pages.stat().st_mode) == 0o755
    assert {stat.S_IMODE(file.stat().st_mode) for file in pages.iterdir()} == {0o644}
    expected = {"index.html", "domains.html", "objectives.html", "data.html", "report-2026-01.html"}
    expected |= {"style.css", "sort.js"}
    assert {file.name for file in pages.iterdir()} == expected | {site.page_file(kpi.kpi_id) for kpi in catalog().kpis}


def test_pages_that_stay_the_same_are_not_written_and_those_of_former_kpis_go(
    pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in pages.iterdir()}
    (pages / "kpi-former.html").write_text("x")
    (pages / "data.html").write_text("damaged")
    assert CliRunner().invoke(app, ["ledger", "rebuild"], catch_exceptions=False).exit_code == 0
    after = {file.name: file.stat().st_mtime_ns for file in pages.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"data.html"} and set(before) == set(after)


def test_an_interrupted_site_is_completed_by_the_next_publication(pages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = (pages / "index.html").read_text()
    (pages / "index.html").write_text(index[:1000])

    def interrupt(file: Path, text: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(site, "_put", interrupt)
        publishing.publish()
    assert (pages / "index.html").read_text() != index
    publishing.publish()
    assert (pages / "index.html").read_text() == index


def test_the_duckdb_file_comes_first_and_without_it_the_site_stays(
    pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = (pages / "index.html").read_text()
    (pages / "index.html").write_text("older")
    deployment.published_path().rename(deployment.published_path().with_suffix(".away"))

    def fail(ledger: Ledger, path: Path) -> None:
        raise NyckeltalError("the published file can't be written")

    with monkeypatch.context() as patch, pytest.raises(NyckeltalError, match=r"^the published file can't be written$"):
        patch.setattr(duckdb_file, "build", fail)
        publishing.publish()
    assert (pages / "index.html").read_text() == "older"
    publishing.publish()
    assert (pages / "index.html").read_text() == index


def test_the_language_is_kept_by_later_releases(pages: Path) -> None:
    result = CliRunner().invoke(app, ["site", "--lang", "sv"], catch_exceptions=False)
    assert result.exit_code == 0 and "site/index.html" in result.stdout
    (pages / "kpi-revenue.html").unlink()
    site.rebuild()
    text = text_of(pages / "kpi-revenue.html")
    assert "På målet. 65,0 % över målet 20,0 mn SEK per månad." in text and "jan 2026" in text
    assert "Nettoomsättning" in text and "Periodens försäljning." in text and "Sverige" in text
    assert '<html lang="sv"' in (pages / "index.html").read_text()
    site.rebuild("en")
    with pytest.raises(NyckeltalError, match="nothing is written in that language; found 'de'; expected en or sv"):
        site.rebuild("de")


def test_an_incidents_title_is_in_the_language_of_the_page() -> None:
    swedish, names = language("sv"), {"Net revenue: total": "Nettoomsättning"}
    for title, written in (
        ("Feed orders: rows are missing", "Dataflöde orders: rader saknas"),
        ("Net revenue: total: a value is missing", "Nettoomsättning: ett värde saknas"),
        ("Unknown: a value is missing", "Unknown: ett värde saknas"),
        ("Net revenue: total: the check new fails", "Net revenue: total: the check new fails"),
        ("", ""),
    ):
        assert swedish.incident(title, names) == written
        assert language("en").incident(title, names) == title


def test_every_check_has_swedish_words() -> None:
    for name, failing in incidents.FAILINGS.items():
        assert failing in SWEDISH and ": " not in failing, name  # a title ends with it
    for name, sentence in ({check.name: check.sentence for check in CHECKS_OF_THE_GATE} | RELEASE_CHECKS).items():
        assert sentence in SWEDISH, name


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (
            "feed orders: 3.1 % of the rows equal another row, in 2026-10; feed a-b: 1.0 % of the rows could not be"
            " read",
            "dataflöde orders: 3,1 % av raderna är lika en annan rad, i 2026-10; dataflöde a-b: 1,0 % av raderna kunde"
            " inte läsas",
        ),
        (
            "its numerator: 1,204 to 1,310 was expected; it is +3.1 % on the period before and -2.0 % on a year ago",
            "dess täljare: 1 204 till 1 310 väntades; det är +3,1 % mot perioden före och −2,0 % mot för ett år sedan",
        ),
        (
            "figures of a protected KPI stay in the warehouse",
            "siffror för ett skyddat nyckeltal stannar i datalagret",
        ),
        ("country {x} has 12.3% where 0.0% is usual", "land {x} har 12,3 % där 0,0 % är vanligt"),
        ("definition version 1 became 2, same value", "definitionens version 1 blev 2, samma värde"),
        ("the total has no value; a sentence of a later version", None),
    ],
)
def test_what_checks_found_is_told_in_swedish(stored: str, told: str | None) -> None:
    written = language("sv").finding(stored)
    assert written is None if told is None else written is not None and written.replace("\xa0", " ") == told
    assert language("en").finding(stored) == stored


def test_the_swedish_findings_are_of_sentences_that_the_gate_and_releases_write() -> None:
    folders = (PROJECT / "data_quality", PROJECT / "orchestration" / "dbt")
    code = "".join(file.read_text() for folder in folders for file in folder.rglob("*.py"))
    written = set(re.findall(r"[a-z]+", code))
    for english, swedish in FINDINGS.items():
        assert set(re.findall(r"[a-z]+", re.sub(r"\{\w+\}", "", english))) <= written, english
        assert set(re.findall(r"\{\w+\}", swedish)) == set(re.findall(r"\{\w+\}", english)), english


def test_every_standard_kpi_has_swedish_words() -> None:
    words = set(SWEDISH)
    for kpi_id, (definition, file) in standard_definitions().items():
        assert "sv" in definition.labels, kpi_id
        named = {file.parent.name, *(segment.replace("_", " ") for segment in definition.segments)}
        assert named | {definition.unit} <= words | {"currency", "fraction", "ratio", "count", "persons", "MWh"}, kpi_id


def test_every_word_of_the_site_has_a_swedish_one(pages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing: set[str] = set()

    class Recorder(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            if key not in SWEDISH:
                missing.add(key)
            return SWEDISH.get(key, default)

    monkeypatch.setitem(LANGUAGES, "sv", language("sv").__class__(**{**vars(language("sv")), "words": Recorder()}))
    dict(site.render(catalog(), deployment.published_path(), "sv"))
    assert missing <= set(HOSTILE.values())  # the units of some KPIs
    files = [file for folder in (PUBLISHING, REPORTS) for file in folder.rglob("*") if file.suffix in (".py", ".j2")]
    sources = "".join(file.read_text() for file in files)
    written = set(re.findall(r'\b(?:t|title)\(\s*"([^"]+)"', sources))
    assert written - set(SWEDISH) == set()
    analysis = (f"analysis/{name}.py" for name in ("leads", "relevance", "suggested_target"))
    for module in ("answers/reasons.py", "site/month_report.py", *analysis):  # a sentence is chosen, then translated
        tree = ast.parse((PUBLISHING / module).read_text())
        parts = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in parts}
        assert {text for text in texts if isinstance(text, str) and re.search(r"\{\w+\}", text)} <= set(SWEDISH)
    places = {english: set(re.findall(r"\{\w+\}", english)) for english in SWEDISH}
    assert {
        english for english, swedish in SWEDISH.items() if set(re.findall(r"\{\w+\}", swedish)) != places[english]
    } == set()


@pytest.mark.parametrize(
    ("code", "unit", "value", "text"),
    [
        ("en", "currency", 21_458_230.0, "21.5 M SEK"), ("sv", "currency", 21_458_230.0, "21,5 mn SEK"),
        ("en", "currency", 3881.2, "3,881 SEK"), ("sv", "currency", -3881.2, "−3 881 SEK"),
        ("en", "fraction", 0.0421, "4.2 %"), ("sv", "fraction", 0.0421, "4,2 %"), ("en", "hours", 6.05, "6.05 hours"),
        ("sv", "hours", 6.05, "6,05 timmar"), ("en", "count", 12.0, "12"), ("en", "count", None, "–"),
        ("en", "fraction", 0.00001, "0.001 %"), ("en", "currency", 999_999.7, "1.0 M SEK"),
        ("en", "ratio", 4.2, "4.20"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_the_language_does(code: str, unit: str, value: float | None, text: str) -> None:
    assert language(code).value(value, unit, "SEK").replace("\N{NO-BREAK SPACE}", " ") == text


def test_a_change_that_is_shown_as_nothing_goes_neither_up_nor_down() -> None:
    def written(code: str, *change: Any) -> str:
        return language(code).change(*change, "SEK").replace("\N{NO-BREAK SPACE}", " ")

    assert written("en", 0.0004, "difference", "fraction") == "0.0 pp"
    assert written("sv", -0.1234, "relative", "count") == "−12,3 %"
    assert written("en", 1.62, "difference", "points") == "+1.6 points"
    assert written("en", 0.04, "difference", "MWh per million currency") == "0.0 MWh per million SEK"


def test_the_labels_of_an_axis_have_as_many_decimals_as_they_need() -> None:
    english = language("en")
    assert english.axis([15e6, 17.5e6, 20e6], "currency") == [
        "15.0\N{NO-BREAK SPACE}M",
        "17.5\N{NO-BREAK SPACE}M",
        "20.0\N{NO-BREAK SPACE}M",
    ]
    assert english.axis([0.02, 0.03], "fraction") == ["2\N{NO-BREAK SPACE}%", "3\N{NO-BREAK SPACE}%"]
    assert english.axis([0, 500], "count") == ["0", "500"]


def test_a_series_that_hardly_changes_looks_so_and_no_line_runs_through_the_targets_word() -> None:
    """A change of one per cent takes a third of the height, one of ten per cent nearly all of it."""

    def heights(low: float, high: float) -> float:
        months = periods_between("M", date(2025, 1, 1), date(2025, 12, 31))
        points = [
            charts.Point(month, (low, high)[place % 2], "x", targets=(low,)) for place, month in enumerate(months)
        ]
        chart = charts.line_chart(points, "x", lambda ticks: [str(tick) for tick in ticks], width=400, height=200)
        assert chart.rindex('class="line"') < chart.index('class="target-word"')
        (line,) = re.findall(r'class="line" d="M([^"]*)"', chart)
        pixels = [float(point.split()[1]) for point in line.split("L")]
        return max(pixels) - min(pixels)

    assert heights(100, 101) < 0.5 * heights(100, 110)
    assert heights(100, 110) > 0.75 * (200 - 24 - 16)


def test_a_line_is_interrupted_where_a_period_is_missing_or_suppressed() -> None:
    def point(code: str, value: float | None, **facts: Any) -> charts.Point:
        return charts.Point(parse(code), value, code, **facts)

    points = charts.with_gaps(
        [
            point("2026-01", 1.0, targets=(2.0,)),
            point("2026-03", 2.0, targets=(2.5,)),
            point("2026-04", None, state="suppressed", targets=(2.5,)),
            point("2026-05", 3.0, targets=(2.5,)),
        ]
    )
    assert [entry.period.code for entry in points] == ["2026-01", "2026-02", "2026-03", "2026-04", "2026-05"]
    chart = charts.line_chart(
        points,
        "x",
        lambda ticks: [str(tick) for tick in ticks],
        width=300,
        height=200,
        target_word=lambda ends: f"target {ends[0]}",
    )
    (line,) = re.findall(r'class="line" d="([^"]*)"', chart)
    assert line.count("M") == 3 and "L" not in line
    assert chart.count('class="cross"') == 0 and chart.count("<circle") == 3
    (mark,) = re.findall(r'class="suppressed" x="[^"]*" y="([^"]*)"', chart)
    (axis,) = re.findall(r'class="base" d="M[\d.]+ ([\d.]+)H', chart)
    assert float(mark) > float(axis)  # below the line at which values end, so that it isn't read as one
    (targets,) = re.findall(r'class="target" d="([^"]*)"', chart)
    assert targets.count("M") == 2 and targets.endswith("H300")
    assert re.search(r'text-anchor="end" y="[^"]*">target 2.5<', chart)
    assert charts.line_chart([], "x", lambda ticks: [], width=300, height=200) == ""
    constant = [point("2026-01", 0.0), point("2026-02", 0.0)]
    assert "nan" not in charts.sparkline(constant, "x", off_target=False)


def test_open_says_when_there_is_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    with pytest.raises(NyckeltalError, match="isn't written yet; `kpi site` writes it"):
        CliRunner().invoke(app, ["open"], catch_exceptions=False)


def test_open_without_a_browser_says_which_file_to_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    site_path().parent.mkdir(parents=True, exist_ok=True)
    site_path().touch()
    said = CliRunner().invoke(app, ["open"], catch_exceptions=False).output
    assert said.splitlines() == [short_path(site_path()), "No browser was found here: open this file in one."]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running(tmp_path_factory.mktemp("profile")) as started:
        yield started


# What reaches out of the window, apart from what scrolls in a region of its own or is for screen readers alone.
OVERFLOW = """
[...document.querySelectorAll('body, body *')].filter(element => {
    const box = element.getBoundingClientRect();
    const reachesOut = box.width && (box.right > innerWidth + 1 || box.left < -1);
    return reachesOut && !element.closest('.scroll, .hidden, .skip, .symbols, thead');
}).map(element => element.outerHTML.slice(0, 120)).slice(0, 3).concat(
    document.documentElement.scrollWidth > innerWidth ? ['the page scrolls sideways'] : [])
"""
# Texts whose contrast with the page is below 4.5 to 1 (WCAG 2.1 AA), with the ratio.
CONTRAST = """
(() => {
    const luminance = colour => {
        const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(part => {
            const share = part / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const page = luminance(getComputedStyle(document.body).backgroundColor);
    return [...document.querySelectorAll('body *')].filter(element =>
        [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())
        && element.tagName.toLowerCase() !== 'title' && !element.closest('.skip')
    ).map(element => {
        const style = getComputedStyle(element);
        const text = luminance(element instanceof SVGElement ? style.fill : style.color);
        const ratio = (Math.max(page, text) + 0.05) / (Math.min(page, text) + 0.05);
        return ratio < 4.5 ? element.outerHTML.slice(0, 100) + ' ' + ratio.toFixed(2) : '';
    }).filter(Boolean).slice(0, 3);
})()
"""


@needs_browser
@pytest.mark.parametrize("code", ["en", "sv"])
def test_pages_fit_into_windows_of_any_width_and_run_nothing(pages: Path, browser: Browser, code: str) -> None:
    site.rebuild(code)
    for width in (360, 768, 1440):
        for page in sorted(pages.glob("*.html")):
            browser.open(page, width)
            assert browser.evaluate(OVERFLOW) == [], (page.name, width)
    assert browser.faults == []
    site.rebuild("en")


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
def test_texts_can_be_read_in_light_and_dark(pages: Path, browser: Browser, dark: bool) -> None:
    for name in ("index.html", "kpi-revenue.html", "kpi-absence.html", "data.html"):
        browser.open(pages / name, 1440, dark=dark)
        assert browser.evaluate(CONTRAST) == [], name


@needs_browser
def test_a_heading_sorts_the_rows_of_each_group_by_keyboard(pages: Path, browser: Browser) -> None:
    browser.open(pages / "index.html", 1440)
    values = (
        "[...document.querySelectorAll('tbody:first-of-type .previous')].map(cell => Number(cell.dataset.sort || -1e9))"
    )
    browser.evaluate("document.querySelectorAll('.scorecard thead [role=button]')[2].focus()")
    for state, ordered in (("ascending", sorted), ("descending", lambda numbers: sorted(numbers, reverse=True))):
        for kind in ("keyDown", "keyUp"):
            browser.send(
                "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
            )
        assert browser.evaluate("document.querySelectorAll('.scorecard thead th')[4].ariaSort") == state
        shown = browser.evaluate(values)
        assert len(set(shown)) > 1 and shown == ordered(shown)
    assert browser.evaluate("document.querySelector('tbody tr').className") == "group"
    assert browser.faults == []
