"""`objectives.yml`: the tree of objectives, initiatives, thresholds of targets; and what is proposed for new KPIs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from metrics.core.deployment import PROJECT
from metrics.core.errors import Problems
from metrics.definitions.company import Company
from metrics.definitions.kpis.adopted import adopted_kpis
from metrics.definitions.kpis.kpi import standard_definitions
from metrics.definitions.objectives import Objective, path_to
from metrics.objective_proposals import proposal, unserved

COMPANY = PROJECT / "tests/ravenstack"
OBJECTIVES = """\
objectives:
  top: {name: Top, perspective: financial, owner: ceo@example.com, horizon: 2027-12-31}
  part: {name: Part, perspective: customer, part_of: top, weight: 2}
  part_of_part: {name: Part of the part, perspective: learning, part_of: part}
initiatives:
  move: {name: Move, objective: part, owner: coo@example.com, since: 2026-01-01, until: 2026-06-30, kpi: mrr}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A company of which only objectives and KPIs matter here."""
    shutil.copytree(COMPANY, tmp_path / "company", ignore=shutil.ignore_patterns("compiled", "models"))
    (tmp_path / "company/objectives.yml").write_text(OBJECTIVES)
    return tmp_path / "company"


def problem_with(folder: Path, old: str, new: str) -> str:
    """What is said of objectives.yml after a change, without the path before its name."""
    text = OBJECTIVES.replace(old, new)
    assert text != OBJECTIVES
    (folder / "objectives.yml").write_text(text)
    with pytest.raises(Problems) as raised:
        Company.load(folder)
    return "\n".join(line.split("objectives.yml:", 1)[1] for line in str(raised.value).splitlines())


def test_the_objectives_are_a_tree(folder: Path) -> None:
    company = Company.load(folder)
    assert path_to(company.objectives, "part_of_part") == ["top", "part", "part_of_part"]
    assert (company.objectives["part"].weight, company.objectives["top"].weight) == (2, 1)
    assert company.initiatives["move"].kpi == "mrr"


_CIRCLE = "an objective can't be a part of itself"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "part_of: top",
            "part_of: tpo",
            "3: objectives.part.part_of: there is no objective 'tpo' (did you mean 'top'?)",
        ),
        (
            "horizon: 2027-12-31",
            "horizon: 2027-12-31, part_of: part_of_part",
            f"2: objectives.top.part_of: {_CIRCLE}: top is a part of part_of_part is a part of part is a part of top",
        ),
        ("part_of: top", "part_of: part", f"3: objectives.part.part_of: {_CIRCLE}: part is a part of part"),
        (
            "objective: part,",
            "objective: prat,",
            "6: initiatives.move.objective: there is no objective 'prat' (did you mean 'part'?)",
        ),
        ("kpi: mrr", "kpi: mmr", "6: initiatives.move.kpi: no KPI 'mmr' is adopted (did you mean 'mrr'?)"),
        ("until: 2026-06-30", "until: 2025-06-30", "6: initiatives.move: `until` is before `since`"),
        (
            "weight: 2",
            "weight: 1001",
            "3: objectives.part.weight: input should be less than or equal to 1000; found 1001",
        ),
        (
            "  part_of_part:",
            '  "part\\u202e": {name: P, perspective: learning}\n  part_of_part:',
            r"4: objectives.part\u202e: a key consists of a to z, digits and _; found 'part\u202e'",
        ),
        (
            "  move:",
            "  Move it:",
            "6: initiatives.Move it: a key consists of a to z, digits and _; found 'Move it'",
        ),
        ("weight: 2", "weight: .inf", "3: objectives.part.weight: input should be a finite number; found inf"),
        ("weight: 2", "weight: 0", "3: objectives.part.weight: input should be greater than 0; found 0"),
    ],
)
def test_a_mistake_in_the_tree_is_told_with_its_line(folder: Path, old: str, new: str, said: str) -> None:
    assert problem_with(folder, old, new) == said


def test_a_tree_has_at_most_ten_levels(folder: Path) -> None:
    levels = [
        f"  o{number}: {{name: N, perspective: financial, part_of: o{number - 1}}}\n" for number in range(1, 1200)
    ]
    tree = ["  o0: {name: N, perspective: financial}\n", *levels]
    (folder / "objectives.yml").write_text("".join(["objectives:\n", *tree[:10]]))
    assert len(Company.load(folder).objectives) == 10
    (folder / "objectives.yml").write_text("".join(["objectives:\n", *tree]))
    with pytest.raises(Problems) as raised:
        Company.load(folder)
    assert str(raised.value).endswith(
        "objectives.yml:12: objectives.o10.part_of: lies more than 10 levels deep: make it a part of a higher objective"
    )


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("{value: 5, by_period: {2026-01: 4}}", "by_period needs `freq`, the frequency of its periods"),
        ("{value: 5, freq: M, by_period: {2026-Q1: 4}}", "'2026-Q1' is no period of the target's `freq`, M"),
        ("{none: no, tolerance: 1}", "tolerance, by_period, rationale and source are of a target with a value"),
        ("{value: 5, tolerance: 0}", "target.tolerance: input should be greater than 0; found 0"),
        ("{value: .inf}", "target.value: input should be a finite number; found inf"),
        ("{value: 1e400}", "target.value: input should be a finite number; found inf"),
        ("{value: 5, tolerance: .nan}", "target.tolerance: input should be a finite number; found nan"),
        (
            "{value: 5, freq: M, by_period: {2026-01: .inf}}",
            "target.by_period.2026-01: input should be a finite number; found inf",
        ),
        (
            "{value: 5, since: 2026-01-01, earlier: [{value: -.inf, since: 2025-01-01}]}",
            "target.earlier.0.value: input should be a finite number; found -inf",
        ),
        ('{value: 5, freq: A, by_period: {2026: 4, "2026": 5}}', "the key 2026 is there twice"),
        ("{none: " + "why " * 300 + "}", "target.none: string should have at most 1000 characters"),
        ("{value: 5, source: hearsay}", "input should be 'history', 'benchmark' or 'commitment'; found 'hearsay'"),
    ],
)
def test_a_mistake_in_a_target_is_told(folder: Path, target: str, said: str) -> None:
    file = next(folder.glob("kpis/*/net_revenue_retention.yml"))
    file.write_text("".join(
        f"target: {target}\n" if line.startswith("target:") else line for line in file.read_text().splitlines(True)
    ))  # fmt: skip
    with pytest.raises(Problems, match=r"net_revenue_retention\.yml:") as raised:
        adopted_kpis(Company.load(folder))
    assert said in str(raised.value)


def test_an_objective_is_proposed_by_the_domain_and_else_by_the_perspective() -> None:
    company = Company.load(COMPANY)
    adopted = adopted_kpis(company)
    definitions = {kpi_id: definition for kpi_id, (definition, _) in standard_definitions().items()}
    of_customer = proposal(definitions["nps"], "customer", adopted, company.objectives)
    served = [kpi.adoption.objective for kpi in adopted if kpi.domain == "customer"]
    assert of_customer.objective == "keep" and served.count("keep") == 4
    assert of_customer.reason == f"4 of {len(served)} adopted KPIs of customer serve it"
    by_perspective = proposal(definitions["availability"], "technology", adopted, company.objectives)
    assert (by_perspective.objective, by_perspective.reason) == (
        "good_support", "the only objective of the perspective process",
    )  # fmt: skip
    nothing = proposal(definitions["headcount"], "people", adopted, company.objectives)
    assert nothing.objective is None
    assert nothing.reason == "no KPI of people is adopted, and no objective has the perspective learning"
    tied = proposal(definitions["cac"], "marketing", adopted, company.objectives)
    assert tied.objective is None and tied.reason.endswith("and 2 objectives have the perspective customer")


def test_an_objective_is_served_by_the_kpis_of_its_parts() -> None:
    company = Company.load(COMPANY)
    extended = company.objectives | {
        "all": Objective(name="All", perspective="financial"),
        "nobody": Objective(name="Nobody", perspective="financial", part_of="all"),
        "keep": company.objectives["keep"].model_copy(update={"part_of": "all"}),
    }
    assert unserved(adopted_kpis(company), extended) == ["nobody"]
