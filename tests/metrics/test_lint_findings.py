"""The rules on how a company manages its KPIs, each on a small catalogue; and the exceptions from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from metrics.core import yaml_file
from metrics.core.errors import Problems
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company, Objective
from metrics.definitions.kpis.adoption import Adoption, Retired
from metrics.definitions.kpis.kpi import Kpi, standard_definitions
from metrics.definitions.roles import Roles
from metrics.lint import exceptions, finding
from metrics.lint.finding import Finding
from metrics.lint.rule import apply
from metrics.lint.rules import retirement_holds
from tests.warehouse_factory import CALENDAR, ROLES, kpi

RETIRED = Retired(on=date(2026, 1, 31), reason="nobody acts on it")
DAY = date(2026, 3, 5)


def company(path: Path, roles: Roles = ROLES) -> Company:
    return Company(path, "Test", "SEK", CALENDAR, {}, {}, roles)


def found(rule: str, *kpis: Any, roles: Roles = ROLES, **objectives: str) -> list[tuple[str, str]]:
    """The findings of a rule on these KPIs, which serve the objective growth."""
    named = {key: Objective(name=name, perspective="financial") for key, name in objectives.items()}
    catalog = Catalog(company="Test", reporting_currency="SEK", calendar=CALENDAR, objectives=named, kpis=kpis)
    rules = {rule: finding.RULES[rule]}
    return [where_and_what for _, where_and_what in apply(rules, company=company(Path("/"), roles), catalog=catalog)]


def test_an_objective_needs_a_kpi_that_is_in_use() -> None:
    objectives = {"growth": "Growth", "loyalty": "Loyal customers"}
    assert found("objective_without_kpi", kpi(), **objectives) == [("loyalty", "no KPI in use serves it")]
    retired = kpi("orders", objective="loyalty", retired=RETIRED)
    assert [subject for subject, _ in found("objective_without_kpi", kpi(), retired, **objectives)] == ["loyalty"]
    assert not found("objective_without_kpi", kpi(), kpi("orders", objective="loyalty"), **objectives)


def test_the_kpi_of_a_part_serves_the_whole_objective() -> None:
    whole = Objective(name="Growth", perspective="financial")
    objectives = {"growth": whole, "loyalty": whole.model_copy(update={"part_of": "growth"})}
    catalog = Catalog(
        company="Test", reporting_currency="SEK", calendar=CALENDAR, objectives=objectives,
        kpis=(kpi(objective="loyalty"),),
    )  # fmt: skip
    assert not list(finding.RULES["objective_without_kpi"].findings(catalog))


def test_an_objective_has_owner_and_horizon() -> None:
    complete = Objective(name="Growth", perspective="financial", owner="ceo@example.com", horizon=DAY)
    objectives = {
        "growth": complete,
        "loyalty": complete.model_copy(update={"horizon": None}),
        "service": complete.model_copy(update={"horizon": None, "owner": ""}),
    }
    catalog = Catalog(company="Test", reporting_currency="SEK", calendar=CALENDAR, objectives=objectives, kpis=(kpi(),))
    assert list(finding.RULES["incomplete_objective"].findings(catalog)) == [
        ("loyalty", "has no horizon"),
        ("service", "has no owner and no horizon"),
    ]


def test_more_kpis_than_people_steer_by() -> None:
    seven = [kpi(f"k{number}") for number in range(7)]
    assert not found("too_many_kpis", *seven, kpi("k8", retired=RETIRED))
    eighth = kpi("k8", level="supporting")
    assert found("too_many_kpis", *seven, eighth) == [("growth", "8 KPIs serve it; at most 7 are expected")]
    spread = [kpi(f"k{number}", objective=f"o{number}", owner=f"owner{number % 3}") for number in range(30)]
    assert found("too_many_kpis", *spread) == [("company", "30 KPIs are key; at most 25 are expected")]
    owned = [kpi(f"k{number}", objective=f"o{number}") for number in range(11)]
    assert found("too_many_kpis", *owned) == [("cfo@example.com", "owns 11 KPIs; at most 10 are expected")]


def test_an_objective_has_leading_and_lagging_kpis() -> None:
    assert found("one_sided_objective", kpi(), kpi("orders")) == [
        ("growth", "all of its KPIs are lagging; a leading one is missing")
    ]
    assert not found("one_sided_objective", kpi(), kpi("leads", type="leading"))
    retired = kpi("leads", type="leading", retired=RETIRED)
    assert len(found("one_sided_objective", kpi(), retired)) == 1


def test_owners_that_no_role_names() -> None:
    kpis = [kpi(), kpi("orders", owner="cf@example.com"), kpi("leads", owner="CFO@Example.com ")]
    assert found("unknown_owner", *kpis) == [("cf@example.com", "owns 1 KPI, but roles.yml gives this name no role")]
    assert not found("unknown_owner", *kpis, roles=Roles())


def test_targets_that_cannot_be_reached_or_missed() -> None:
    share = {"unit": "fraction", "lower_bound": 0.0, "upper_bound": 1.0}
    assert not found("target_contradicts_definition", kpi(**share, target=0.9))
    assert found("target_contradicts_definition", kpi(**share, target=90.0)) == [
        ("revenue", "its target 90 lies outside its bounds, 0 to 1")
    ]
    assert found("target_contradicts_definition", kpi(direction="band")) == [
        ("revenue", "has one value as its target, but its direction is `band`: state a `band` to stay in")
    ]
    band = {**share, "direction": "band"}
    assert not found("target_contradicts_definition", kpi(**band, target=0.4, target_to=0.6))
    assert found("target_contradicts_definition", kpi(**band, target=0.4, target_to=60.0)) == [
        ("revenue", "its target 0.4 to 60 lies outside its bounds, 0 to 1")
    ]
    assert found("target_contradicts_definition", kpi(**band, target=0.0, target_to=1.0)) == [
        ("revenue", "its band is the whole of its bounds, 0 to 1: no value can miss it")
    ]
    assert not found("target_contradicts_definition", kpi(direction="none", target=None))


def test_a_target_says_why_it_has_its_value() -> None:
    assert found("target_without_reason", kpi()) == [("revenue", "its target has no `rationale`")]
    (benchmark,) = found("target_without_reason", kpi(target_source="benchmark"))
    assert benchmark[1].startswith("its target rests on a benchmark alone")
    stated = {"target_source": "benchmark", "target_rationale": "the median of shops of our size"}
    assert not found("target_without_reason", kpi(**stated), kpi("orders", target=None))


def test_a_sum_is_no_fraction() -> None:
    assert found("unit_contradicts_kind", kpi(unit="fraction")) == [
        ("revenue", "is a flow, but its unit is `fraction`")
    ]
    assert not found("unit_contradicts_kind", kpi(unit="fraction", kind="ratio"), kpi("orders", unit="count"))


def test_one_formula_has_one_name() -> None:
    same = kpi("sales", metric="revenue")
    assert found("same_formula_twice", kpi(), same) == [("sales", "has the same formula as revenue: revenue")]
    assert not found("same_formula_twice", kpi(), kpi("sales", metric="revenue", freqs=("A",)))
    assert not found("same_formula_twice", kpi(), kpi("sales", metric="revenue", retired=RETIRED))


def test_a_kpi_that_the_feeds_dont_supply() -> None:
    missing = {"supplied": False, "missing_entities": ("leads", "visits")}
    assert found("kpi_without_data", kpi(), kpi("cpl", **missing)) == [("cpl", "the company supplies no leads, visits")]
    assert not found("kpi_without_data", kpi("cpl", retired=RETIRED, **missing))


def test_every_rule_says_what_it_finds_and_why() -> None:
    for rule in finding.RULES.values():
        first, _, why = (rule.__doc__ or "").partition("\n\n")
        assert first.strip().endswith(".") and why.strip()


FOUND = [Finding("unknown_owner", "ceo@x", "…"), Finding("too_many_kpis", "company", "…")]


def write(folder: Path, text: str) -> Company:
    (folder / "exceptions.yml").write_text(text, encoding="utf-8")
    return company(folder)


def test_an_exception_holds_until_its_day_and_is_reported_when_nothing_needs_it(tmp_path: Path) -> None:
    rules = {"unknown_owner", "too_many_kpis", "review_overdue"}
    line = "- {rule: %s, subject: %s, reason: new owner in May, until: %s}\n"
    text = "exceptions:\n" + line % ("unknown_owner", "ceo@x", "2026-03-05")
    accepted = exceptions.read(write(tmp_path, text), rules)
    assert exceptions.without_accepted(FOUND, accepted, rules, DAY) == FOUND[1:]
    assert exceptions.without_accepted(FOUND, accepted, rules, date(2026, 3, 6)) == FOUND
    needless = exceptions.without_accepted(FOUND[1:], accepted, rules, DAY)
    assert [(one.rule, one.subject) for one in needless[1:]] == [("exception_not_needed", "ceo@x")]
    assert "unknown_owner finds nothing here" in needless[1].problem
    # Nothing is said of a rule that wasn't applied, as nothing is published.
    unpublished = exceptions.read(write(tmp_path, "exceptions:\n" + line % ("review_overdue", "cac", DAY)), rules)
    assert exceptions.without_accepted([], unpublished, rules - {"review_overdue"}, DAY) == []


def test_an_exception_from_no_rule_is_a_mistake(tmp_path: Path) -> None:
    text = "exceptions:\n- {rule: unknown_owners, subject: ceo@x, reason: none, until: 2026-03-05}\n"
    with pytest.raises(Problems, match=r"exceptions.yml:2: rule: there is no rule 'unknown_owners' \(did you mean"):
        exceptions.read(write(tmp_path, text), {"unknown_owner"})
    with pytest.raises(Problems, match="reason: is required"):
        exceptions.read(write(tmp_path, "exceptions: [{rule: a, subject: b, until: 2026-03-05}]\n"), {"a"})
    entry = "- {rule: a, subject: b, reason: none, until: 2026-03-05}\n"
    with pytest.raises(Problems, match=r"exceptions.yml:3: there is an exception from a of b already; keep one of"):
        exceptions.read(write(tmp_path, "exceptions:\n" + 2 * entry), {"a"})
    assert exceptions.read(replace(company(tmp_path), path=tmp_path / "none"), {"a"}) == ()


def test_a_retirement_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NYCKELTAL_NOW", "2026-01-30T23:30:00+00:00")  # January 31 where the company is
    definition, definition_file = standard_definitions()["ctr"]
    facts = "owner: cmo\nlevel: key\nobjective: growth\ntarget: {none: new}\nreview: monthly\nfreqs: [M]\n"
    (tmp_path / "kpis/marketing").mkdir(parents=True)

    def problems(day: str, *replaced_by: str, reason: str = "nobody acts on it") -> list[str]:
        files = {kpi_id: tmp_path / f"kpis/marketing/{kpi_id}.yml" for kpi_id in ("ctr", "cpc", "cpl")}
        for file, follower in zip(files.values(), (*replaced_by, "", "", ""), strict=False):
            follows = f", replaced_by: {follower}" if follower else ""
            file.write_text(f"kpi: {file.stem}\n{facts}retired: {{on: {day}, reason: '{reason}'{follows}}}\n")
        adoption = yaml_file.load(files["ctr"], Adoption)
        ctr = Kpi("marketing", definition, adoption, definition_file, files["ctr"])
        return [str(error) for error in retirement_holds.findings(ctr, company(tmp_path))]

    assert problems("2026-01-31") == [] == problems("2026-01-31", "cpc", "cpl")
    (future,) = problems("2099-01-01")
    assert "ctr.yml:8: retired: its day, 2099-01-01, is still to come" in future
    (circular,) = problems("2026-01-31", "cpc", "cpl", "ctr")
    assert "the replacements lead back to it: cpc, cpl, ctr" in circular
    assert "no KPI 'cpp' is adopted" in problems("2026-01-31", "cpp")[0]
    assert problems("2026-01-31", "cpc", "cpl", "cpc") == []  # told of those two
    with pytest.raises(Problems, match=r"ctr.yml:8: retired.reason: is blank"):
        problems("2026-01-31", reason="     ")
