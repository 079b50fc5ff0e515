"""Pages on the gate's newest verdicts, as Great Expectations evaluates them: one per KPI, and an index.

The pages are our own. Great Expectations' Data Docs load styles and scripts from nine hosts, so that they need a
network and show those hosts who reads them, and they list rows instead of periods. Pages of protected KPIs have
outcomes only.
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
class JudgedPeriod:
    """A period's newest verdict; `answer` is held, released (by a decision), flagged or passed; `reason` of a hold."""

    verdict: Verdict
    answer: str
    reason: str


@dataclass(frozen=True)
class Page:
    """A KPI's page: its file name, the number of periods by answer, and the newest judged period."""

    kpi: CatalogKpi
    file: str
    counts: Counter[str]
    newest: str


@dataclass(frozen=True)
class CheckSection:
    """A check on a KPI's page: what it expects, for how many periods it was evaluated, and a line per failing one."""

    name: str
    sentence: str
    periods: int
    failing: tuple[str, ...]


def write(company: Company, catalog: Catalog) -> Path:
    """Write the pages to the data folder's `docs/`, in place of earlier ones; the path of the index.

    Only the owner of the data folder can read them, as they show values that are held.
    Raises NyckeltalError when nothing was judged yet.
    """
    by_kpi = _judged_periods(company, catalog)
    if not by_kpi:
        raise NyckeltalError("the gate has judged nothing yet; run `kpi run`")
    folder, draft = data_dir() / "docs", data_dir() / "docs.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=stat.S_IRWXU)
    pages = []
    for kpi in catalog.kpis:
        if periods := by_kpi.get(kpi.kpi_id):
            newest = periods[0].verdict.time_period
            page = Page(kpi, f"{kpi.kpi_id}.html", Counter(period.answer for period in periods), newest)
            pages.append(page)
            (draft / page.file).write_text(_page(catalog, page, periods), encoding="utf-8")
    variables = {"pages": pages, "company": catalog.company, "written": clock.now()}
    (draft / "index.html").write_text(_templates().get_template("index.j2").render(**variables), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)
    return folder / "index.html"


def _judged_periods(company: Company, catalog: Catalog) -> dict[str, list[JudgedPeriod]]:
    """The judged periods of each KPI, by kpi_id, newest first. Periods that a release would hold are shown as held."""
    with warehouse.connect(read_only=True) as connection:
        release_snapshot = snapshot.read(connection, catalog, *history(catalog))
    planned, verdicts = release_snapshot.planned, release_snapshot.verdicts
    reasons = {key: "" for key, verdict in verdicts.items() if verdict.verdict == "hold"}
    if ledger := Ledger.find(ledger_path()):
        assessment = eligibility.assess(release_snapshot, ledger, catalog, clock.today(company.time_zone))
        reasons = {held.key: held.reason for held in assessment.held if not held.published_stays}
    by_kpi: dict[str, list[JudgedPeriod]] = defaultdict(list)
    for key in sorted(planned, key=lambda key: (planned[key].period.end, key[1]), reverse=True):
        if verdict := verdicts.get(key):
            answer = "held" if key in reasons else _ANSWERS[verdict.verdict]
            by_kpi[verdict.kpi_id].append(JudgedPeriod(verdict, answer, reasons.get(key, "")))
    return by_kpi


def _page(catalog: Catalog, page: Page, periods: Sequence[JudgedPeriod]) -> str:
    """The HTML of a KPI's page."""
    frame = _frame(periods)
    sentences = {check.name: check.sentence for check in CHECKS if frame[f"{check.name}__limit"].notna().any()}
    suite_result = expectations.validate(page.kpi.name, frame, sentences, ["finding"])
    sections = [_check_section(validation, sentences) for validation in suite_result.results]
    sections.sort(key=lambda section: -len(section.failing))
    variables = {
        "page": page,
        "company": catalog.company,
        "judged_at": max(period.verdict.judged_at for period in periods),
        "held": [period for period in periods if period.answer == "held"],
        "checks": sections,
    }
    return _templates().get_template("page.j2").render(**variables)


def _check_section(validation: Any, sentences: Mapping[str, str]) -> CheckSection:
    """The section on a check, from the validation result of its expectation."""
    name, result = validation.expectation_config.meta["limit"], validation.result
    failing = tuple(str(row["finding"]) for row in result.get("unexpected_index_list") or ())
    return CheckSection(name, sentences[name], result["element_count"] - result["missing_count"], failing)


def _frame(periods: Sequence[JudgedPeriod]) -> pd.DataFrame:
    """One row per period: `finding`, a line for people, and for each check its figure and limit, NaN if not applicable.

    The columns of a check are named <check> and <check>__limit.
    """
    rows = []
    for period in periods:
        failing = "; ".join(f"{result.check}{_figures(result)}: {result.detail}" for result in period.verdict.failing)
        row: dict[str, Any] = {"finding": one_line(f"{period.verdict.time_period} {period.answer}: {failing}")}
        for result in period.verdict.checks:
            row[result.check], row[f"{result.check}__limit"] = _figure_and_limit(result)
        rows.append(row)
    names = [name for check in CHECKS for name in (check.name, f"{check.name}__limit")]
    return pd.DataFrame(rows, columns=["finding", *names])


def _figures(result: CheckResult) -> str:
    return "" if result.figure is None else f" ({result.figure:.4g}, limit {result.limit:.4g})"


def _figure_and_limit(result: CheckResult) -> tuple[float, float]:
    """The figure and the limit of a check; NaN if not applicable.

    Results of protected KPIs have no figure: a failing one is shown as 1 above a limit of 0.
    """
    if result.outcome == "not_applicable":
        return math.nan, math.nan
    if result.figure is None or result.limit is None:
        return float(result.outcome != "pass"), 0.0
    return result.figure, result.limit


@cache
def _templates() -> Environment:
    """The templates of the pages. Every text is escaped, and its control characters are written out."""
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
