"""The company secretary's register of the board: who holds each seat, without names."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from sample_company.simulator.files import SourceFolder
from sample_company.simulator.timeline import Span

OWNERS, EMPLOYEES = "general meeting", "employees"
# Seat, who appoints its holder, sex, first day, last day (None while it lasts). General meetings are in May.
SEATS: tuple[tuple[str, str, str, date, date | None], ...] = (
    ("1", OWNERS, "M", date(2019, 5, 14), date(2024, 5, 15)),
    ("1", OWNERS, "F", date(2024, 5, 16), None),
    ("2", OWNERS, "M", date(2020, 5, 19), None),
    ("3", OWNERS, "F", date(2021, 5, 18), None),
    ("4", OWNERS, "M", date(2018, 5, 15), date(2025, 5, 14)),
    ("4", OWNERS, "F", date(2025, 5, 15), None),
    ("5", OWNERS, "M", date(2022, 5, 17), None),
    ("6", OWNERS, "M", date(2017, 5, 16), None),
    ("7", EMPLOYEES, "F", date(2022, 5, 17), date(2026, 5, 18)),
    ("7", EMPLOYEES, "M", date(2026, 5, 19), None),
    ("8", EMPLOYEES, "M", date(2023, 5, 16), None),
)


def write_board(folder: SourceFolder, span: Span) -> None:
    """governance/board_members.csv: one row per seat and holder, as known at the last simulated day."""
    seat, appointed_by, sex, first, last = zip(*(row for row in SEATS if row[3] <= span.until), strict=True)
    last_known = [day if day is not None and day <= span.until else None for day in last]
    table = pa.table(
        {
            "seat": seat,
            "appointed_by": appointed_by,
            "sex": sex,
            "first_day": np.array(first, dtype="datetime64[D]"),
            "last_day": pa.array(last_known, pa.date32()),
        }
    )
    folder.csv("governance/board_members.csv", table, span.until, delimiter=";")
