"""What causes what in the sample company: an analysis of its figures has something true to find."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
from python_calamine import CalamineWorkbook

from sample_company.simulator.business import demand
from sample_company.simulator.files import SourceFolder
from sample_company.simulator.marketing.media import write_web
from sample_company.simulator.people.staff import Staff, staff_ahead
from sample_company.simulator.people.staff_survey import ITEMS, Survey
from sample_company.simulator.sales.customers import Customers
from sample_company.simulator.sales.products import make_products
from sample_company.simulator.sales.shop import Shop
from sample_company.simulator.timeline import Span, local_days


def test_engagement_falls_in_the_quarter_before_many_leave(tmp_path: Path) -> None:
    span = Span(start=date(2023, 11, 1), until=date(2026, 9, 30), seed=1, scale=1.0)
    staff = Staff(span)
    survey = Survey(span, staff, staff_ahead(span))
    for month in span.months():
        staff.run(month)
        survey.run(month)
    survey.write(SourceFolder(tmp_path))

    header, *rows = (
        CalamineWorkbook.from_path(tmp_path / "hr/pulse_survey.xlsx").get_sheet_by_name("Answers").to_python()
    )
    answers: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        cells = dict(zip(header, row, strict=True))
        answers[str(cells["wave"])] += [float(str(cells[item])) >= 4 for item in ITEMS if cells[item] != ""]
    leavers: dict[str, int] = defaultdict(int)
    for day in staff.left[~np.isnat(staff.left)].astype(object):
        leavers[f"{day.year}-Q{(day.month + 2) // 3}"] += 1

    waves = sorted(answers)[:-1]
    engagement = [np.mean(answers[wave]) for wave in waves]
    next_quarter = [leavers[wave] for wave in sorted(answers)[1:]]
    assert len(waves) == 11
    assert np.corrcoef(engagement, next_quarter)[0, 1] < -0.5
    assert max(engagement) - min(engagement) > 0.08


def test_visits_lead_new_customers_by_six_weeks(tmp_path: Path) -> None:
    span = Span(start=date(2024, 1, 1), until=date(2025, 6, 29), seed=1, scale=0.5)
    folder, customers = SourceFolder(tmp_path), Customers(span)
    registered_before = len(customers)
    shop = Shop(folder, span, customers, make_products(span))
    for month in span.months():
        shop.run(month)
        write_web(folder, span, month, shop.web_orders)
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2025-06-30"))
    week = (days - days[0]).astype(np.int64) // 7
    usual = np.bincount(week, demand(days))
    visits_by_day = duckdb.sql(
        f"select sum(sessions) from '{tmp_path}/web/*.parquet' group by session_date order by session_date"
    ).fetchall()
    visits = np.bincount(week, [float(visits) for (visits,) in visits_by_day]) / usual
    registered = (local_days(customers.created_at[registered_before:]) - days[0]).astype(np.int64) // 7
    newcomers = np.bincount(registered, minlength=len(usual))[: len(usual)] / usual
    related = [np.corrcoef(newcomers[lag:], visits[: len(visits) - lag])[0, 1] for lag in range(10)]
    assert np.argmax(related) == 6
    assert related[6] > 0.4
