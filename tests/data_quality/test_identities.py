"""Identities between KPIs: how their file is read, and which KPIs the gate holds where one is broken."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_quality.gate.verdict import Verdict
from metrics import company_plan
from metrics.core.deployment import PROJECT
from metrics.core.errors import Problems
from metrics.definitions import identities
from metrics.definitions.company import Company
from metrics.definitions.identities import Identity
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, cells, failing, kpi, months

ADOPTED = ("web_sessions", "conversion_rate", "net_revenue")
FEBRUARY = ("2026-02-28", "2026-02-28")


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.make(tmp_path, monkeypatch)


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """The sample company without its adoptions."""
    shutil.copytree(PROJECT / "sample_company", tmp_path / "company", ignore=shutil.ignore_patterns("kpis", "compiled"))
    (tmp_path / "company" / "kpis").mkdir()
    return replace(Company.load(PROJECT / "sample_company"), path=tmp_path / "company")


def stated(company: Company, holds: str) -> tuple[Identity, ...]:
    """All identities that apply to the company, with one of its own that is named "own"."""
    text = f"identities:\n  own:\n    why: It is stated here.\n    holds: {holds}\n"
    (company.path / "kpis" / "identities.yml").write_text(text)
    return identities.identities(company, ADOPTED)


def judged(warehouse: Warehouse, company: Company, holds: str, monkeypatch: Any) -> dict[str, Verdict]:
    (own,) = (identity for identity in stated(company, holds) if identity.name == "own")
    catalog = warehouse.catalog.model_copy(update={"identities": (own,)})
    monkeypatch.setattr(Warehouse, "catalog", catalog)
    return {kpi_id: verdict for (kpi_id, _), verdict in warehouse.judge(*FEBRUARY).items()}


def test_the_projects_identities_hold_where_their_kpis_are_adopted(company: Company) -> None:
    assert [identity.name for identity in identities.identities(company, ADOPTED)] == ["sessions"]
    own = stated(company, "net_revenue - web_sessions + conversion_rate.n_obs <= conversion_rate.numerator")[-1]
    assert [(term.kpi_id, term.number, term.sign) for term in own.left] == [
        ("net_revenue", "obs_value", 1),
        ("web_sessions", "obs_value", -1),
        ("conversion_rate", "n_obs", 1),
    ]
    assert (own.relation, own.kpis) == ("<=", ("net_revenue", "web_sessions", "conversion_rate"))


@pytest.mark.parametrize(
    ("holds", "message"),
    [
        ("web_session = net_revenue", "there is no KPI 'web_session' (did you mean 'web_sessions'?)"),
        ("headcount = net_revenue", "there is no KPI 'headcount'"),
        ("net_revenue.numerators = web_sessions", "a KPI has no 'numerators' (did you mean 'numerator'?)"),
        ("net_revenue < web_sessions", "doesn't compare two sides"),
        ("net_revenue = web_sessions = net_revenue", "doesn't compare two sides"),
        ("net_revenue web_sessions = net_revenue", "is not a sum of KPIs"),
        ("net_revenue =", "is not a sum of KPIs"),
        ("2 * net_revenue = web_sessions", "is not a sum of KPIs"),
    ],
)
def test_an_identity_that_cannot_be_read_is_reported_with_its_line(company: Company, holds: str, message: str) -> None:
    with pytest.raises(Problems) as caught:
        stated(company, holds)
    assert f"identities.yml:4: identities.own.holds: {message}" in str(caught.value)


def test_all_kpis_of_a_broken_identity_are_held(
    warehouse: Warehouse, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = kpi("conversion_rate", unit="fraction", additive_segments=False, segments=())
    warehouse.add(kpi("web_sessions"), {"2026-02": cells(1000, SE=1000)})
    warehouse.add(rate, {"2026-02": [{**cells(0.1)[0], "numerator": 90.0, "denominator": 900.0}]})
    warehouse.add(kpi("net_revenue"), {"2026-02": cells(5, SE=5)})
    verdicts = judged(warehouse, company, "conversion_rate.denominator = web_sessions", monkeypatch)
    assert {kpi_id: failing(verdict) for kpi_id, verdict in verdicts.items()} == {
        "web_sessions": {"kpis_agree"},
        "conversion_rate": {"kpis_agree"},
        "net_revenue": set(),
    }
    detail = "doesn't hold: conversion_rate.denominator = web_sessions (900 and 1000)"
    assert verdicts["web_sessions"].failing[0].detail == detail


@pytest.mark.parametrize(("revenue", "held"), [(1000.0, False), (999.9999, False), (990.0, True)])
def test_a_part_may_be_as_large_as_its_whole(
    warehouse: Warehouse, company: Company, monkeypatch: pytest.MonkeyPatch, revenue: float, held: bool
) -> None:
    warehouse.add(kpi("web_sessions"), {"2026-02": cells(1000, SE=1000)})
    warehouse.add(kpi("net_revenue"), {"2026-02": cells(revenue, SE=revenue)})
    verdicts = judged(warehouse, company, "web_sessions <= net_revenue", monkeypatch)
    assert failing(verdicts["web_sessions"]) == ({"kpis_agree"} if held else set())


def test_a_kpi_that_is_held_anyhow_holds_no_other(
    warehouse: Warehouse, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a KPI with a fault of its own, nor one with incomplete data."""
    warehouse.feed("late", watermark=date(2026, 2, 9))
    warehouse.add(kpi("web_sessions"), {"2026-02": cells(1000, SE=1000)})
    for kpi_fields in ({"feeds": ("late",)}, {"upper_bound": 10.0}):
        warehouse.add(kpi("net_revenue", **kpi_fields), {"2026-02": cells(400, SE=400)})
        verdicts = judged(warehouse, company, "web_sessions = net_revenue", monkeypatch)
        assert verdicts["net_revenue"].verdict == "hold"
        assert verdicts["web_sessions"].verdict == "publish"


def test_months_that_do_not_make_their_quarter_hold_it(warehouse: Warehouse) -> None:
    rows = months("2025-10", "2025-12", lambda _: 100.0)
    for name, quarter, kind in (("right", 300, "flow"), ("wrong", 301, "flow"), ("stock", 100, "stock")):
        values = {**rows, "2025-Q4": cells(quarter, SE=quarter * 0.75, NO=quarter * 0.25)}
        warehouse.add(kpi(name, freqs=("M", "Q"), kind=kind), values)
    verdicts = warehouse.judge("2025-12-31", "2025-12-31")
    assert {key: failing(verdict) for key, verdict in verdicts.items() if verdict.verdict == "hold"} == {
        ("wrong", "2025-Q4"): {"parts_add_up"}
    }
    assert verdicts["wrong", "2025-Q4"].failing[0].detail == "is 301, its months make 300"


def test_protected_kpis_are_tied_to_no_others(company: Company) -> None:
    """A failure of such an identity would reveal something about persons where the other figures are shown."""
    identities_read = stated(company, "web_sessions <= net_revenue")
    (own,) = (identity for identity in identities_read if identity.name == "own")

    def defined(kpi_id: str, protected: bool) -> Any:
        plan = SimpleNamespace(kpi=SimpleNamespace(id=kpi_id))
        return SimpleNamespace(plan=plan, upstream=SimpleNamespace(protected=protected))

    for both in (True, False):
        company_plan._require_unmixed([own], [defined("web_sessions", both), defined("net_revenue", both)])
    with pytest.raises(Problems, match="the identity 'own' ties KPIs that read personnel data to others"):
        company_plan._require_unmixed([own], [defined("web_sessions", True), defined("net_revenue", False)])
