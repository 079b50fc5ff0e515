"""Writes into a KPI's file that it is retired."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company


def adoption_file(company: Company, kpi_id: str) -> Path:
    """The file of an adopted KPI."""
    return next((company.path / "kpis").glob(f"*/{kpi_id}.yml"))


@contextmanager
def written(
    file: Path, kpi: CatalogKpi, day: date, reason: str, replaced_by: str | None, catalog: Catalog
) -> Iterator[None]:
    """Appends `retired` to the KPI's file, whose other lines stay as they are; takes it out again if the block fails.

    Raises NyckeltalError when the KPI is retired already, or `replaced_by` isn't another KPI in use.
    """
    if kpi.retired is not None:
        raise NyckeltalError(f"is retired since {kpi.retired.on}", file=file, field="retired")
    others = [other.kpi_id for other in catalog.live if other.kpi_id != kpi.kpi_id]
    if replaced_by not in (None, *others):
        problem = f"no KPI '{replaced_by}' is in use{did_you_mean(replaced_by or '', others)}"
        raise NyckeltalError(problem, field="--replaced-by", expected="another KPI of the company")
    lines = ["retired:", f"  on: {day}", f"  reason: {json.dumps(reason, ensure_ascii=False)}"]
    lines += [f"  replaced_by: {replaced_by}"] if replaced_by else []
    before = file.read_text(encoding="utf-8")
    file.write_text(before.rstrip("\n") + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    try:
        yield
    except BaseException:
        file.write_text(before, encoding="utf-8")
        raise
