"""Reviews, opinions and retired KPIs as people read them, and the rules on what was published."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import publishing
from data_quality.release import opinions
from metrics.core.errors import NyckeltalError
from metrics.definitions.kpis.adoption import Retired
from metrics.lint.rule import apply
from publishing import lint, mcp_server
from publishing.answers import reviews, values
from publishing.lint.record import Record
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, cells, kpi

MONTHS = [f"2025-{month:02}" for month in range(1, 13)]
DAY = date(2026, 7, 1)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The year 2025, published on 5 March 2026: revenue met its target of 100 half of the time, visits always.

    Clicks were retired at the end of November, and visits replace them. Revenue was reviewed on 10 March.
    """
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("reviews"), patch)
        warehouse.add(
            kpi(), {code: cells(95 + 10 * (place % 2), SE=95 + 10 * (place % 2)) for place, code in enumerate(MONTHS)}
        )
        visits = kpi("visits", unit="count", review="monthly", target_by_period={"2025-12": 110})
        warehouse.add(visits, {code: cells(120, SE=120) for code in MONTHS})
        retired = Retired(on=date(2025, 11, 30), reason="visits say more", replaced_by="visits")
        clicks = kpi("clicks", unit="count", retired=retired, observable_to=retired.on)
        warehouse.add(clicks, {code: cells(130, SE=130) for code in MONTHS})
        warehouse.judge("2025-01-01", "2025-12-31")
        warehouse.release("2025-01-01", "2025-12-31")
        warehouse.now("2026-03-10T06:00:00")
        warehouse.feed("orders", newest_delivery="2026-03-10T05:00:00+00:00")
        warehouse.decide("review", "revenue", outcome="change", reason="the target is old", by="cfo@example.com")
        warehouse.render()
        yield warehouse


def test_what_a_review_looks_at(published: Warehouse) -> None:
    facts = reviews.review("revenue", DAY)
    assert [(row["time_period"], row["obs_value"]) for row in facts["values"][-2:]] == [
        ("2025-11", 95),
        ("2025-12", 105),
    ]
    # Of the year before July 2026: July to December 2025.
    assert facts["attainment"] == {"compared": 12, "met": 6, "compared_in_year": 6, "met_in_year": 3}
    assert facts["revisions"] == {"revised": 0, "after_closing": 0}
    review = {name: facts["review"][name] for name in ("reviewed_on", "outcome", "reviewed_by", "due_on", "days_since")}
    assert review == {
        "reviewed_on": date(2026, 3, 10),
        "outcome": "change",
        "reviewed_by": "cfo@example.com",
        "due_on": date(2026, 6, 10),
        "days_since": 113,
    }
    assert facts["decisions"][0]["reason"] == "the target is old"
    with pytest.raises(NyckeltalError, match="orders is in no release yet"):
        reviews.review("orders", DAY)


def test_the_target_shown_is_that_of_the_newest_period(published: Warehouse) -> None:
    shown = {"target": 110.0, "target_period": "2025-12", "target_varies": True}
    for facts in (reviews.review("visits", DAY), values.definition("visits")):
        assert {name: facts[name] for name in shown} == shown
    assert values.definition("revenue")["target_varies"] is False


def test_what_speaks_against_a_kpi(published: Warehouse) -> None:
    assert lint.of_review("visits", DAY)["relevance"] == [
        "its target was met in all of the past 12 months",
        "its value was the same in all of the past 12 months",
    ]
    overdue = {(one.rule, one.subject): one.problem for one in lint.published_findings(DAY)}
    assert overdue["review_overdue", "visits"] == "its review was due on 2026-04-05"
    assert overdue["review_overdue", "revenue"] == "its review was due on 2026-06-10"
    assert not any(subject == "clicks" for _, subject in overdue)  # nobody reviews what is retired
    assert not [one for one in lint.published_findings(date(2026, 4, 5)) if one.rule == "review_overdue"]


@pytest.mark.parametrize(
    ("rule", "facts", "problem"),
    [
        ("target_never_met", {"attained": (False,) * 12}, "its target was met in none of the past 12 months"),
        ("target_never_met", {"attained": (False,) * 11 + (True,)}, None),
        ("target_never_met", {}, None),
        ("target_always_met", {"attained": (True,) * 11 + (False,)}, None),
        ("target_always_met", {}, None),
        ("value_never_moves", {"values": (1.0,) * 11 + (1.5,)}, None),
        ("value_never_moves", {}, None),
        ("review_overdue", {"due_on": None}, None),
        ("leads_nothing", {"leads_to": {"verdict": "leads nothing", "text": "In vain."}}, "in vain."),
        ("leads_nothing", {"leads_to": {"verdict": "too short", "text": "Too short."}}, None),
        ("leads_nothing", {}, None),
    ],
)
def test_rules_on_the_record(rule: str, facts: dict[str, Any], problem: str | None) -> None:
    record = Record(**{"kpi_id": "k", "values": (), "attained": (), "periods": "12 months", "due_on": DAY, **facts})
    findings = list(apply({rule: lint.RULES[rule]}, record=record, day=DAY))
    assert findings == ([(rule, ("k", problem))] if problem else [])


def test_the_reviews_that_are_due_soonest_first(published: Warehouse) -> None:
    rows = reviews.due(date(2026, 4, 10))
    assert [(row["kpi_id"], row["days_overdue"], row["outcome"]) for row in rows] == [
        ("visits", 5, None),
        ("revenue", -61, "change"),
    ]


def test_a_retired_kpi_keeps_its_history_and_gets_no_later_period(published: Warehouse) -> None:
    rows = published.published("select max(time_period) from kpi.observations where kpi_id = 'clicks'")
    assert rows == [("2025-11",)]
    statuses = dict(published.published("select kpi_id, status from kpi.scorecard"))
    assert statuses == {"clicks": "retired", "revenue": "on target", "visits": "on target"}
    assert reviews.review("visits", DAY)["replaces"][0]["kpi_id"] == "clicks"
    told = values.definition("clicks")
    assert (told["retired_on"], told["retired_reason"], told["replaced_by"]) == (
        "2025-11-30", "visits say more", "visits",
    )  # fmt: skip
    pages = published.path.parent / "published" / "site"
    page = (pages / "kpi-clicks.html").read_text(encoding="utf-8")
    assert "Retired on 30 Nov 2025" in page and 'Replaced by <a href="kpi-visits.html">Visits</a>' in page
    successor = (pages / "kpi-visits.html").read_text(encoding="utf-8")
    assert 'It replaces <a href="kpi-clicks.html">Clicks</a>' in successor and "never reviewed" in successor
    first = (pages / "index.html").read_text(encoding="utf-8")
    assert (
        first.index('<span class="name">Growth') < first.index("kpi-visits.html") < first.index('class="name">Retired')
    )
    assert first.index('class="name">Retired') < first.index('href="kpi-clicks.html"')


def test_assistants_get_the_same(published: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_NOW", "2026-06-30T22:30:00+00:00")  # July 1 where the company is
    told = mcp_server.review("Revenue")
    assert told["review"]["due_on"] == "2026-06-10" and told["attainment"]["met_in_year"] == 3
    (first, second) = mcp_server.reviews_due()["reviews"]
    assert (first["kpi_id"], first["due_on"], second["days_overdue"]) == ("visits", "2026-04-05", 21)


def test_the_newest_opinion_of_a_person_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = warehouse_factory.make(tmp_path, monkeypatch)
    warehouse.add(kpi(), {"2025-12": cells(100, SE=100)})
    protected = kpi("heads", domain="people", protected=True)
    warehouse.add(protected, {})
    warehouse.judge("2025-12-01", "2025-12-31")
    warehouse.release("2025-12-01", "2025-12-31")

    def state(
        kind: Any, kpi_id: str, proposal: Any, by: str, *, in_favour: bool = True, reason: str = "useful"
    ) -> None:
        with publishing.published_around("the opinion is released"):
            opinions.state(
                warehouse.company, warehouse.catalog, kind, kpi_id, proposal, in_favour=in_favour, reason=reason, by=by
            )

    def refused(message: str, kpi_id: str, proposal: str, by: str = "bo", **facts: Any) -> None:
        with pytest.raises(NyckeltalError, match=message):
            state("vote", kpi_id, proposal, by, **facts)

    warehouse.unrendered = True
    for name in ("\N{LATIN CAPITAL LETTER A WITH RING ABOVE}sa Strauß", "A\N{COMBINING RING ABOVE}SA  STRAUSS"):
        opinions.state(
            warehouse.company, warehouse.catalog, "vote", "ctr", "adopt", in_favour=True, reason="r", by=name
        )
    assert warehouse.published("select counts from kpi.opinions") == [(False,), (True,)]
    state("propose", "nps", "adopt", "Anna", reason="customers\n tell us")
    state("vote", "nps", "adopt", "bo", in_favour=False)
    state("vote", "nps", "adopt", "ANNA", in_favour=False, reason="changed my mind")
    state("vote", "revenue", "retire", "bo")
    columns = "kpi_id, proposal, in_favour, proposes, counts, reason, stated_by"
    query = f"select {columns} from kpi.opinions where kpi_id <> 'ctr'"
    assert warehouse.published(query) == [
        ("nps", "adopt", True, True, False, "customers tell us", "Anna"),
        ("nps", "adopt", False, False, True, "useful", "bo"),
        ("nps", "adopt", False, False, True, "changed my mind", "ANNA"),
        ("revenue", "retire", True, False, True, "useful", "bo"),
    ]
    assert not warehouse.published("from kpi.decisions")  # opinions decide nothing
    assert [row["stated_by"] for row in reviews.opinions("adopt")["nps"]] == ["bo", "ANNA"]
    assert [row["stated_by"] for row in reviews.review("revenue", DAY)["opinions_on_retiring"]] == ["bo"]
    refused(r"no standard definition 'npss' \(did you mean 'nps'\?\)", "npss", "adopt")
    refused("'revenue' is adopted already; with --retire", "revenue", "adopt")
    refused(r"no KPI 'nps' is in use", "nps", "retire")
    refused("needs a reason", "nps", "adopt", reason=" ")
    refused("heads reads personnel data: .* must not contain figures", "heads", "retire", reason="only 3 persons")
    refused("heads reads personnel data: the reason", "heads", "retire", reason="half of us, or \N{ROMAN NUMERAL FOUR}")
    refused("heads reads personnel data: the name", "heads", "retire", by="Bo 4711")
    refused("needs a name", "nps", "adopt", by=" ")
    refused("--by: has a character that can't be seen", "nps", "adopt", by="an\u200bna")
    refused("--by: the name is too long", "nps", "adopt", by="a" * 101)
    refused("needs a reason", "nps", "adopt", reason="\u200b")
    refused("enps reads personnel data", "enps", "adopt", reason="12 of us want it")
