"""The companies that `make reality` lives through: their folders, files, spans, and the values that are right."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.reality import files
from benchmarks.reality.files import Deliver
from metrics.core.deployment import PROJECT

REAL_FILES = PROJECT.parent / "shared" / "data" / "real"


@dataclass(frozen=True)
class Lived:
    """A company, or a part of one whose feeds end on the same day.

    `first_run` is the newest month of the first run of the lived months, `last` that of the last one. `kpis` are those
    that are judged, all where it is empty. `new_levels` are months in which owners release what is held as a new level.
    `expected` has for a KPI of ours the name that `expected.csv` gives it; several may have one name.
    """

    name: str
    folder: Path
    deliver: Deliver
    first_run: str
    last: str
    kpis: tuple[str, ...] = ()
    new_levels: tuple[str, ...] = ()
    expected: Mapping[str, str] = field(default_factory=dict)

    def expected_values(self) -> dict[tuple[str, str, str, str], float]:
        """The values that are right, by (kpi_id, freq, time_period, member); `_T` is the total.

        Those of periods that the files don't cover, and of before they can tell, are left out.
        """
        if not self.expected:
            return {}
        values = {}
        with (REAL_FILES / self.name / "expected.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                told_apart = row["note"] in ("partial", "lcens") or row["freq"] == "ALL" or row["value"] == ""
                member = "_T" if row["segment"] == "all" else row["member"]
                for kpi_id, theirs in self.expected.items():
                    if theirs == row["kpi"] and not told_apart:
                        values[kpi_id, row["freq"], row["time_period"], member] = float(row["value"])
        return values


_REAL = PROJECT / "tests" / "real_company"
COMPANIES = (
    Lived(
        "adventureworks",
        PROJECT / "tests" / "adventureworks",
        files.together(
            files.adventureworks_sales,
            files.dated("adventureworks/AdventureWorks_Returns.csv", "ReturnDate", "%d/%m/%Y"),
            files.copied(
                *(
                    f"adventureworks/AdventureWorks_{name}.csv"
                    for name in ("Customers", "Products", "Product_Categories", "Product_Subcategory", "Territories")
                )
            ),
        ),
        first_run="2016-06",
        last="2017-06",
        new_levels=("2016-07",),  # it widened its range in July 2016
        expected={
            "net_revenue": "net_revenue_after_returns",
            "average_order_value": "average_order_value",
            "new_customers": "new_customers",
        },
    ),
    Lived(
        "ravenstack",
        PROJECT / "tests" / "ravenstack",
        files.together(
            files.ravenstack_accounts,
            files.dated("ravenstack/ravenstack_subscriptions.csv", "start_date", "%Y-%m-%d", {"end_date": ()}),
            files.dated(
                "ravenstack/ravenstack_support_tickets.csv",
                "submitted_at",
                "%Y-%m-%d",
                {"closed_at": ("resolution_time_hours", "satisfaction_score")},
            ),
        ),
        first_run="2024-03",
        last="2024-12",
        expected={
            "new_customers": "new_customers",
            "csat": "csat_top2box",
            "incident_resolution_time_p50": "ticket_resolution_hours_median",
            "mrr": "mrr",
            "paying_accounts": "active_customers",
            **{
                kpi_id + kind: name
                for kpi_id, name in (
                    ("net_revenue_retention", "nrr"),
                    ("gross_revenue_retention", "grr"),
                    ("logo_churn_rate", "logo_churn_rate"),
                )
                for kind in ("", "_quarterly", "_yearly")
            },
        },
    ),
    Lived(
        "online_retail",
        _REAL,
        files.daily("online_retail"),
        first_run="2011-06",
        last="2011-11",
        kpis=("net_revenue", "average_order_value", "new_customers", "repeat_purchase_rate", "return_rate"),
    ),
    Lived(
        "employees",
        _REAL,
        files.dated("employees/HRDataset_v14.csv", "DateofHire", "%m/%d/%y", {"DateofTermination": ("TermReason",)}),
        first_run="2017-06",
        last="2018-10",
        kpis=("headcount", "turnover_rate", "gender_pay_gap"),
    ),
    Lived(
        "service_desk",
        _REAL,
        files.dated(
            "incidents/incident_event_log.csv", "sys_updated_at", "%d/%m/%Y %H:%M", {"resolved_at": (), "closed_at": ()}
        ),
        first_run="2016-08",
        last="2017-01",
        kpis=("mttr", "incident_resolution_time_p50"),
    ),
    Lived(
        "website",
        _REAL,
        files.dated("website_visitors/daily-website-visitors.csv", "Date", "%m/%d/%Y"),
        first_run="2018-12",
        last="2020-07",
        kpis=("web_sessions",),
    ),
    Lived(
        "energy",
        _REAL,
        files.dated("energy/Steel_industry_data.csv", "date", "%d/%m/%Y %H:%M"),
        first_run="2018-06",
        last="2018-12",
        kpis=("energy_use",),
    ),
    Lived("sample_company", PROJECT / "sample_company", files.simulated, first_run="2023-11", last="2026-10"),
)
