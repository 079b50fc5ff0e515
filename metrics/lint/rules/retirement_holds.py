"""A retired KPI is so today, and what replaces it is another adopted KPI, which it doesn't replace in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from metrics.core import clock, yaml_file
from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.definitions.company import Company
from metrics.definitions.kpis.kpi import Kpi


def findings(kpi: Kpi, company: Company) -> Iterator[NyckeltalError]:
    retired = kpi.adoption.retired
    if retired is None:
        return
    if retired.on > clock.today(company.time_zone):
        yield kpi.problem("retired", f"its day, {retired.on}, is still to come", expected="a day until today")
    files = {file.stem: file for file in (company.path / "kpis").glob("*/*.yml")}
    others = sorted(files.keys() - {kpi.id})
    if retired.replaced_by not in (None, *others):
        problem = f"no KPI '{retired.replaced_by}' is adopted{did_you_mean(retired.replaced_by or '', others)}"
        yield kpi.problem("retired", problem, expected="in `replaced_by` another KPI of the company")
    elif kpi.id in (followers := _followers(files, retired.replaced_by)):
        problem = f"the replacements lead back to it: {', '.join(followers)}"
        yield kpi.problem("retired", problem, expected="in `replaced_by` a KPI that goes on")


def _followers(files: dict[str, Path], kpi_id: str | None) -> list[str]:
    """The KPI, what replaces it, what replaces that, and so on, each once."""
    followers: list[str] = []
    while kpi_id in files and kpi_id not in followers:
        followers.append(kpi_id)
        stated = yaml_file.read(files[kpi_id]).get("retired")
        kpi_id = stated.get("replaced_by") if isinstance(stated, dict) else None
    return followers
