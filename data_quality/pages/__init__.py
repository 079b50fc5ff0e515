"""What Great Expectations says of the gate's newest verdicts, as pages: one for each KPI, and one that lists them.

It judges what is shown; the pages are our own. Its Data Docs load styles and scripts from nine hosts, so that they
can't be read without a network and tell those hosts who reads, and speak of rows where a reader wants periods. Of
protected KPIs there are outcomes.
"""

from __future__ import annotations

import math
import shutil
import stat
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader

from data_quality import warehouse
from data_quality.gate import expectations
from data_quality.gate.checks.registry import CHECKS
from data_quality.gate.keys import history
from data_quality.gate.verdict import CheckResult, Verdict
from data_quality.ledger.store import Ledger
from data_quality.release import eligibility, snapshot
from metrics.core import clock
from metrics.core.deployment import data_dir, ledger_path
from metrics.core.errors import NyckeltalError
from metrics.core.text import one_line, visible
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company

_TEMPLATES = Path(__file__).parent
_ANSWERS = {"hold": "released", "publish_flagged": "flagged", "publish": "passed"}


@dataclass(frozen=True)
class Judged:
    """A period's newest verdict, whether it is held, released by a decision, flagged or passed, and why it is held."""

    verdict: Verdict
    answer: str
    reason: str


@dataclass(frozen=True)
class Page:
    """A KPI's page: its file, and of how many periods each verdict is."""

    kpi: CatalogKpi
    file: str
    counts: Counter[str]
    newest: str


@dataclass(frozen=True)
class LookedAt:
    """A check on a KPI's page: what it expects, of how many periods it was made, and what was found where it fails."""

    name: str
    sentence: str
    periods: int
    failing: tuple[str, ...]


def write(company: Company, catalog: Catalog) -> Path:
    """Write the docs of what was judged last into the data folder's `docs/`, in place of earlier ones; its first page.

    Only the owner of the data folder can read them: they tell of values that were held.
    Raises NyckeltalError when nothing was judged yet.
    """
    by_kpi = _judged(company, catalog)
    if not by_kpi:
        raise NyckeltalError("the gate has judged nothing yet; `kpi run` does")
    goal, draft = data_dir() / "docs", data_dir() / "docs.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=stat.S_IRWXU)
    pages = []
    for kpi in catalog.kpis:
        if judged := by_kpi.get(kpi.kpi_id):
            newest = judged[0].verdict.time_period
            page = Page(kpi, f"{kpi.kpi_id}.html", Counter(one.answer for one in judged), newest)
            pages.append(page)
            (draft / page.file).write_text(_page(catalog, page, judged), encoding="utf-8")
    facts = {"pages": pages, "company": catalog.company, "written": clock.now()}
    (draft / "index.html").write_text(_templates().get_template("index.j2").render(**facts), encoding="utf-8")
    shutil.rmtree(goal, ignore_errors=True)
    draft.replace(goal)
    return goal / "index.html"


def _judged(company: Company, catalog: Catalog) -> dict[str, list[Judged]]:
    """By KPI its judged periods, the newest first: held is what a release would hold, as `kpi held` says."""
    with warehouse.connect(read_only=True) as connection:
        offered = snapshot.read(connection, catalog, *history(catalog))
    held = {key: "" for key, one in offered.verdicts.items() if one.verdict == "hold"}
    if ledger := Ledger.find(ledger_path()):
        eligible = eligibility.assess(offered, ledger, catalog, clock.today(company.time_zone))
        held = {one.key: one.reason for one in eligible.held if not one.stands}
    by_kpi: dict[str, list[Judged]] = defaultdict(list)
    for key in sorted(offered.planned, key=lambda key: (offered.planned[key].period.end, key[1]), reverse=True):
        if one := offered.verdicts.get(key):
            answer = "held" if key in held else _ANSWERS[one.verdict]
            by_kpi[one.kpi_id].append(Judged(one, answer, held.get(key, "")))
    return by_kpi


def _page(catalog: Catalog, page: Page, judged: Sequence[Judged]) -> str:
    frame = _frame(judged)
    sentences = {check.name: check.sentence for check in CHECKS if frame[f"{check.name}__limit"].notna().any()}
    result = expectations.validate(page.kpi.name, frame, sentences, ["found"])
    checks = [_looked_at(one, sentences) for one in result.results]
    judged_at = max(one.verdict.judged_at for one in judged)
    held = [one for one in judged if one.answer == "held"]
    checks.sort(key=lambda one: -len(one.failing))
    facts = {"page": page, "company": catalog.company, "judged_at": judged_at, "held": held, "checks": checks}
    return _templates().get_template("page.j2").render(**facts)


def _looked_at(result: Any, sentences: Mapping[str, str]) -> LookedAt:
    """What an expectation's result says: which of the periods aren't as expected."""
    name, found = result.expectation_config.meta["limit"], result.result
    failing = tuple(str(row["found"]) for row in found.get("unexpected_index_list") or ())
    return LookedAt(name, sentences[name], found["element_count"] - found["missing_count"], failing)


def _frame(judged: Sequence[Judged]) -> pd.DataFrame:
    """A row for each verdict: what was found, and of each check its figure and limit, where it applied."""
    rows = []
    for one in judged:
        failing = "; ".join(f"{result.check}{_figures(result)}: {result.detail}" for result in one.verdict.failing)
        finding = one_line(f"{one.verdict.time_period} {one.answer}: {failing}")
        row: dict[str, Any] = {"found": finding}
        for result in one.verdict.checks:
            row[result.check], row[f"{result.check}__limit"] = _figure_and_limit(result)
        rows.append(row)
    names = [name for check in CHECKS for name in ("found", check.name, f"{check.name}__limit")]
    return pd.DataFrame(rows, columns=list(dict.fromkeys(names)))


def _figures(result: CheckResult) -> str:
    return "" if result.figure is None else f" ({result.figure:.4g}, limit {result.limit:.4g})"


def _figure_and_limit(result: CheckResult) -> tuple[float, float]:
    """What was held against what. Where no figure may be told, 1 against 0 is a check that fails."""
    if result.outcome == "not_applicable":
        return math.nan, math.nan
    if result.figure is None or result.limit is None:
        return float(result.outcome != "pass"), 0.0
    return result.figure, result.limit


@cache
def _templates() -> Environment:
    """The pages' templates, in which every text is escaped and shown as it is."""
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
